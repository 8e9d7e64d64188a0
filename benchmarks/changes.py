"""Measure what a load costs after the first one, and what a comparison costs: `python -m benchmarks.changes --json`.

One Neo4j and one served model. In every round the job loads a table with a change data feed into an empty graph. Then
the job runs again after each change of the table: 5 % of the rows get another cost (their text stays); all rows are
overwritten by the same rows; nothing. After that the job loads the table as a snapshot, twice. The first round is
warm-up.

At the end, once: `verify` after the load of a larger table, and a table of twenty files as twenty micro-batches and as
one. Each ratio compares processes of one round; runs that read or write other rows than expected raise RuntimeError.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.job import run_command, run_job
from benchmarks.memory import Peaks
from benchmarks.results import Round, size, versions, write_result
from benchmarks.services import own_services
from benchmarks.target import Target, clear_graph
from delta_neo4j.cli.session import local_session
from dev.neo4j_install import full_version
from dev.sample_data import write_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS, FILES, TEXTS = 200_000, 20, 50
SHARE = 20  # one row of so many changes
FEED = "ALTER TABLE delta.`{0}` SET TBLPROPERTIES (delta.enableChangeDataFeed = true)"
CHANGE = (
    "UPDATE delta.`{0}` SET cost_estimate = cost_estimate + 1 "
    f"WHERE CAST(substr(`:ID(RemovalEvent)`, 3) AS BIGINT) % {SHARE} = 0"
)
OVERWRITE = "INSERT OVERWRITE delta.`{0}` SELECT * FROM delta.`{0}`"
# The job reads a file at least, so these cut a table of twenty files into twenty micro-batches, or not at all.
EACH_FILE, ALL_FILES = ("--bytes-per-row", "1"), ("--bytes-per-row", "1000000")
SECOND_RUNS = {
    "change_5pct": ("changed", "first"),
    "overwrite_identical": ("overwritten", "first"),
    "snapshot_unchanged": ("snapshot_again", "snapshot_first"),
}


def load(target: Target, source: str, state: str, *flags: str, **wanted: int) -> dict[str, float]:
    """Run the job; return its figures, which must have the values of `wanted`."""
    run = run_job(target, source, state, *flags)
    totals = run.result["totals"]
    figures = {
        "seconds": run.seconds,
        "rows_read": totals["rows_read"],
        "written": totals["outcomes"]["written"],
        "batches": sum(table["batches"] for table in run.result["tables"]),
        **{f"{stage}_seconds": seconds for stage, seconds in run.result["seconds"].items()},
    }
    if totals["rows_read"]:
        figures["first_to_last_seconds"] = run.first_to_last
    found = {name: figures[name] for name in wanted}
    if found != wanted:
        raise RuntimeError(f"a run over {source} had {found}, {wanted} are wanted")
    return figures


def edit(statement: str, table: str) -> None:
    """Change a Delta table by a statement of SQL."""
    spark = local_session()
    try:
        spark.sql(statement.format(table))
    finally:
        spark.stop()


def second_runs(target: Target, source: str, rows: int, folder: Path) -> Round:
    """Load a table and its changes, then the same table as a snapshot, twice."""
    measured: Round = {}
    _clear(target)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        measured["first"] = load(target, source, state, rows_read=rows, written=rows)
        edit(CHANGE, source)
        measured["changed"] = load(target, source, state, rows_read=2 * (rows // SHARE), written=rows // SHARE)
        edit(OVERWRITE, source)
        measured["overwritten"] = load(target, source, state, rows_read=2 * rows, written=0)
        measured["nothing"] = load(target, source, state, rows_read=0)
    _clear(target)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        for name, written in (("snapshot_first", rows), ("snapshot_again", 0)):
            measured[name] = load(target, source, state, "--source-mode", "snapshot", rows_read=rows, written=written)
    return measured


def comparison(target: Target, source: str, rows: int, folder: Path) -> Round:
    """Load a table and compare graph and table, without the numbers of the vectors; sample the memory of `verify`."""
    peaks: list[Peaks] = []

    def watch(process: int) -> None:
        peaks.append(Peaks(process))
        peaks[0].start()

    _clear(target)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        loaded = load(target, source, state, rows_read=rows, written=rows)
        verified = run_command(target, "verify", source, state, watch)
    checked = verified.result["tables"][0]["checked"]
    if checked != rows:
        raise RuntimeError(f"verify compared {checked} rows of {rows}")
    return {"verify_first": loaded, "verify": {"seconds": verified.seconds, **peaks[0].stop()}}


def batches(target: Target, source: str, rows: int, folder: Path) -> Round:
    """Load a table of twenty files as one micro-batch and as twenty."""
    measured: Round = {}
    for name, flags, count in (("one_batch", ALL_FILES, 1), ("each_file", EACH_FILE, FILES)):
        _clear(target)
        with tempfile.TemporaryDirectory(dir=folder) as state:
            measured[name] = load(target, source, state, *flags, written=rows, batches=count)
    return measured


def ratios(rounds: list[Round], once: Round) -> dict[str, float]:
    """Return each second run over its first load, both from the first row to the last commit and all in."""

    def paired(figure: str, second: str, first: str) -> float:
        found = [each[second][figure] / each[first][figure] for each in rounds]
        return round(statistics.median(found[1:] or found), 3)

    each_file, one_batch = once["each_file"]["seconds"], once["one_batch"]["seconds"]
    return {
        **{name: paired("first_to_last_seconds", *pair) for name, pair in SECOND_RUNS.items()},
        **{f"{name}_all_in": paired("seconds", *pair) for name, pair in SECOND_RUNS.items()},
        "verify_load": round(once["verify"]["seconds"] / once["verify_first"]["seconds"], 3),
        "many_batches": round(each_file / one_batch, 3),
    }


def seconds(rounds: list[Round], once: Round) -> dict[str, float]:
    """Return the figures that are seconds: a run that finds nothing new, and one micro-batch more."""
    nothing = [each["nothing"]["seconds"] for each in rounds]
    more = once["each_file"]["seconds"] - once["one_batch"]["seconds"]
    return {
        "nothing_to_do": round(statistics.median(nothing[1:] or nothing), 2),
        "batch_more": round(more / (FILES - 1), 2),
    }


def _clear(target: Target) -> None:
    with target.driver() as driver:
        clear_graph(driver, target.database)


def _tables(folder: Path, rows: Mapping[str, int]) -> dict[str, str]:
    """Write a table of removals for each part of the benchmark; the first has a change data feed."""
    spark = local_session()
    try:
        tables = {
            name: write_sample(spark, str(folder / name), rows=count, distinct_texts=TEXTS, files=FILES).removals
            for name, count in rows.items()
        }
        spark.sql(FEED.format(tables["changes"]))
    finally:
        spark.stop()
    return tables


@click.command()
@click.option("--rows", default=ROWS, show_default=True, help="Removals of the table that changes.")
@click.option("--verify-rows", default=500_000, show_default=True, help="Removals of the table for verify.")
@click.option("--batch-rows", default=100_000, show_default=True, help="Removals of the table in twenty files.")
@click.option("--rounds", default=2, show_default=True, help="Passes of the second runs; the first is warm-up.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(
    *, rows: int, verify_rows: int, batch_rows: int, rounds: int, neo4j_version: str | None, as_json: bool
) -> None:
    """Measure second runs, verify, and many micro-batches."""
    version = full_version(neo4j_version)
    sizes = {"changes": rows, "verify": verify_rows, "batches": batch_rows}
    with tempfile.TemporaryDirectory(prefix="bench-changes-") as name:
        folder = Path(name)
        tables = _tables(folder, sizes)
        with own_services(folder, version) as target:
            measured = [second_runs(target, tables["changes"], rows, folder) for _ in range(rounds)]
            once = comparison(target, tables["verify"], verify_rows, folder)
            once |= batches(target, tables["batches"], batch_rows, folder)
    figures = ratios(measured, once) | seconds(measured, once)
    result = write_result(
        f"changes{size(rows, ROWS)}",
        rounds=[*measured, once],
        rates={},
        ratios=figures,
        versions=versions(neo4j_server=version),
    )
    if as_json:
        print(json.dumps(result))
        return
    for each, figure in figures.items():
        print(f"{each}: {figure:.2f}")


if __name__ == "__main__":
    main()
