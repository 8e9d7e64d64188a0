"""The base of the local stack's servers: start a process, wait until it answers, stop it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from dev.processes import ServerProcess, StackError

if TYPE_CHECKING:
    from pathlib import Path

_POLL_SECONDS = 0.2


class LocalServer(ABC):
    """One server with its record and its log in `home`; `start`, `wait_ready`, `stop`, or a context manager."""

    home: Path

    def __post_init__(self) -> None:
        """Make the folder absolute: the server runs in it."""
        self.home = self.home.absolute()
        self._process = ServerProcess(self.home)

    @property
    @abstractmethod
    def title(self) -> str:
        """The server's name in messages, with its address."""

    @abstractmethod
    def start(self) -> None:
        """Start the server without waiting for it; do nothing if it runs already."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether the server answers a real request; do not check whether its process died."""

    @property
    def running(self) -> bool:
        """Whether the server process is alive, started here or by an earlier command on the same `home`."""
        return self._process.running

    @property
    def log(self) -> Path:
        """The file with the console output of the server."""
        return self._process.log

    def wait_ready(self, timeout: float = 180.0) -> None:
        """Wait until the server answers a real request; raise StackError after `timeout` seconds or if it died."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if not self.running:
                raise StackError(
                    f"{self.title} ended while starting, its last words in {self.log} are: {self._process.last_words()}"
                )
            if time.monotonic() > deadline:
                raise StackError(f"{self.title} gave no answer for {timeout:.0f} s: look at {self.log}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server and wait until its processes have ended; do nothing if it does not run."""
        self._process.stop()

    def kill(self) -> None:
        """End the server and its children at once, as a power cut would, and wait until they are gone."""
        self._process.kill()

    def __enter__(self) -> Self:
        """Start the server and wait until it answers."""
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()
