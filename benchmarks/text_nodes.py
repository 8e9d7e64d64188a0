"""Compare a vector on each row's node with one on each distinct text's: `python -m benchmarks.text_nodes --json`.

The product's job loads the same removals with the mapping `removals` and with `removals_by_reason`. The bare driver
(`benchmarks.ceiling`) writes both graphs too, which shows how much can be saved. In every round each writer fills an
empty graph with its index online, one after the other. The bare driver writes the graph with a vector on each row in
two orders: the rows' own order, as a script reads them, and the rows of one text one after the other, as the job does.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import pyarrow.parquet as pq

from benchmarks.job import run_job
from benchmarks.results import Round, versions, warm_rates, write_result
from benchmarks.rows import BenchmarkRows, prepare_rows
from benchmarks.same_graph import check_equal, describe
from benchmarks.schema import TEXT
from benchmarks.services import own_services
from benchmarks.target import Target, clear_graph
from benchmarks.write import run_ceiling_process
from delta_neo4j.cli.session import local_session
from dev.neo4j_install import full_version

MAPPINGS = {"on_rows": "removals", "on_texts": "removals_by_reason"}
HELD = (
    "MATCH (n:RemovalEvent|RemovalReason) WHERE n.embedding IS NOT NULL "
    "RETURN count(n) AS vectors, COUNT { ()-->() } AS edges"
)


def _load(target: Target, mapping: str, source: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-state-") as state:
        run = run_job(target, source, state, "--mapping", mapping)
    stages = run.result["seconds"]
    return {
        "seconds": run.seconds,
        "rows_per_second": round(run.result["totals"]["rows_read"] / stages["stream"], 1),
        "stream_seconds": stages["stream"],
        "write_seconds": stages["write"],
    }


def _round(target: Target, rows: BenchmarkRows, in_order: BenchmarkRows) -> Round:
    """Fill an empty graph with each writer; raise RuntimeError if one is not complete or two on rows differ."""
    source = rows.tables.removals
    writers = {each: partial(_load, target, mapping, source) for each, mapping in MAPPINGS.items()}
    writers["bare_on_rows"] = partial(run_ceiling_process, target, rows)
    writers["bare_in_order_on_rows"] = partial(run_ceiling_process, target, in_order)
    writers["bare_on_texts"] = partial(run_ceiling_process, target, rows, "text_nodes")
    measured, graphs = {}, {}
    for name, writer in writers.items():
        with target.driver() as driver:
            clear_graph(driver, target.database)
            measured[name] = writer()
            held = driver.execute_query(HELD, database_=target.database).records[0].values()
            graphs[name] = describe(driver, target.database)
        on_texts = name.endswith("on_texts")
        wanted = [rows.distinct_texts, 3 * rows.count] if on_texts else [rows.count, 2 * rows.count]
        if held != wanted:
            raise RuntimeError(f"{name} left {held} vectors and relationships, {wanted} are wanted")
    # The script finds a text's node by the text, the job by the text's hash: those graphs are not equal.
    check_equal({name: graph for name, graph in graphs.items() if name.endswith("on_rows")}, "on_rows")
    return measured


def _in_order_of_text(rows: BenchmarkRows, path: Path) -> BenchmarkRows:
    """Return the rows ordered by text, as the job sends them: the index adds equal vectors faster in this order."""
    pq.write_table(pq.read_table(rows.removals).sort_by(TEXT), path)
    return replace(rows, removals=path)


def _ratios(rounds: list[Round]) -> dict[str, float]:
    def paired(figure: str, on_rows: str = "on_rows", on_texts: str = "on_texts") -> float:
        found = [each[on_rows][figure] / each[on_texts][figure] for each in rounds]
        return round(statistics.median(found[1:] or found), 3)

    return {
        "text_nodes": paired("stream_seconds"),
        "whole_job": paired("seconds"),
        "writing": paired("write_seconds"),
        "bare": paired("first_to_last_seconds", "bare_on_rows", "bare_on_texts"),
        "bare_in_order": paired("first_to_last_seconds", "bare_in_order_on_rows", "bare_on_texts"),
    }


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Removals.")
@click.option("--distinct-texts", default=50, show_default=True, help="Different reasons.")
@click.option("--rounds", default=3, show_default=True, help="Passes of both mappings; the first is warm-up.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(rows: int, distinct_texts: int, rounds: int, neo4j_version: str | None, as_json: bool) -> None:
    """Measure what a node for each distinct text saves."""
    version = full_version(neo4j_version)
    with tempfile.TemporaryDirectory(prefix="bench-texts-") as name:
        folder = Path(name)
        spark = local_session()
        prepared = prepare_rows(spark, folder / "rows", rows=rows, distinct_texts=distinct_texts)
        spark.stop()
        with own_services(folder, version) as target:
            in_order = _in_order_of_text(prepared, folder / "in-order.parquet")
            measured = [_round(target, prepared, in_order) for _ in range(rounds)]
    result = write_result(
        "text_nodes",
        rounds=measured,
        rates=warm_rates(measured),
        ratios=_ratios(measured),
        versions=versions(neo4j_server=version),
    )
    if as_json:
        print(json.dumps(result))
        return
    for each, rate in result["rates"].items():
        print(f"{each}: {rate:,.0f} rows/s ({rows:,} rows, {distinct_texts:,} texts, Neo4j {version})")
    ratios = result["ratios"]
    print(
        f"a vector a text: {ratios['text_nodes']:.2f} times as fast; the bare driver {ratios['bare']:.2f}, and "
        f"{ratios['bare_in_order']:.2f} with the rows of one text one after the other"
    )


if __name__ == "__main__":
    main()
