"""
The registry in the graph: what the graph holds of each source, and which run may write it now (its lease).

A source has one hidden node, found by its source token. Runs that write the same source at the same time would delete
and restore each other's rows, and a ledger alone does not notice that its graph was emptied or restored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import CheckpointHeldError
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.cypher import registry as text
from delta_neo4j.graph.cypher.probes import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.settings.connection import Connection


@dataclass(frozen=True)
class Entry:
    """
    What the graph holds of a source: all micro-batches up to `batch` of the load `load` of the state `state`.

    `version` is that of the micro-batch: later ones of the same state have a higher one, whatever their load.
    """

    table: str
    source: str
    mode: str
    state: str
    load: str
    batch: int
    version: int


@dataclass(frozen=True)
class Holder:
    """
    A run and its process; `born` tells the process from others that have, or had, its number on a host.

    `loading`: whether the run is a load, after which a part of a micro-batch may be in the graph if it is killed.
    """

    run: str
    host: str
    process: int
    born: str
    loading: bool = False


@dataclass(frozen=True)
class Lease:
    """The lease of another run on a source; by the server's clock it ends at `until`, `seconds` from now."""

    holder: Holder
    until: str
    seconds: float


def take(
    connection: Connection, tokens: Iterable[str], holder: Holder, seconds: float, gone: Iterable[str] = ()
) -> tuple[list[Lease], dict[str, Entry]]:
    """
    Take the leases of sources for `seconds`; return those of other runs, and the entries by source token.

    If another run has one of them, none is taken. Leases of the runs `gone` are taken as if they had ended.
    """
    with open_queries(connection) as queries:
        (record,) = queries.run(
            text.TAKE, tokens=sorted(tokens), gone=sorted(gone), milliseconds=round(1000 * seconds), **vars(holder)
        )
    entries = {node["token"]: _entry(node) for node in record["entries"]}
    return [_lease(held) for held in record["held"]], entries


def _entry(node: dict[str, Any]) -> Entry:
    names = ("table", "source", "mode", "state", "load", "batch", "version")
    return Entry(**{name: node[name] for name in names})


def _lease(held: dict[str, Any]) -> Lease:
    holder = Holder(held["run"], held["host"], held["process"], held["born"])
    return Lease(holder, held["until"], held["left"] / 1000)


def renew(connection: Connection, tokens: Iterable[str], run_id: str, seconds: float) -> int:
    """Let a run's leases end `seconds` from now; return how many of them it still has."""
    with open_queries(connection) as queries:
        (record,) = queries.run(text.RENEW, tokens=sorted(tokens), run=run_id, milliseconds=round(1000 * seconds))
    return int(record["held"])


def give_back(connection: Connection, tokens: Iterable[str], run_id: str, *, loading: bool = False) -> None:
    """End the run's leases; `loading` as in `Holder`."""
    with open_queries(connection) as queries:
        queries.run(text.GIVE_BACK, tokens=sorted(tokens), run=run_id, loading=loading)


def write(connection: Connection, token: str, run_id: str, entry: Entry | None = None) -> tuple[str, ...]:
    """
    Write the entry of a source; without one only check that the run still has the lease.

    Returns the bookmarks of the transaction. Raises `CheckpointHeldError` if the run has not the lease.
    """
    with open_queries(connection, retry_seconds=connection.retry_seconds) as queries:
        records = queries.run(text.WRITE, tokens=[token], run=run_id, entry=vars(entry) if entry else {})
        bookmarks = queries.bookmarks
    holder = records[0] if records else {"run": None}
    if holder["run"] != run_id:
        who = f"run {holder['run']} has it (process {holder['process']} on {holder['host']})" if holder["run"] else ""
        raise CheckpointHeldError(
            "this run has lost its lease on the source, because it could not renew it in time or the graph was emptied"
            f"{who and f': {who}'}; the micro-batch is not recorded. Wait until no other run writes, then run again"
        )
    return bookmarks


def newest_bookmarks(connection: Connection) -> tuple[str, ...]:
    """Return the bookmarks of the newest transaction on the server that takes the writes."""
    with open_queries(connection, retry_seconds=connection.retry_seconds) as queries:
        queries.run(ANSWER)
        return queries.bookmarks


def marks(connection: Connection, tokens: Iterable[str]) -> tuple[list[dict[str, Any]], bool]:
    """Return what changes in the registry with every micro-batch of the sources, and whether a run writes them now."""
    with open_queries(connection, reading=True) as queries:
        found = queries.run(text.MARKS, tokens=sorted(tokens))
    return found, any(each["run"] for each in found)


def remove(connection: Connection, tokens: Iterable[str]) -> int:
    """Delete the nodes of sources; return how many of them had an entry."""
    with open_queries(connection) as queries:
        (record,) = queries.run(text.REMOVE, tokens=sorted(tokens))
    return int(record["rows"])
