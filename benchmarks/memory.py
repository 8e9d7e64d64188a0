"""Measure the peak memory of the job: `python -m benchmarks.memory --json`.

The job loads 100,000 rows, 400,000 rows, and 400,000 rows in a single file, with a fixed heap. The peaks of the driver
(its JVM and its Python) and of the workers must not grow with the rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.job import job_environment
from benchmarks.results import versions, write_result
from benchmarks.services import ROOT, own_services
from benchmarks.target import Target, clear_graph
from delta_neo4j.cli import worker_daemon
from delta_neo4j.cli.session import local_session
from dev.neo4j_install import full_version
from dev.sample_data import write_sample

MEGABYTE = 1_000_000
HEAP = "-Xmx512m"  # far below what the job takes when it may: a JVM collects nothing before it must
_SAMPLE_SECONDS = 0.2


class Peaks(threading.Thread):
    """Samples the resident memory of a process tree until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._ended = threading.Event()
        self.peaks = {"driver": 0, "workers": 0}

    def run(self) -> None:
        """Sample until `stop` is called."""
        while not self._ended.wait(_SAMPLE_SECONDS):
            sums = {"driver": 0, "workers": 0}
            for process in self._family():
                try:
                    kind = "workers" if worker_daemon.__name__ in process.cmdline() else "driver"
                    sums[kind] += process.memory_info().rss
                except psutil.Error:
                    continue  # it ended between two looks
            self.peaks = {kind: max(peak, sums[kind]) for kind, peak in self.peaks.items()}

    def stop(self) -> dict[str, float]:
        """Return the peaks of `driver` (its JVM and its Python) and of `workers`, in megabytes."""
        self._ended.set()
        self.join()
        return {f"{kind}_mb": round(peak / MEGABYTE, 1) for kind, peak in self.peaks.items()}

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []


def peaks_of_job(target: Target, source: str, folder: Path) -> dict[str, Any]:
    """Run the job over a table into an empty graph; return its peaks in MB, its rows and its seconds."""
    with target.driver() as driver:
        clear_graph(driver)
    command = [sys.executable, str(ROOT / "removals_spark_loader.py"), "--json", "--source", source]
    # The JVM's own variable wins over the heap that the job's session asks for.
    fixed = {"_JAVA_OPTIONS": HEAP, "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2")}
    environment = {**job_environment(target), **fixed}
    with tempfile.TemporaryDirectory(dir=folder) as state, (folder / "job.log").open("w") as log:
        job = subprocess.Popen([*command, "--state", state], stdout=subprocess.PIPE, stderr=log, env=environment)
        peaks = Peaks(job.pid)
        peaks.start()
        output, _ = job.communicate()
        found = peaks.stop()
    if job.returncode:
        raise RuntimeError(f"the job ended with {job.returncode}: {(folder / 'job.log').read_text()[-2000:]}")
    summary = json.loads(output.splitlines()[-1])
    return {**found, "rows": summary["totals"]["rows_read"], "seconds": summary["seconds"]["total"]}


def measure(folder: Path, version: str, rows: int) -> dict[str, dict[str, Any]]:
    """Make the three tables and run the job over each."""
    shapes = {"small": (rows, 8), "large": (4 * rows, 32), "one_file": (4 * rows, 1)}
    spark = local_session()
    try:
        sources = {
            name: write_sample(spark, str(folder / name), rows=count, distinct_texts=50, files=files).removals
            for name, (count, files) in shapes.items()
        }
    finally:
        spark.stop()
    with own_services(folder, version) as target:
        return {name: peaks_of_job(target, source, folder) for name, source in sources.items()}


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Removals of the small table.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(rows: int, neo4j_version: str | None, as_json: bool) -> None:
    """Measure how the job's peak memory grows with the rows and with the size of one file."""
    version = full_version(neo4j_version)
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        measured = measure(Path(folder), version, rows)
    peaks = {kind: [each[f"{kind}_mb"] for each in measured.values()] for kind in ("driver", "workers")}
    ratios = {f"rss_{kind}": round(max(found) / min(found), 3) for kind, found in peaks.items()}
    ratios["rss"] = max(ratios.values())
    result = write_result("memory", rounds=[measured], rates={}, ratios=ratios, versions=versions(neo4j_server=version))
    if as_json:
        print(json.dumps(result))
        return
    for name, found in measured.items():
        megabytes = f"driver {found['driver_mb']:,.0f} MB, workers {found['workers_mb']:,.0f} MB"
        print(f"{name}: {megabytes}, {found['rows']:,} rows")
    print(f"largest peak over smallest: {ratios['rss']:.2f}")


if __name__ == "__main__":
    main()
