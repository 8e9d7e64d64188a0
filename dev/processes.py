"""Server processes that outlive the command that started them, and the ports they listen on."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.05
_KILL_SECONDS = 30.0


class StackError(click.ClickException):
    """A failure of the local stack; its message is one line: what failed, where, and what to do."""

    exit_code = 2


def free_port() -> int:
    """Return a loopback TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def port_taken(port: int) -> bool:
    """Return whether another program listens on this loopback TCP port."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Run the block in one process at a time; the others wait. If the process that holds the lock ends, it is free."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended, also if nobody has read its exit status."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return not process.is_running()
        # A zombie that nobody waits for has ended all the same; but while threads of it are still going down
        # it keeps its ports and files.
        return process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


class ServerProcess:
    """One server process with its children; later commands find the process through the record in its folder.

    `folder` holds `process.json` (pid and what the caller wants to remember) and `console.log`. The process
    leads a session of its own: a Ctrl-C meant for the starter does not reach it, and one signal reaches
    every child.
    """

    def __init__(self, folder: Path) -> None:
        self.record = folder / "process.json"
        self.log = folder / "console.log"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], *, marker: str, environment: Mapping[str, str], **details: object) -> None:
        """Start `command`; `marker` is one of its arguments that no other program has.

        Writes `details` into the record; the property `details` returns them. The log starts empty.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as console:
            self._child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=self.log.parent,
                start_new_session=True,
            )
        kept = json.dumps({"pid": self._child.pid, "marker": marker, **details})
        partial = self.record.with_suffix(".partial")
        partial.write_text(kept)
        partial.replace(self.record)

    @property
    def running(self) -> bool:
        """Whether the process runs, and is the process that this or an earlier command started."""
        return self._process() is not None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process()
        return None if process is None else int(process.pid)

    @property
    def details(self) -> dict[str, Any]:
        """The content of the record (`pid`, `marker` and the details of `start`); empty without a record."""
        try:
            kept: dict[str, Any] = json.loads(self.record.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return kept

    def stop(self, grace: float = 30.0) -> None:
        """Ask the process and its children to end and wait until they have ended; kill them after `grace` seconds."""
        self._end(signal.SIGTERM, grace)

    def kill(self) -> None:
        """End the process and its children at once (SIGKILL) and wait until they are gone."""
        self._end(signal.SIGKILL, _KILL_SECONDS)

    def last_words(self, lines: int = 3) -> str:
        """Return the log's last lines with an error, else its last lines, joined to one line for a message."""
        written = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = [line.strip()[:300] for line in written if line.strip()]
        faults = [line for line in said if re.search(r"error|exception|caused by", line, re.IGNORECASE)]
        return " | ".join((faults or said)[-lines:]) or "nothing"

    def _process(self) -> psutil.Process | None:
        if self._child is not None:
            # A child of this process needs no proof, and just after its start the system does not show its arguments.
            return psutil.Process(self._child.pid) if self._child.poll() is None else None
        kept = self.details
        try:
            process = psutil.Process(int(kept["pid"]))
            # The system may have given the pid to another program: only the marker proves that it is this process.
            ours = kept["marker"] in process.cmdline() and not has_ended(process)
        except (KeyError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def _end(self, first_signal: signal.Signals, patience: float) -> None:
        leader = self._process()
        if leader is not None:
            family = [leader, *_children(leader)]
            _signal_session(leader.pid, first_signal)
            if not _wait_ended(family, patience):
                _signal_session(leader.pid, signal.SIGKILL)
                if not _wait_ended(family, _KILL_SECONDS):
                    raise StackError(f"process {leader.pid} does not end even when killed: look at {self.log}")
            if self._child is not None:
                self._child.wait()
        self.record.unlink(missing_ok=True)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return children


def _signal_session(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


def _wait_ended(family: list[psutil.Process], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not all(has_ended(process) for process in family):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
