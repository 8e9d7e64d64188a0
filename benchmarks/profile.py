"""Measure where a load's time goes, by phase and by process: `python -m benchmarks.profile --json`.

A load of removals, after one for warm-up, while the CPU seconds of Spark's JVM, the Python workers, the driver's
Python, Neo4j and the model server are sampled. A phase ends with an event of the load's log. What the processes use of
a phase can be more than its wall-clock seconds: the machine has several cores.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import psutil

from benchmarks.job import run_job
from benchmarks.results import Round, size, versions, write_result
from benchmarks.services import own_services
from benchmarks.target import Target, clear_graph
from delta_neo4j.cli import worker_daemon
from delta_neo4j.cli.session import local_session
from dev.neo4j_install import full_version
from dev.sample_data import write_sample

if TYPE_CHECKING:
    from benchmarks.job import Run

ROWS = 100_000
PHASES = ("embedder.chosen", "table.begun", "batch.read", "texts.found", "slice.written", "batch.loaded")
LAST = "end"  # of the process
KINDS = ("spark_jvm", "workers", "driver", "neo4j", "model_server")
_WORKERS = (worker_daemon.__name__, "pyspark.daemon")
_SAMPLE_SECONDS = 0.2


def kind(command: list[str], *, is_job: bool) -> str | None:
    """Return the kind of the process with this command; `is_job`: it is the job's or was started by it."""
    text = " ".join(command)
    if is_job:
        if "org.apache.spark" in text:
            return "spark_jvm"
        return "workers" if any(name in text for name in _WORKERS) else "driver"
    if "org.neo4j.server" in text:
        return "neo4j"
    return "model_server" if "mlflow" in text else None


class Sampler(threading.Thread):
    """Samples the CPU seconds of a job and of the servers that this process has started, until `stop` is called."""

    def __init__(self, job: int) -> None:
        super().__init__(daemon=True)
        self._job, self._began = psutil.Process(job), time.monotonic()
        self._ended = threading.Event()
        self.times: list[float] = []
        self.totals: dict[str, list[float]] = {name: [] for name in KINDS}
        self._before = dict.fromkeys(KINDS, 0.0)

    def run(self) -> None:
        """Sample until `stop` is called."""
        self._before = self._cpu()
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._sample()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()

    def _sample(self) -> None:
        now, moment = self._cpu(), time.monotonic() - self._began
        for name, totals in self.totals.items():
            # A process that ended takes its seconds along; the sum over the job does not become smaller.
            totals.append((totals[-1] if totals else 0.0) + max(0.0, now[name] - self._before[name]))
        self.times.append(moment)
        self._before = now

    def _cpu(self) -> dict[str, float]:
        """Return the CPU seconds so far of the processes of each kind."""
        used = dict.fromkeys(KINDS, 0.0)
        job = _family(self._job)
        for process in {*job, *_family(psutil.Process())}:
            try:
                name = kind(process.cmdline(), is_job=process in job)
                cpu = process.cpu_times()
            except psutil.Error:
                continue  # it ended between two looks
            if name is not None:
                used[name] += cpu.user + cpu.system
                if name == "workers":  # those that ended are in the daemon's sum
                    used[name] += cpu.children_user + cpu.children_system
        return used


def _family(root: psutil.Process) -> set[psutil.Process]:
    try:
        return {root, *root.children(recursive=True)}
    except psutil.Error:
        return set()


def phases(run: Run, times: list[float], totals: dict[str, list[float]]) -> Round:
    """Return for each phase its wall-clock seconds and each kind's CPU seconds, summed over all micro-batches."""
    found: Round = {}
    before = 0.0
    for moment, name in [*(event for event in run.events if event.name in PHASES), (run.seconds, LAST)]:
        phase = found.setdefault(name, dict.fromkeys(("wall", *totals), 0.0))
        phase["wall"] += moment - before
        for each, sums in totals.items():
            phase[each] += float(np.interp(moment, times, sums) - np.interp(before, times, sums))
        before = moment
    return {name: {each: round(seconds, 2) for each, seconds in phase.items()} for name, phase in found.items()}


def profiled(target: Target, source: str, folder: Path) -> Round:
    """Load the table into an empty graph and return the phases."""
    samplers: list[Sampler] = []

    def watch(process: int) -> None:
        samplers.append(Sampler(process))
        samplers[0].start()

    with target.driver() as driver:
        clear_graph(driver, target.database)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        run = run_job(target, source, state, watch=watch)
    samplers[0].stop()
    return phases(run, samplers[0].times, samplers[0].totals)


@click.command()
@click.option("--rows", default=ROWS, show_default=True, help="Removals.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(rows: int, neo4j_version: str | None, as_json: bool) -> None:
    """Measure the CPU seconds of each process in each phase of a load."""
    version = full_version(neo4j_version)
    with tempfile.TemporaryDirectory(prefix="bench-profile-") as name:
        folder = Path(name)
        spark = local_session()
        try:
            source = write_sample(spark, str(folder / "rows"), rows=rows, distinct_texts=50).removals
        finally:
            spark.stop()
        with own_services(folder, version) as target:
            measured = [profiled(target, source, folder) for _ in range(2)]
    result = write_result(
        f"profile{size(rows, ROWS)}",
        rounds=measured,
        rates={},
        ratios={},
        versions=versions(neo4j_server=version),
    )
    if as_json:
        print(json.dumps(result))
        return
    for phase, figures in measured[-1].items():
        used = ", ".join(f"{each} {seconds:.1f}" for each, seconds in figures.items() if seconds)
        print(f"until {phase}: {used}")


if __name__ == "__main__":
    main()
