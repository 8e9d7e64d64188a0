"""Measure how fast removals with their vectors are written: `python -m benchmarks.write --rows 100000 --json`.

The product's job and the ceiling are both timed as whole processes. The job's time includes the start of Python and
Spark, preflight, embedding, nodes, both relationships, ledger and summary. The ceiling's time includes the start of
Python, the schema and reading the rows; its vectors are given. Each also reports the time from the first row (the
ceiling) or the start of the stream (the job) to the last commit.

In every round each writer of WRITERS gets the same rows and an empty graph, one writer after the other, so that other
programs on the machine disturb all writers alike.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.job import job_environment, run_job
from benchmarks.results import Round, versions, warm_rates, write_result
from benchmarks.rows import BenchmarkRows, prepare_rows
from benchmarks.services import ROOT, own_services
from benchmarks.target import Target, clear_graph
from delta_neo4j.cli.session import local_session
from dev.neo4j_install import full_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def run_ceiling_process(target: Target, rows: BenchmarkRows, *more: str) -> dict[str, float]:
    """Run the ceiling as a script and return its figures; `more`: its further arguments."""
    command = [sys.executable, "-m", "benchmarks.ceiling", str(rows.removals), str(rows.vectors), *more]
    began = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=job_environment(target))
    seconds = time.monotonic() - began
    if ended.returncode:
        raise RuntimeError(f"the ceiling ended with {ended.returncode}: {ended.stderr[-2000:]}")
    parts = json.loads(ended.stdout)
    return {**_all_in(rows, seconds), "first_to_last_seconds": round(sum(parts.values()), 2), **parts}


def _job(target: Target, rows: BenchmarkRows) -> dict[str, float]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-state-") as state:
        summary = run_job(target, rows.tables.removals, state)
    seconds, stages = time.monotonic() - began, summary["seconds"]
    parts = {f"{stage}_seconds": figure for stage, figure in stages.items()}
    return {**_all_in(rows, seconds), "first_to_last_seconds": stages["stream"], **parts}


def _all_in(rows: BenchmarkRows, seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 2), "rows_per_second": round(rows.count / seconds, 1)}


# Each writes all rows into an empty graph and returns at least seconds and rows_per_second.
WRITERS: Mapping[str, Callable[[Target, BenchmarkRows], dict[str, float]]] = {
    "ceiling": run_ceiling_process,
    "job": _job,
}


def run_round(target: Target, rows: BenchmarkRows) -> Round:
    """Run every writer once into an empty graph; raise RuntimeError if a writer leaves out nodes."""
    measured = {}
    for name, writer in WRITERS.items():
        with target.driver() as driver:
            clear_graph(driver, target.database)
        measured[name] = writer(target, rows)
        _check(name, target, rows)
    return measured


def _check(name: str, target: Target, rows: BenchmarkRows) -> None:
    """Raise RuntimeError if the graph is not complete: the figure would be worthless."""
    with target.driver() as driver:
        found = driver.execute_query(
            "MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL "
            "RETURN count(n) AS nodes, sum(count { (n)<--() }) AS relationships",
            database_=target.database,
        ).records[0]
    if (found["nodes"], found["relationships"]) != (rows.count, 2 * rows.count):
        raise RuntimeError(f"{name} wrote {found['nodes']} nodes and {found['relationships']} relationships")


def measure(folder: Path, version: str, *, rows: int, distinct_texts: int, rounds: int) -> list[Round]:
    """Prepare the rows and a Neo4j of this version below `folder`, and run the rounds."""
    spark = local_session()
    try:
        prepared = prepare_rows(spark, folder / "rows", rows=rows, distinct_texts=distinct_texts)
    finally:
        spark.stop()
    with own_services(folder, version) as target:
        return [run_round(target, prepared) for _ in range(rounds)]


def _ratios(rounds: list[Round]) -> dict[str, float]:
    """Return the median of each round's ratios: other programs disturb both writers of a round alike."""

    def paired(figure: str) -> float:
        found = [each["ceiling"][figure] / each["job"][figure] for each in rounds]
        return round(statistics.median(found[1:] or found), 3)

    return {"write_ceiling": paired("seconds"), "first_to_last": paired("first_to_last_seconds")}


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Removals.")
@click.option("--distinct-texts", default=50, show_default=True, help="Different texts, each with one vector.")
@click.option("--rounds", default=3, show_default=True, help="Passes of every writer; the first is warm-up.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(rows: int, distinct_texts: int, rounds: int, neo4j_version: str | None, as_json: bool) -> None:
    """Measure how fast removals with vectors and relationships are written into a Neo4j of its own."""
    version = full_version(neo4j_version)
    with tempfile.TemporaryDirectory(prefix="bench-write-") as folder:
        measured = measure(Path(folder), version, rows=rows, distinct_texts=distinct_texts, rounds=rounds)
    result = write_result(
        "write",
        rounds=measured,
        rates=warm_rates(measured),
        ratios=_ratios(measured),
        versions=versions(neo4j_server=version),
    )
    if as_json:
        print(json.dumps(result))
        return
    for name, rate in result["rates"].items():
        print(f"{name}: {rate:,.0f} rows/s ({rows:,} rows, {distinct_texts:,} texts, Neo4j {version})")
    ratios = result["ratios"]
    print(f"of the ceiling: {ratios['write_ceiling']:.2f} all in, {ratios['first_to_last']:.2f} from first row to last")


if __name__ == "__main__":
    main()
