"""Makes what lies in this folder, by the version whose checkout it runs in: see README.md."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

from tests.integration.conftest import Loads, endpoint, lts_graph, servers  # noqa: F401  # fixtures
from tests.support import graph_file

FOLDER = Path(__file__).parent
WORK = Path("/before-the-move")  # of no machine in particular: the state notes paths

SCHEMAS = {
    "aircraft": (
        "id INT, model STRING, built STRING, seats ARRAY<INT>, base STRUCT<longitude: DOUBLE, latitude: DOUBLE>"
    ),
    "removals": (
        "`:ID(RemovalEvent)` STRING, reason STRING, removed_at STRING, recorded_at TIMESTAMP, cost STRING, "
        "hours STRING, urgent BOOLEAN, details MAP<STRING, STRING>, part STRING, component STRING, position STRING, "
        "built_in DATE, aircraft INT"
    ),
    "reports": "report_id STRING, page INT, finding STRING, component STRING, seen INT",
    "notes": "id STRING, subject STRING, body STRING, seen INT",
    "installed": "component STRING, aircraft INT, since STRING, count INT",
}


def _removal(number, reason, hour, *, component, aircraft, hours="12"):
    recorded = dt.datetime(2024, 8, 15, hour, 30, tzinfo=dt.UTC)
    built_in = dt.date(2020, 1, number)
    details = {"shift": "night", f"tool {number}": "wrench"}
    return (
        f"R{number}", reason, "2024-08-15T14:30:00.123456", recorded, f"{number}50.25", hours, number % 2 == 0, details,
        " p-7 ", component, "left", built_in, aircraft,
    )  # fmt: skip


_BODY = " ".join(f"word{number} means something." for number in range(8))
COMMITS = (
    {
        "aircraft": [(1, "A320", "2001-02-03", [3, 3], (8.5, 50.0)), (2, "B737", None, None, None)],
        "removals": [
            _removal(1, "oil leak at the pump", 1, component="C1", aircraft=1),
            _removal(2, "worn seal", 1, component="C2", aircraft=2),
            _removal(3, None, 1, component="C1", aircraft=1),
            _removal(4, "worn seal", 1, component=None, aircraft=9),  # which no table has: skipped
            _removal(5, "no number of hours", 1, component="C1", aircraft=1, hours="long"),  # a dead letter
        ],
        "reports": [("P1", 1, "crack in the rim", "C1", 1), ("P1", 2, "crack in the rim", None, 1)],
        "notes": [("N1", "pump", _BODY, 1), ("N2", "seal", "brief", 1)],
        "installed": [("C1", 1, "2024-01-02", 1), ("C2", 2, None, 2)],
    },
    {
        "aircraft": [(3, "A350", "2015-06-07", [], None)],
        "removals": [
            _removal(1, "oil leak at the valve", 2, component="C1", aircraft=2),
            _removal(6, "cracked blade", 2, component="C2", aircraft=3),
        ],
        "reports": [("P1", 2, "scratch", "C2", 2), ("P2", 1, None, "C1", 2)],
        "notes": [("N1", "pump", _BODY[:100], 2)],
        "installed": [("C1", 1, "2024-01-02", 5), ("C3", 3, "2024-05-06", 1)],
    },
)


def test_make(spark, lts_graph, endpoint):  # noqa: F811
    """Commits rows and loads them, twice, and keeps tables, state and graph."""
    endpoint.dimension = 16
    sources = {name: f"{WORK}/source/{name}" for name in SCHEMAS}
    options = {"mapping": str(WORK / "graph.yml"), "sources": sources}
    loads = Loads(spark, lts_graph, endpoint.url, f"{WORK}/state", options=options)
    WORK.mkdir()
    shutil.copy(FOLDER / "graph.yml", WORK)
    for commit in COMMITS:
        for name, rows in commit.items():
            frame = spark.createDataFrame(rows, SCHEMAS[name]).coalesce(1)
            frame.write.format("delta").mode("append").option("delta.columnMapping.mode", "name").save(sources[name])
        loads.succeed()
    (FOLDER / "graph.jsonl").write_text("".join(f"{line}\n" for line in graph_file.lines(lts_graph.driver)))
    (WORK / "graph.yml").unlink()
    shutil.make_archive(str(FOLDER / "tables"), "zip", WORK)
    shutil.rmtree(WORK)
