"""The aircraft graph follows a day of changes of its eight tables; after each load `verify` finds nothing."""

from __future__ import annotations

import csv

import pytest

from delta_neo4j.runs.verify.verify import verify

pytestmark = [pytest.mark.needs_data, pytest.mark.deep]

FILES = {
    "aircraft": "nodes_aircraft.csv",
    "systems": "nodes_systems.csv",
    "components": "nodes_components.csv",
    "removals": "nodes_removals.csv",
    "aircraft_system": "rels_aircraft_system.csv",
    "system_component": "rels_system_component.csv",
    "component_removal": "rels_component_removal.csv",
    "aircraft_removal": "rels_aircraft_removal.csv",
}

# What happens between two loads: SQL with tables in braces. Keys are those of the lab's files.
DAY = {
    "corrections by MERGE, with new rows": (
        (
            "MERGE INTO {removals} t USING (SELECT `:ID(RemovalEvent)` AS id, 'Hydraulic leak, again' AS reason FROM "
            "{removals} WHERE component_id LIKE '%1' UNION ALL SELECT 'RE9001', 'Bird strike') s "
            "ON t.`:ID(RemovalEvent)` = s.id WHEN MATCHED THEN UPDATE SET RMV_REA_TX = s.reason "
            "WHEN NOT MATCHED THEN INSERT (`:ID(RemovalEvent)`, RMV_REA_TX) VALUES (s.id, s.reason)"
        ),
        "UPDATE {aircraft} SET operator = 'Other Air' WHERE model LIKE '%7%'",
    ),
    "changed keys": (
        "UPDATE {removals} SET `:ID(RemovalEvent)` = concat(`:ID(RemovalEvent)`, 'X') WHERE removal_priority = 'HIGH'",
        (
            "UPDATE {component_removal} SET `:END_ID(RemovalEvent)` = concat(`:END_ID(RemovalEvent)`, 'X') "
            "WHERE `:END_ID(RemovalEvent)` LIKE '%5'"
        ),
        "UPDATE {systems} SET `:ID(System)` = 'S-new' WHERE `:ID(System)` = 'AC1001-S01'",
    ),
    "deletes": (
        "DELETE FROM {removals} WHERE `:ID(RemovalEvent)` LIKE '%3'",
        "DELETE FROM {aircraft_removal} WHERE `:END_ID(RemovalEvent)` LIKE '%3'",
        "DELETE FROM {components} WHERE `:ID(Component)` LIKE '%2'",
    ),
    "an added column and OPTIMIZE": (
        "ALTER TABLE {removals} ADD COLUMN (inspector STRING)",
        "UPDATE {removals} SET inspector = 'kim' WHERE `:ID(RemovalEvent)` LIKE '%7'",
        "OPTIMIZE {removals}",
        "OPTIMIZE {components}",
    ),
    "VACUUM of what is read, and rows that come back": (
        "VACUUM {removals} RETAIN 0 HOURS",
        "VACUUM {components} RETAIN 0 HOURS",
        "INSERT INTO {removals} (`:ID(RemovalEvent)`, RMV_REA_TX) VALUES ('RE0003', 'Back again')",
        "INSERT INTO {aircraft_removal} (`:START_ID(Aircraft)`, `:END_ID(RemovalEvent)`) VALUES ('AC1001', 'RE0003')",
    ),
}


@pytest.fixture
def table(spark, test_data, tmp_path):
    """Make the eight tables with their feeds on; give the name of one for SQL."""
    for name, file in FILES.items():
        with (test_data / "lab" / file).open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        names = list(rows[0])
        data = [tuple(row[each] or None for each in names) for row in rows]
        frame = spark.createDataFrame(data, ", ".join(f"`{each}` STRING" for each in names))
        # Delta takes no first rows with the feed on: it counts the names of the columns as changed ones.
        frame.write.format("delta").option("delta.columnMapping.mode", "name").save(str(tmp_path / name))
        spark.sql(f"ALTER TABLE delta.`{tmp_path / name}` SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    yield {name: f"delta.`{tmp_path / name}`" for name in FILES}
    spark.conf.unset("spark.databricks.delta.retentionDurationCheck.enabled")


def test_after_each_change_of_a_day_the_aircraft_graph_equals_its_tables(spark, newest_graph, loads, table, tmp_path):
    """MERGE, changed keys, DELETE, an added column, OPTIMIZE, VACUUM: each load balances, and nothing differs."""
    runs = loads(newest_graph, mapping="aircraft", sources={name: str(tmp_path / name) for name in FILES})
    runs.succeed()
    assert _differences(spark, runs) == []
    for happened, statements in DAY.items():
        for statement in statements:
            spark.sql(statement.format(**table))
        summary = runs.succeed()
        assert {each["source_mode"] for each in summary["tables"]} == {"cdf"}
        assert summary["totals"]["rows_read"] > 0
        assert _differences(spark, runs) == [], happened


def _differences(spark, runs):
    report = verify(spark, runs.settings(), vectors=True)
    assert sum(each.checked for each in report.tables) > 200
    return [each for one in report.tables for each in one.listed]
