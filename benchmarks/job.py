"""Run a command of the product as a process, as a user starts it, and note when each event of its log comes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from benchmarks.services import ROOT
from dev.spark_java import make_archive, spark_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.target import Target

_EVENT = re.compile(r"\d\d:\d\d:\d\d (\S+)")
# Not the folder of the tests: making an archive deletes those of other Javas.
_JAVA = ROOT / ".local" / "benchmarks" / "java"


class Event(NamedTuple):
    """A line of the log: `name` of the event, seconds from the start of the process."""

    seconds: float
    name: str


@dataclass(frozen=True)
class Run:
    """A command that succeeded: its JSON, the seconds of the whole process, the events of its log."""

    result: dict[str, Any]
    seconds: float
    events: list[Event]

    @property
    def first_to_last(self) -> float:
        """Seconds from the first row that the load read to its last commit."""
        stages = self.result["seconds"]
        # The summary counts from the run's beginning; preflight ends at this event, and tells when the run began.
        began = next(event.seconds for event in self.events if event.name == "embedder.chosen") - stages["preflight"]
        first_row: float = began + stages["first_row"] - stages["startup"]
        last_commit = max(event.seconds for event in self.events if event.name == "batch.loaded")
        return round(last_commit - first_row, 2)


def run_job(target: Target, source: str, state: str, *flags: str, watch: Callable[[int], object] | None = None) -> Run:
    """Run `removals_spark_loader.py` to its end; `watch` gets the id of its process. Raise RuntimeError if it fails."""
    program = [str(ROOT / "removals_spark_loader.py")]
    return _run(target, program, ["--source", source, "--state", state, *flags], state, watch)


def run_command(
    target: Target, command: str, source: str, state: str, watch: Callable[[int], object] | None = None
) -> Run:
    """Run another command of the product in the same way."""
    return _run(target, ["-m", "delta_neo4j", command], ["--source", source, "--state", state], state, watch)


def _run(
    target: Target, program: list[str], flags: list[str], state: str, watch: Callable[[int], object] | None
) -> Run:
    command, environment = [sys.executable, *program, "--json", *flags], job_environment(target) | java_with_archive()
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=state, env=environment
    )
    if watch:
        watch(process.pid)
    lines: list[tuple[float, str]] = []
    reader = threading.Thread(target=_read, args=(process.stderr, began, lines))
    reader.start()
    output = process.stdout.read() if process.stdout else ""
    process.wait()
    seconds = time.monotonic() - began
    reader.join()
    if process.returncode:
        log = "".join(line for _, line in lines)
        raise RuntimeError(f"{program[-1]} ended with {process.returncode}: {log[-2000:]}")
    events = [Event(moment, found[1]) for moment, line in lines if (found := _EVENT.match(line))]
    return Run(json.loads(output.splitlines()[-1]), round(seconds, 2), events)


def _read(log: IO[str], began: float, lines: list[tuple[float, str]]) -> None:
    lines.extend((time.monotonic() - began, line) for line in log)


@cache
def java_with_archive() -> dict[str, str]:
    """Return the variables of Spark's Java with an archive of Spark's classes, as the Makefile sets them for tests."""
    make_archive(_JAVA)
    return spark_environment(_JAVA)


def job_environment(target: Target) -> dict[str, str]:
    """Return the environment that points the job at the benchmark's servers."""
    return {
        **os.environ,
        "NEO4J_URI": target.uri,
        "NEO4J_USERNAME": target.user,
        "NEO4J_PASSWORD": target.password,
        "NEO4J_DATABASE": target.database,
        "EMBEDDER": "rest",
        "EMBEDDING_URL": target.embedding_url,
    }
