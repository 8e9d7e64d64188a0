"""Real data, real model: the lab's removals and the FAA's narratives, each vector as MiniLM gives it."""

from __future__ import annotations

import csv
from importlib import resources

import numpy as np
import pytest

from tests.support.endpoint import serving

pytestmark = pytest.mark.needs_data


def _csv(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _delta(spark, path, rows):
    names = list(rows[0])
    schema = ", ".join(f"`{name}` STRING" for name in names)
    # CSV has no null; an empty field is one, as Spark's own reader has it.
    data = [tuple(row[name] or None for name in names) for row in rows]
    frame = spark.createDataFrame(data, schema).repartition(4)
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(str(path))


LAB_FILES = (
    ("rels_component_removal.csv", "Component", "HAS_REMOVAL"),
    ("rels_aircraft_removal.csv", "Aircraft", "HAS_REMOVAL_EVENT"),
)


def test_the_lab_removals_have_exactly_the_lab_relationships(spark, lts_graph, loads, test_data, tmp_path):
    """
    60 removals, and the relationships of the two files, no more and no less.

    Nine rows of the lab name another component in their own column than in the relationship file; the files are
    what must come out, so the table takes the ends from there and the mapping names those columns.
    """
    mapping = tmp_path / "lab.yml"
    text = (resources.files("delta_neo4j") / ".." / "mappings" / "removals.yml").read_text()
    for _, start, _ in LAB_FILES:
        plain = f"key: [{{column: {start.lower()}_id}}]"
        assert plain in text
        end = f'key: [{{property: {start.lower()}_id, column: ":START_ID({start})"}}]'
        text = text.replace(plain, end)
    mapping.write_text(text)
    runs = loads(lts_graph, mapping=str(mapping))
    lab = test_data / "lab"
    removals = _csv(lab / "nodes_removals.csv")
    for name, start, _ in LAB_FILES:
        ends = {row[":END_ID(RemovalEvent)"]: row[f":START_ID({start})"] for row in _csv(lab / name)}
        for row in removals:
            row[f":START_ID({start})"] = ends[row[":ID(RemovalEvent)"]]
    _delta(spark, runs.source, removals)
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 60
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 60
    for name, start, kind in LAB_FILES:
        wanted = sorted((row[f":START_ID({start})"], row[":END_ID(RemovalEvent)"]) for row in _csv(lab / name))
        query = f"MATCH (a:{start})-[:{kind}]->(b:RemovalEvent) RETURN a.{start.lower()}_id AS a, b.removal_id AS b"
        assert sorted((row["a"], row["b"]) for row in lts_graph.query(query)) == wanted
    first = lts_graph.query("MATCH (n:RemovalEvent {removal_id: 'RE0001'}) RETURN properties(n) AS p")[0]["p"]
    assert (first["flight_hours_at_removal"], first["shop_visit_required"]) == (8450, True)


LAB_TABLES = {
    "aircraft": ("nodes_aircraft.csv", "Aircraft", "aircraft_id"),
    "systems": ("nodes_systems.csv", "System", "system_id"),
    "components": ("nodes_components.csv", "Component", "component_id"),
    "removals": ("nodes_removals.csv", "RemovalEvent", "removal_id"),
}
LAB_EDGES = {
    "aircraft_system": "rels_aircraft_system.csv",
    "system_component": "rels_system_component.csv",
    "component_removal": "rels_component_removal.csv",
    "aircraft_removal": "rels_aircraft_removal.csv",
}


def _text(value):
    """Write a property as the CSV files do: true, a date without zone, a float that is whole without a point."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value.iso_format()[:19] if hasattr(value, "iso_format") else str(value)


def test_the_lab_graph_equals_its_eight_files_node_by_node_and_edge_by_edge(
    spark, newest_graph, loads, test_data, tmp_path
):
    """One mapping, one run, eight tables: every node with every value, every edge, and nothing else."""
    lab = test_data / "lab"
    files = {name: file for name, (file, *_) in LAB_TABLES.items()} | LAB_EDGES
    for name, file in files.items():
        _delta(spark, tmp_path / name, _csv(lab / file))
    runs = loads(newest_graph, mapping="aircraft", sources={name: str(tmp_path / name) for name in files})
    summary = runs.succeed()
    assert [table["name"] for table in summary["tables"]] == list(files)
    nodes, edges = 0, 0
    for file, label, key in LAB_TABLES.values():
        wanted = {row[f":ID({label})"]: row for row in _csv(lab / file)}
        found = newest_graph.query(f"MATCH (n:{label}) RETURN n.{key} AS key, properties(n) AS p")
        assert {row["key"] for row in found} == set(wanted)
        for row in found:
            shown = {name: _text(value) for name, value in row["p"].items() if not name.startswith("_dn_")}
            shown.pop("embedding", None)
            assert {f":ID({label})": shown.pop(key), **shown} == {k: v for k, v in wanted[row["key"]].items() if v}
        nodes += len(wanted)
    for file in LAB_EDGES.values():
        rows = _csv(lab / file)
        end, start, _ = rows[0]
        ends = {column: column.partition("(")[2].rstrip(")") for column in (start, end)}
        keys = {label: key for _, label, key in LAB_TABLES.values()}
        kind = rows[0][":TYPE"]
        pattern = f"(a:{ends[start]})-[:{kind}]->(b:{ends[end]})"
        query = f"MATCH {pattern} RETURN a.{keys[ends[start]]} AS a, b.{keys[ends[end]]} AS b"
        found = sorted((row["a"], row["b"]) for row in newest_graph.query(query))
        assert found == sorted((row[start], row[end]) for row in rows)
        edges += len(rows)
    count = newest_graph.value("MATCH (n:!_DeltaNeo4jLoad) RETURN count(n) AS c")
    assert count == nodes == summary["totals"]["rows_read"] - edges
    assert newest_graph.value("MATCH ()-[e]->() RETURN count(e) AS c") == edges


@pytest.mark.parametrize(
    ("every", "reports", "narratives"), [(10, 275, 275), pytest.param(1, 2748, 2742, marks=pytest.mark.deep)]
)
def test_the_faa_narratives_load_with_nothing_but_a_mapping(
    spark, lts_graph, loads, test_data, model_url, minilm, every, reports, narratives
):
    """Each report has MiniLM's own vector, and each distinct narrative is asked for once."""
    runs = loads(lts_graph, mapping="maintenance_events", write_partitions=2)
    events = _csv(test_data / "faa" / "maintenance_events.csv")[::every]
    _delta(spark, runs.source, events)
    with serving(forward=model_url) as counted:
        runs.url = counted.url
        summary = runs.succeed()
    distinct = {row["narrative"] for row in events if row["narrative"].strip()}
    assert summary["totals"]["outcomes"]["written"] == len(events) == reports
    assert summary["embedding"]["texts_embedded"] == len(distinct) == narratives
    assert sorted(text for text in counted.texts if text in distinct) == sorted(distinct)
    found = {
        row["id"]: row["v"]
        for row in lts_graph.query("MATCH (n:MaintenanceEvent) RETURN n.event_id AS id, n.embedding AS v")
    }
    assert sum(vector is not None for vector in found.values()) == sum(bool(row["narrative"].strip()) for row in events)
    told = [row for row in events if row["narrative"].strip()]
    true = minilm.encode([row["narrative"] for row in told], batch_size=64, show_progress_bar=False)
    stored = np.array([found[row["event_id"]] for row in told], dtype=np.float32)
    cosine = (true * stored).sum(axis=1) / (np.linalg.norm(true, axis=1) * np.linalg.norm(stored, axis=1))
    assert cosine.min() >= 0.9999
