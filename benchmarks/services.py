"""The services of a benchmark: a Neo4j and a served MiniLM of its own, on free ports, stopped at its end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.target import Target
from delta_neo4j.embedding.minilm import registry
from dev.java import find_java
from dev.local_model import ensure_registered, tracking_uri
from dev.model_server import ModelServer
from dev.neo4j_server import USER, Neo4jServer, java_range
from dev.processes import free_port
from model_setup import MODEL_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
_JARS = ROOT / ".local" / "neo4j" / "lib"  # those of `make up`
_PASSWORD = "only-for-this-run"  # noqa: S105 - a server of our own on the loopback


@contextmanager
def own_services(folder: Path, version: str) -> Iterator[Target]:
    """Run a Neo4j of this version and the model's server below `folder`, which must not have them yet."""
    ensure_registered(ROOT)
    name = f"models:/{MODEL_NAME}@{registry.ALIAS}"
    model = ModelServer(model=name, port=free_port(), home=folder / "model", tracking_uri=tracking_uri(ROOT))
    with own_neo4j(folder, version) as target, model:
        yield replace(target, embedding_url=model.url)


@contextmanager
def own_neo4j(folder: Path, version: str) -> Iterator[Target]:
    """Run a Neo4j of this version below `folder`, which must not have one yet."""
    java = find_java(*java_range(version), machine_only=True)  # its vector module, which the wheel's Java lacks
    server = Neo4jServer(
        home=folder / "neo4j",
        version=version,
        password=_PASSWORD,
        bolt_port=free_port(),
        lib_root=_JARS,
        heap="2g",
        pagecache="1g",
        java_home=str(java.home),
    )
    with server:
        yield Target(server.uri, USER, _PASSWORD)
