"""Measure how fast removals with their vectors are written: `python -m benchmarks.write --rows 100000 --json`.

The product's job and the ceiling are both timed as whole processes. The job's time includes the start of Python and
Spark, preflight, embedding, nodes, both relationships, ledger and summary. The ceiling's time includes the start of
Python, the schema and reading the rows; its vectors are given. Each also reports the time from the first row (the
ceiling) or the start of the stream (the job) to the last commit.

The Neo4j Spark connector, with transactions of 5,000 rows as its documentation advises, writes the same rows with given
vectors. With `--rivals` so do the connector with transactions of 1,000 rows and the usual hand-written loop. `--far`
puts the server so many milliseconds away, there and back.

In every round each writer gets the same rows and an empty graph, one writer after the other, so that other programs on
the machine disturb all writers alike. After each round the graphs of all writers are compared: they must have the same
nodes, relationships, properties and indexes. At the end of each round a Spark process only counts the rows of the
table: together with the ceiling's writing this is the least that a writer in Spark can need.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks import rivals
from benchmarks.far import far_away
from benchmarks.job import java_with_archive, job_environment, run_job
from benchmarks.results import Round, size, versions, warm_rates, write_result
from benchmarks.rows import BenchmarkRows, prepare_rows
from benchmarks.same_graph import check_equal, describe
from benchmarks.services import ROOT, own_services
from benchmarks.target import Target, clear_graph
from delta_neo4j.cli.session import local_session
from dev.neo4j_install import full_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neo4j import Driver

ROWS, FAR = 100_000, 100  # the usual rows and milliseconds
EMPTY_STREAM = "benchmarks.empty_stream"


def run_script(target: Target, rows: BenchmarkRows, *command: str) -> dict[str, float]:
    """Run a writer as a script, which prints the seconds of its phases, and return its figures."""
    seconds, parts = _run(target, command[0], str(rows.removals), str(rows.vectors), *command[1:])
    return {**_all_in(rows, seconds), "first_to_last_seconds": round(sum(parts.values()), 2), **parts}


def _run(target: Target, script: str, *arguments: str) -> tuple[float, dict[str, float]]:
    """Run a script as a process; return its seconds and what it has printed."""
    python, environment = _started_with(script)
    began = time.monotonic()
    ended = subprocess.run(
        [python, "-m", script, *arguments], capture_output=True, text=True, check=False, cwd=ROOT,
        env=job_environment(target) | environment,
    )  # fmt: skip
    seconds = time.monotonic() - began
    if ended.returncode:
        raise RuntimeError(f"{script} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return seconds, json.loads(ended.stdout.splitlines()[-1])


def _empty_stream(target: Target, rows: BenchmarkRows) -> dict[str, float]:
    """Count the table's rows in a Spark process of its own; raise RuntimeError if it sees another number."""
    with tempfile.TemporaryDirectory(prefix="bench-empty-") as checkpoint:
        seconds, parts = _run(target, EMPTY_STREAM, rows.tables.removals, checkpoint)
    if parts.pop("rows") != rows.count:
        raise RuntimeError(f"{EMPTY_STREAM} has not counted {rows.count} rows")
    return {**_all_in(rows, seconds), **parts}


def _started_with(script: str) -> tuple[str, dict[str, str]]:
    """Return the Python of a script, and the Java of its Spark: the connector's Spark 3.5 has no class archive."""
    if script == rivals.CONNECTOR:
        return rivals.old_python(), rivals.old_java()
    return sys.executable, java_with_archive()


def run_ceiling_process(target: Target, rows: BenchmarkRows, *more: str) -> dict[str, float]:
    """Run the ceiling and return its figures; `more`: its further arguments."""
    return run_script(target, rows, "benchmarks.ceiling", *more)


def _job(target: Target, rows: BenchmarkRows) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-state-") as state:
        run = run_job(target, rows.tables.removals, state)
    parts = {f"{stage}_seconds": figure for stage, figure in run.result["seconds"].items()}
    return {**_all_in(rows, run.seconds), "first_to_last_seconds": run.first_to_last, **parts}


def _all_in(rows: BenchmarkRows, seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 2), "rows_per_second": round(rows.count / seconds, 1)}


# Writes all rows into an empty graph and returns at least seconds and rows_per_second.
Writer = Callable[["Target", "BenchmarkRows"], "dict[str, float]"]


def all_writers(folder: Path, *, compare: bool) -> dict[str, Writer]:
    """Return the writers; `compare` adds those of `--rivals`. The connector's jar is fetched into `folder`."""
    jar = str(rivals.connector_jar(folder))

    def connector(target: Target, rows: BenchmarkRows, batch: int) -> dict[str, float]:
        return run_script(target, rows, rivals.CONNECTOR, jar, str(batch))

    writers: dict[str, Writer] = {
        "ceiling": run_ceiling_process, "job": _job, "connector": partial(connector, batch=5_000)
    }  # fmt: skip
    if compare:
        writers["connector_1000"] = partial(connector, batch=1_000)
        writers["hand_loop"] = lambda target, rows: run_script(target, rows, "benchmarks.hand_loop")
    return writers


