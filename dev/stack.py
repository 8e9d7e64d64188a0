"""The local stack: a Neo4j and a served model below `.local/`, and the file with their addresses."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from delta_neo4j.embedding.minilm import registry
from dev.local_model import ensure_registered, tracking_uri
from dev.model_server import ModelServer
from dev.neo4j_install import full_version, is_calendar
from dev.neo4j_server import USER, Neo4jServer
from dev.processes import ServerProcess, StackError, one_at_a_time
from dev.services import reachable, write_private, write_services
from model_setup import MODEL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NEO4J_PORT = 7687
MODEL_PORT = 5051

# What a caller may say of a Neo4j of their own. Passwords and tokens stay in the caller's environment.
_CALLERS_NEO4J = (
    *("NEO4J_URI", "NEO4J_PROTOCOL", "NEO4J_HOST"),
    *("NEO4J_USERNAME", "NEO4J_USER", "NEO4J_DATABASE"),
)


class ServiceStatus(NamedTuple):
    """One service: its name and version, its address, whether it is up, and a note for people."""

    service: str
    address: str
    up: bool
    note: str


@dataclass(frozen=True)
class Stack:
    """The stack of the repository in the absolute folder `root`, configured by the caller's `environment`.

    If the environment names a service (NEO4J_URI or NEO4J_HOST, EMBEDDING_URL), the stack uses it and neither starts
    nor stops it.
    """

    root: Path
    environment: Mapping[str, str]

    def up(self, say: Callable[[str], None]) -> None:
        """Start the services that do not run, at the same time, and write `.local/services.env`."""
        with one_at_a_time(self._local / "stack.lock"):
            neo4j = None if self._has_own_neo4j else self._neo4j()
            model = None if self._has_own_model else self._model()
            # Check both services first: if one cannot start, the error must not come minutes later.
            for server in (neo4j, model):
                if server is not None and not server.running:
                    server.check()
            with ThreadPoolExecutor() as pool:
                starts = [
                    *([pool.submit(self._start_neo4j, neo4j, say)] if neo4j else []),
                    *([pool.submit(self._start_model, model, say)] if model else []),
                ]
            for start in starts:
                start.result()
            services = {**self._neo4j_values(neo4j), **self._model_values(model)}
            write_services(self._local / "services.env", services)

    def down(self, say: Callable[[str], None]) -> None:
        """Stop the services that an `up` in this folder started, and wait until they have ended."""
        with one_at_a_time(self._local / "stack.lock"):
            for process in (*self._neo4j_processes(), self._model_process):
                if process.running:
                    say(f"stopping {process.details['name']}")
                process.stop()

    def status(self) -> list[ServiceStatus]:
        """Return the state of each service."""
        neo4j, model = next(iter(self._neo4j_processes()), None), self._model_process
        return [
            _callers("Neo4j", self._callers_uri)
            if self._has_own_neo4j
            else _ours("Neo4j", "bolt://127.0.0.1:{port}", neo4j),
            _callers("model server", self.environment["EMBEDDING_URL"])
            if self._has_own_model
            else _ours("model server", "http://127.0.0.1:{port}/invocations", model),
        ]

    @property
    def _local(self) -> Path:
        return self.root / ".local"

    @property
    def _has_own_neo4j(self) -> bool:
        return bool(self.environment.get("NEO4J_URI") or self.environment.get("NEO4J_HOST"))

    @property
    def _has_own_model(self) -> bool:
        return bool(self.environment.get("EMBEDDING_URL"))

    @property
    def _callers_uri(self) -> str:
        scheme = self.environment.get("NEO4J_PROTOCOL", "neo4j+s")
        return self.environment.get("NEO4J_URI") or f"{scheme}://{self.environment['NEO4J_HOST']}"

    @property
    def _model_process(self) -> ServerProcess:
        return ServerProcess(self._local / "model")

    def _neo4j_processes(self) -> list[ServerProcess]:
        homes = sorted(record.parent for record in (self._local / "neo4j").glob("*/process.json"))
        return [process for process in map(ServerProcess, homes) if process.running]

    def _neo4j(self) -> Neo4jServer:
        """Return the server that runs, or the server to start; raise StackError if another version or port runs."""
        wanted = full_version(self.environment.get("NEO4J_VERSION")), self._port("NEO4J_BOLT_PORT", NEO4J_PORT)
        running = next(iter(self._neo4j_processes()), None)
        if running is None:
            return self._neo4j_server(*wanted)
        found = running.details["version"], running.details["port"]
        asked = self.environment.get("NEO4J_VERSION"), self.environment.get("NEO4J_BOLT_PORT")
        _refuse_another("Neo4j", asked, wanted, found)
        return self._neo4j_server(*found)

    def _neo4j_server(self, version: str, port: int) -> Neo4jServer:
        # A folder a line: a calendar release upgrades a 5.26 store for good.
        line = version.split(".", maxsplit=1)[0] if is_calendar(version) else "5.26"
        return Neo4jServer(
            home=self._local / "neo4j" / line,
            version=version,
            password=self._password(),
            bolt_port=port,
            lib_root=self._local / "neo4j" / "lib",
            java_home=self.environment.get("NEO4J_JAVA_HOME"),
        )

    def _password(self) -> str:
        """Return the password of this folder's own Neo4j: made once, and kept as long as its data."""
        kept = self._local / "neo4j" / "password"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_private(kept, secrets.token_urlsafe(24))
        return kept.read_text()

    def _model(self) -> ModelServer:
        port = self._port("MODEL_PORT", MODEL_PORT)
        if self._model_process.running:
            found = self._model_process.details["port"]
            _refuse_another("the model server", (self.environment.get("MODEL_PORT"),), (port,), (found,))
            port = found
        return ModelServer(
            model=f"models:/{MODEL_NAME}@{registry.ALIAS}",
            port=port,
            home=self._local / "model",
            tracking_uri=tracking_uri(self.root),
        )

    def _start_neo4j(self, server: Neo4jServer, say: Callable[[str], None]) -> None:
        begun = time.monotonic()
        if not server.running:
            server.install()
            server.start()
        server.wait_ready()
        say(f"Neo4j {server.version} answers at {server.uri} after {time.monotonic() - begun:.0f} s")

    def _start_model(self, server: ModelServer, say: Callable[[str], None]) -> None:
        begun = time.monotonic()
        if ensure_registered(self.root):
            say(f"the model is registered after {time.monotonic() - begun:.0f} s")
            server.stop()  # it may serve an older one
        server.start()
        server.wait_ready()
        say(f"the model answers at {server.url} after {time.monotonic() - begun:.0f} s")

    def _neo4j_values(self, server: Neo4jServer | None) -> dict[str, str]:
        if server is None:
            return {name: self.environment[name] for name in _CALLERS_NEO4J if self.environment.get(name)}
        return {
            "NEO4J_URI": server.uri,
            "NEO4J_USERNAME": USER,
            "NEO4J_PASSWORD": server.password,
            "NEO4J_DATABASE": "neo4j",
        }

    def _model_values(self, server: ModelServer | None) -> dict[str, str]:
        url = self.environment["EMBEDDING_URL"] if server is None else server.url
        return {"EMBEDDER": "rest", "EMBEDDING_URL": url}

    def _port(self, variable: str, default: int) -> int:
        asked = self.environment.get(variable) or str(default)
        if not asked.isdecimal() or not 0 < int(asked) < 2**16:
            raise StackError(f"{variable}={asked} is not a port: give a number from 1 to 65535")
        return int(asked)


def _refuse_another(
    what: str, asked: tuple[str | None, ...], wanted: tuple[object, ...], found: tuple[object, ...]
) -> None:
    """Raise StackError if the caller named another version or port than the one that runs."""
    if any(ask and want != have for ask, want, have in zip(asked, wanted, found, strict=True)):
        running, other = (" on port ".join(map(str, pair)) for pair in (found, wanted))
        raise StackError(f"{what} {running} is up, but {other} is asked for: run `python -m dev down` first")


def _callers(service: str, address: str) -> ServiceStatus:
    return ServiceStatus(service, address, reachable(address), "named by the environment, not started here")


def _ours(service: str, address: str, process: ServerProcess | None) -> ServiceStatus:
    pid = None if process is None else process.pid
    if process is None or pid is None:
        return ServiceStatus(service, "", up=False, note="not started: `python -m dev up`")
    at = address.format(port=process.details["port"])
    return ServiceStatus(process.details["name"], at, reachable(at), f"pid {pid}, log {process.log}")
