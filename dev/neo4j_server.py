"""A Neo4j Community server on the loopback, from its Maven artifact: for tests and local work."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neo4j import GraphDatabase
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from dev.java import Java, find_java
from dev.local_server import LocalServer
from dev.neo4j_install import install, is_calendar, main_class
from dev.processes import StackError, port_taken
from dev.wheel_java import VECTOR_MODULE

if TYPE_CHECKING:
    from pathlib import Path

USER = "neo4j"
_FACTORY_PASSWORD = "neo4j"  # noqa: S105 - what every new Neo4j begins with, replaced at once
_UNSAFE_MEMORY_WARNS_FROM = 24

# Unknown keys stop the start, so what only the calendar releases know stands apart. The last two: Bolt waits
# twice 5 s for its idle threads when it stops; with 1 s a stop takes 2.4 s instead of 10.6 s.
_SETTINGS = """server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=true
dbms.usage_report.enabled=false
client.allow_telemetry=false
server.memory.pagecache.size={pagecache}
db.tx_log.preallocate=false
db.tx_log.rotation.size=32m
db.tx_log.rotation.retention_policy=100M size
internal.server.bolt.thread_pool_shutdown_wait_time=1s
internal.server.bolt.connection_shutdown_wait_time=1s
"""
_CALENDAR_SETTINGS = """dbms.fleet_manager.enabled=false
server.fleet_discovery.enabled=false
"""
_OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")


def java_range(version: str) -> tuple[int, int | None]:
    """Return the lowest and the highest Java that this version of Neo4j runs on."""
    return (21, None) if is_calendar(version) else (17, 21)


@dataclass(kw_only=True)
class Neo4jServer(LocalServer):
    """One Neo4j server with its data in `home`.

    `heap` and `pagecache`: sizes in the form of the JVM and Neo4j (`1g`, `512m`). `java_home`: home folder of the Java
    (the value of NEO4J_JAVA_HOME); None looks for a suitable one. `password`: for an existing `home`, the password with
    which it was made. `jvm`: further options of the Java. `settings`: further lines of `neo4j.conf`.
    """

    home: Path
    version: str
    password: str = field(repr=False)
    bolt_port: int
    lib_root: Path
    heap: str = "1g"
    pagecache: str = "512m"
    java_home: str | None = None
    jvm: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the folders absolute, because the server runs in a folder of its own."""
        super().__post_init__()
        self.lib_root = self.lib_root.absolute()

    @property
    def uri(self) -> str:
        """The address for the driver."""
        return f"bolt://127.0.0.1:{self.bolt_port}"

    @property
    def title(self) -> str:
        """The server with its version and address."""
        return f"Neo4j {self.version} at {self.uri}"

    def java(self) -> Java:
        """Return the Java for this version, or raise StackError."""
        return find_java(
            *java_range(self.version), self.java_home, wanted_by=f"Neo4j {self.version}", variable="NEO4J_JAVA_HOME"
        )

    def install(self) -> None:
        """Download the server's jars if they are missing, which takes seconds to a minute."""
        install(self.version, self.lib_root)

    def check(self) -> Java:
        """Return the Java for the server; raise StackError if none fits or another program uses the port."""
        if port_taken(self.bolt_port):
            raise StackError(
                f"port {self.bolt_port}, which Neo4j shall listen on, is taken by another program: "
                "stop that one, or choose a port with NEO4J_BOLT_PORT"
            )
        return self.java()

    def start(self) -> None:
        """Start the server without waiting for it; do nothing if it runs already."""
        if self.running:
            return
        java = self.check()
        self.install()
        settings = _SETTINGS + (_CALENDAR_SETTINGS if is_calendar(self.version) else "")
        settings = settings.format(port=self.bolt_port, pagecache=self.pagecache) + "\n".join(self.settings)
        (self.home / "conf").mkdir(parents=True, exist_ok=True)
        (self.home / "conf" / "neo4j.conf").write_text(settings)
        self._process.start(
            self._command(java),
            marker=self._home_argument,
            environment=os.environ,
            name=f"Neo4j {self.version}",
            version=self.version,
            port=self.bolt_port,
        )

    @property
    def _home_argument(self) -> str:
        return f"--home-dir={self.home}"

    def _command(self, java: Java) -> list[str]:
        jars = self.lib_root / self.version
        flags = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        if java.major >= _UNSAFE_MEMORY_WARNS_FROM:
            flags.append("--sun-misc-unsafe-memory-access=allow")
        # Vector indexes populate about twice as fast with it; on Java 17, where 5.26 runs, it brings nothing.
        if is_calendar(self.version) and java.has_module(VECTOR_MODULE):
            flags.append(f"--add-modules={VECTOR_MODULE}")
        return [
            str(java.path),
            *("-Xms256m", f"-Xmx{self.heap}", "-XX:+UseG1GC", "-XX:-OmitStackTraceInFastThrow"),
            *("-Dfile.encoding=UTF-8", "-Dio.netty.tryReflectionSetAccessible=true"),
            *("-Dlog4j2.disable.jmx=true", "--enable-native-access=ALL-UNNAMED"),
            *flags,
            *self.jvm,
            *("-cp", f"{jars}/*", main_class(jars, self.version)),
            *(self._home_argument, f"--config-dir={self.home / 'conf'}", "--console-mode"),
        ]

    def _answers(self) -> bool:
        """Return whether the server answers a query.

        This also sets the password of a new server, over Bolt: on a command line every user could read it.
        """
        try:
            self._query(self.password, "RETURN 1", database="neo4j")
        except AuthError:
            return self._take_over()
        except (DriverError, Neo4jError):
            return False  # it is still starting; whether it died, the caller looks at
        return True

    def _take_over(self) -> bool:
        change = "ALTER CURRENT USER SET PASSWORD FROM $factory TO $ours"
        try:
            self._query(_FACTORY_PASSWORD, change, database="system", factory=_FACTORY_PASSWORD, ours=self.password)
        except AuthError as refused:
            raise StackError(
                f"Neo4j at {self.uri} refuses the password kept for it: put back the one that {self.home} "
                "was made with, or delete that folder to begin with an empty graph"
            ) from refused
        except (DriverError, Neo4jError):
            return False
        return True

    def _query(self, password: str, statement: str, *, database: str, **parameters: str) -> None:
        with (
            GraphDatabase.driver(self.uri, auth=(USER, password), connection_timeout=5) as driver,
            driver.session(database=database) as session,
        ):
            session.run(statement, parameters).consume()