def run_round(target: Target, rows: BenchmarkRows, writers: Mapping[str, Writer]) -> Round:
    """Run every writer once into an empty graph; raise RuntimeError if a graph is not complete or two differ."""
    measured, graphs = {}, {}
    for name, writer in writers.items():
        with target.driver() as driver:
            clear_graph(driver, target.database)
            measured[name] = writer(target, rows)
            _check(name, driver, target.database, rows)
            graphs[name] = describe(driver, target.database)
    check_equal(graphs, "job")
    return measured | {"empty_stream": _empty_stream(target, rows)}


def _check(name: str, driver: Driver, database: str, rows: BenchmarkRows) -> None:
    """Raise RuntimeError if the graph is not complete: the figure would be worthless."""
    found = driver.execute_query(
        "MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL "
        "RETURN count(n) AS nodes, sum(count { (n)<--() }) AS relationships",
        database_=database,
    ).records[0]
    if (found["nodes"], found["relationships"]) != (rows.count, 2 * rows.count):
        raise RuntimeError(f"{name} wrote {found['nodes']} nodes and {found['relationships']} relationships")


def measure(
    folder: Path, version: str, writers: Mapping[str, Writer], *, rows: int, distinct_texts: int, rounds: int, far: int
) -> list[Round]:
    """Prepare the rows and a Neo4j of this version below `folder`, `far` milliseconds away, and run the rounds."""
    spark = local_session()
    try:
        prepared = prepare_rows(spark, folder / "rows", rows=rows, distinct_texts=distinct_texts)
    finally:
        spark.stop()
    with ExitStack() as stack:
        target = stack.enter_context(own_services(folder, version))
        if far:
            port = stack.enter_context(far_away(int(target.uri.rpartition(":")[2]), far / 1000))
            target = replace(target, uri=f"bolt://127.0.0.1:{port}")
        return [run_round(target, prepared, writers) for _ in range(rounds)]


def ratios(rounds: list[Round]) -> dict[str, float]:
    """Return the median of each round's ratios: other programs disturb both writers of a round alike."""

    def paired(figure: str, *others: str, ours: str | None = None) -> float:
        found = [min(each[other][figure] for other in others) / each["job"][ours or figure] for each in rounds]
        return round(statistics.median(found[1:] or found), 3)

    found = {
        "write_ceiling": paired("seconds", "ceiling"),
        "first_to_last": paired("first_to_last_seconds", "ceiling"),
        "write_connector_advised": paired("seconds", "connector"),
        # The connector's clock starts when its Spark starts to plan, and so does the job's stream.
        "stream_connector": paired("first_to_last_seconds", "connector", ours="stream_seconds"),
    }
    least = [one["empty_stream"]["seconds"] + one["ceiling"]["first_to_last_seconds"] for one in rounds]
    possible = [one["connector"]["seconds"] / each for one, each in zip(rounds, least, strict=True)]
    found["possible_connector"] = round(statistics.median(possible[1:] or possible), 3)
    if "hand_loop" in rounds[0]:
        found["write_connector_best"] = paired("seconds", "connector", "connector_1000")
        found["write_hand_loop"] = paired("seconds", "hand_loop")
    return found


def key(name: str, rows: int, far: int) -> str:
    """Return the name under which the ratio of a run is stored: it tells the size and the distance of the server."""
    if far:
        short = "connector" if name == "write_connector_advised" else name
        name = f"far_{short}" if far == FAR else f"far_{far}_{short}"
    if rows == ROWS:
        return name
    return "job_bare" if (name, rows) == ("write_ceiling", 5 * ROWS) else f"{name}{size(rows, ROWS)}"


@click.command()
@click.option("--rows", default=ROWS, show_default=True, help="Removals.")
@click.option("--distinct-texts", default=50, show_default=True, help="Different texts, each with one vector.")
@click.option("--rounds", default=3, show_default=True, help="Passes of every writer; the first is warm-up.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--rivals", "compare", is_flag=True, help="Also a hand-written loop, and smaller transactions.")
@click.option("--far", default=0, show_default=True, help="Milliseconds to the server, there and back.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(
    *,
    rows: int,
    distinct_texts: int,
    rounds: int,
    neo4j_version: str | None,
    compare: bool,
    far: int,
    as_json: bool,
) -> None:
    """Measure how fast removals with vectors and relationships are written into a Neo4j of its own."""
    version = full_version(neo4j_version)
    with tempfile.TemporaryDirectory(prefix="bench-write-") as folder:
        writers = all_writers(Path(folder), compare=compare)
        how = {"rows": rows, "distinct_texts": distinct_texts, "rounds": rounds, "far": far}
        measured = measure(Path(folder), version, writers, **how)
    result = write_result(
        f"write_far_{far}{size(rows, ROWS)}" if far else f"write{size(rows, ROWS)}",
        rounds=measured,
        rates=warm_rates(measured),
        ratios={key(name, rows, far): ratio for name, ratio in ratios(measured).items()},
        versions=versions(neo4j_server=version, spark_connector=rivals.CONNECTOR_VERSION),
    )
    if as_json:
        print(json.dumps(result))
        return
    for name, rate in result["rates"].items():
        print(f"{name}: {rate:,.0f} rows/s ({rows:,} rows, {distinct_texts:,} texts, Neo4j {version})")
    for name, ratio in result["ratios"].items():
        print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
