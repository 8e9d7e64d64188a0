"""
The leases of a run: one run at a time writes a source into a graph, and other runs wait for it or are refused.

The leases stand in the graph's registry and run out by themselves, so that a killed run holds nobody up for long. A
thread of the driver process renews them until the run ends.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from delta_neo4j.errors import CheckpointHeldError, LoaderError
from delta_neo4j.graph import registry
from delta_neo4j.graph.registry import Holder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.graph.registry import Entry, Lease
    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.settings.limits import Limits

log = logging.getLogger(__name__)
_POLL_SECONDS = 0.5


@contextmanager
def leased(
    connection: Connection, tokens: Iterable[str], run_id: str, limits: Limits, *, loading: bool = False
) -> Iterator[tuple[dict[str, Entry], bool]]:
    """
    Hold the leases of the sources with these tokens during the block.

    `loading`: the run is a load. Yields the registry's entries by token, and whether another run had to be waited for.
    Raises `CheckpointHeldError` if another run goes on with one of the sources.
    """
    tokens, ended = sorted(tokens), threading.Event()
    arguments = (connection, tokens, run_id, limits, ended)
    renewing = threading.Thread(target=_renew, args=arguments, name="leases", daemon=True)
    try:
        found = _taken(connection, tokens, replace(_this_process(run_id), loading=loading), limits)
        renewing.start()
        yield found
    finally:
        ended.set()
        try:
            registry.give_back(connection, tokens, run_id, loading=loading)
        except LoaderError as error:  # the run's own outcome counts; the leases run out by themselves
            log.warning("lease.kept", extra={"seconds": limits.lease_seconds, "reason": str(error)})


def _taken(connection: Connection, tokens: list[str], holder: Holder, limits: Limits) -> tuple[dict[str, Entry], bool]:
    gone: set[str] = set()
    awaited: list[tuple[str, str]] = []  # run and end of the leases that were there first
    while True:
        held, entries = registry.take(connection, tokens, holder, limits.lease_seconds, gone)
        if not held:
            return entries, bool(awaited)
        dead = {each.holder.run for each in held if is_gone(each.holder, holder, birth(each.holder.process))}
        if dead - gone:
            gone |= dead
            continue
        now = [(lease.holder.run, lease.until) for lease in held]
        if awaited and not set(now) <= set(awaited):
            raise _held(held[0])
        if not awaited:
            awaited = now
            log.info("lease.awaited", extra={"run": now[0][0], "seconds": round(held[0].seconds)})
        time.sleep(min(_POLL_SECONDS, *(max(0.01, lease.seconds) for lease in held)))


def _held(lease: Lease) -> CheckpointHeldError:
    holder = lease.holder
    return CheckpointHeldError(
        f"another run writes the same tables to this graph, and goes on: run {holder.run}, process {holder.process} on "
        f"{holder.host}; wait until it ends, then run again"
    )


def _renew(connection: Connection, tokens: list[str], run_id: str, limits: Limits, ended: threading.Event) -> None:
    while not ended.wait(limits.renew_seconds):
        try:
            held = registry.renew(connection, tokens, run_id, limits.lease_seconds)
        except LoaderError as error:
            log.warning("lease.not_renewed", extra={"reason": str(error)})
            continue
        if held < len(tokens) and not ended.is_set():
            # The next micro-batch, which may run in another process, finds it too and stops.
            log.warning("lease.lost", extra={"run": run_id})
            return


def is_gone(holder: Holder, here: Holder, born: str | None) -> bool:
    """
    Return whether the process of a holder has surely ended; `here` is this process.

    `born` is the `birth` of the process that has the holder's number on this machine. Another host, machine or name
    space of process numbers says nothing.
    """
    if (holder.host, _machine(holder.born)) != (here.host, _machine(here.born)):
        return False
    return born is None or (bool(born) and born != holder.born)


def _machine(born: str) -> str:
    return born.rpartition("/")[0]


def _this_process(run_id: str) -> Holder:
    return Holder(run_id, socket.gethostname(), os.getpid(), birth(os.getpid()) or "")


def birth(process: int) -> str | None:
    """
    Return what tells a process of this machine from others that have, or had, its number; None if it does not run.

    On Linux: the machine's start, the name space of process numbers, the start of the process. Where the system does
    not say it: an empty text.
    """
    if os.name != "posix":
        return ""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it runs, for another user
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in "ZX" else f"{machine}/{space}/{fields[19]}"
