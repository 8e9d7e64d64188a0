"""The sessions of one task: its transactions under way at the same time, and how many these are."""

from __future__ import annotations

import math
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.graph.bolt.transactions import WriteSession

MOST = 8  # each is a connection, and has a transaction in the server's memory
TRIPS = 3  # to the server and back, of a transaction: its rows, its statement, its commit


@dataclass
class Lanes:
    """
    Runs a task's writes in threads, each with a session of its own, while the task converts the rows that come next.

    The farther the server, the more of a write is waiting, so the more writes are under way: as many as keep the server
    busy. `open_session` opens a session; `sessions` are those opened.
    """

    open_session: Callable[[], WriteSession]
    sessions: list[WriteSession] = field(default_factory=list)
    _free: list[WriteSession] = field(default_factory=list)
    _running: dict[Future[None], WriteSession] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MOST))

    def run(self, write: Callable[[WriteSession], None]) -> None:
        """Wait until a session is free and begin `write` with it; raise the error of an earlier write."""
        if self.sessions and self.sessions[0].round_trip is None:
            self.finish()  # the first write: its session is free then, and its connection open
            self.sessions[0].measure()
        while len(self._running) >= self.wanted():
            self._settle()
        if not self._free:
            self.sessions.append(self.open_session())
            self._free.append(self.sessions[-1])
        session = self._free.pop()
        self._running[self._threads.submit(write, session)] = session

    def finish(self) -> None:
        """Wait for all writes; raise the error of one that failed."""
        while self._running:
            self._settle()

    def close(self) -> None:
        """Wait for the writes under way, whatever they raise, and end the threads."""
        self._threads.shutdown()

    def wanted(self) -> int:
        """Return how many writes are to be under way: one until one has ended, then by what the ended ones waited."""
        transactions = sum(session.effort.transactions for session in self.sessions)
        if not transactions:
            return 1
        waiting = TRIPS * (self.sessions[0].round_trip or 0.0)
        busy = sum(session.seconds for session in self.sessions) / transactions - waiting
        return min(MOST, 1 + math.ceil(waiting / busy)) if busy > 0 else MOST

    def _settle(self) -> None:
        for ended in wait(self._running, return_when=FIRST_COMPLETED).done:
            self._free.append(self._running.pop(ended))
            ended.result()
