"""A graph that follows a change feed: after each run it is what plain Python makes of the tables as they are."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.errors import PreflightError
from delta_neo4j.runs.verify.verify import verify
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.state.tables import State

MAPPING = """
tables:
  - name: makers
    source: makers
    labels: [Maker]
    key: [{property: maker_id, column: id}]
    properties: [{column: name}]
  - name: parts
    source: parts
    labels: [Part, Thing]
    key: [{property: part_id, column: ":ID(Part)"}]
    properties: [{column: weight, type: integer}, {column: note}]
    embedding: {text: note, index: {name: part_notes, dimension: 384}}
    relationships:
      - {type: MADE_BY, end: {label: Maker, key: [{property: maker_id, column: maker}]}, on_missing: merge}
  - name: fits
    source: fits
    relationship:
      type: FITS
      from: {label: Part, key: [{property: part_id, column: part}]}
      to: {label: Model, key: [{property: model_id, column: model}]}
      on_missing: merge
    properties: [{column: since, type: integer}]
"""
COLUMNS = {
    "makers": "id STRING, name STRING",
    "parts": "`:ID(Part)` STRING, maker STRING, weight STRING, note STRING",
    "fits": "part STRING, model STRING, since INT",
}
PROTOCOL = {"delta.minReaderVersion": "2", "delta.minWriterVersion": "5"}  # that column mapping needs


class World:
    """Three tables with their feeds on, the graph that follows them, and what that graph must be."""

    def __init__(self, spark, graph, runs, folder):
        self.spark, self.graph, self.runs, self.folder = spark, graph, runs, folder
        self.broken = {}  # the last sound rows of the keys whose rows in the table are dead letters
        feed = {"delta.enableChangeDataFeed": "true", "delta.columnMapping.mode": "name"}
        options = ", ".join(f"'{name}' = '{value}'" for name, value in (feed | PROTOCOL).items())
        for name, columns in COLUMNS.items():
            self.sql(f"CREATE TABLE {{{name}}} ({columns}) USING delta TBLPROPERTIES ({options})")

    def path(self, name):
        """Give the folder of a table."""
        return f"{self.folder}/{name}"

    def sql(self, *statements):
        """Run statements that name tables in braces."""
        for statement in statements:
            self.spark.sql(statement.format(**{name: f"delta.`{self.path(name)}`" for name in COLUMNS}))

    def rows(self, name):
        """Give the rows of a table as it is now."""
        return [tuple(row) for row in self.spark.read.format("delta").load(self.path(name)).collect()]

    def expected(self):
        """Give the graph that plain Python makes of the tables: {(label, key): properties}, {(type, from, to): …}."""
        nodes, edges = {}, {}
        for key, name, *_ in self.rows("makers"):
            nodes["Maker", key] = {"maker_id": key, "name": name}
        for row in self.rows("parts"):
            key, maker, weight, note, *_ = self.broken.get(row[0], row)
            nodes["Part", key] = {"part_id": key, "weight": int(weight), "note": note}
            if maker:
                edges["MADE_BY", key, maker] = {}
                nodes.setdefault(("Maker", maker), {"maker_id": maker})
        for part, model, since in self.rows("fits"):
            edges["FITS", part, model] = {"since": since}
            nodes.setdefault(("Part", part), {"part_id": part})
            nodes.setdefault(("Model", model), {"model_id": model})
        shown = {at: {name: value for name, value in each.items() if value is not None} for at, each in nodes.items()}
        return shown, edges

    def check(self):
        """Compare the whole graph with what it must be; a node that no row has holds its key and its owner alone."""
        nodes, edges = {}, {}
        for row in self.graph.query("MATCH (n:!_DeltaNeo4jLoad) RETURN labels(n) AS labels, properties(n) AS p"):
            label, p = next(each for each in ("Maker", "Part", "Model") if each in row["labels"]), row["p"]
            mapped = {name: p[name] for name in p if not name.startswith("_dn_") and name != "embedding"}
            key = mapped[f"{label.lower()}_id"]
            assert ("embedding" in p) == ("note" in p), p
            assert ("Thing" in row["labels"]) == (label == "Part" and "weight" in p)
            if len(mapped) == 1:
                assert set(p) == {f"{label.lower()}_id", "_dn_owner"}
            assert (label, key) not in nodes
            nodes[label, key] = mapped
        found = "MATCH (a)-[r]->(b) RETURN type(r) AS type, properties(a) AS a, properties(b) AS b, properties(r) AS p"
        for row in self.graph.query(found):
            ends = [row[end].get("part_id") or row[end].get("maker_id") or row[end].get("model_id") for end in "ab"]
            mapped = {name: value for name, value in row["p"].items() if not name.startswith("_dn_")}
            assert (row["type"], *ends) not in edges
            edges[row["type"], *ends] = mapped
        assert (nodes, edges) == self.expected()

    def load(self, hook=None, **changes):
        """Run a load that succeeds, check the graph, and give the summary's tables by name."""
        report = self.runs.run(hook, **changes) if hook else self.runs.run(**changes)
        assert report.error is None, report.error
        assert report.balanced
        self.check()
        summary = report.summary()
        return summary, {table["name"]: table for table in summary["tables"]}


@pytest.fixture
def world(spark, newest_graph, loads, tmp_path):
    """Give tables with a few rows; nothing is loaded yet."""
    file = tmp_path / "graph.yml"
    file.write_text(MAPPING)
    runs = loads(newest_graph, mapping=str(file), sources={name: str(tmp_path / name) for name in COLUMNS})
    made = World(spark, newest_graph, runs, tmp_path)
    made.sql(
        "INSERT INTO {makers} VALUES ('m1', 'one'), ('m2', 'two'), ('m3', 'three')",
        "INSERT INTO {parts} VALUES ('p1', 'm1', '1', 'bolt'), ('p2', 'm1', '2', 'nut'), ('p3', 'm2', '3', 'bolt'), "
        "('p4', 'm9', '4', NULL), ('p5', NULL, '5', 'cap'), ('p6', 'm3', '6', 'rod'), ('p7', 'm3', '7', 'pin')",
        "INSERT INTO {fits} VALUES ('p1', 'x', 1), ('p2', 'x', 2), ('p3', 'y', 3), ('p8', 'z', 4)",
    )
    return made


@pytest.mark.deep  # in `make test` a drawn history shows the same (test_histories.py)
@pytest.mark.every_lane
def test_a_graph_follows_the_change_feeds_of_its_tables(world, endpoint):
    """Updates, deletes, changed keys, rows of one key, dead letters, overwrites: after each run the graph is equal."""
    summary, tables = world.load()
    assert {table["source_mode"] for table in tables.values()} == {"cdf"}
    assert summary["totals"]["outcomes"]["written"] == 14

    world.sql(
        "UPDATE {parts} SET weight = '10' WHERE weight = '1'",
        "UPDATE {parts} SET `:ID(Part)` = 'p22' WHERE weight = '2'",  # fits still leads to p2
        "UPDATE {parts} SET maker = 'm2' WHERE weight = '4'",  # nothing leads to m9 any more
        "DELETE FROM {parts} WHERE weight = '5'",
        "DELETE FROM {parts} WHERE weight = '6'",
        "INSERT INTO {parts} VALUES ('p6', 'm3', '66', 'rod'), ('p7', 'm1', '77', 'pin')",  # p7 has two rows now
        "OPTIMIZE {parts}",
        "DELETE FROM {parts} WHERE weight = '77'",
        "DELETE FROM {makers} WHERE id IN ('m2', 'm3')",  # parts still lead to them
        "DELETE FROM {fits} WHERE part = 'p8'",  # takes its two ends along
        "MERGE INTO {makers} m USING (SELECT 'm1' AS id, 'uno' AS name UNION ALL SELECT 'm4', 'four') s "
        "ON m.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT *",
    )
    summary, tables = world.load()
    parts = tables["parts"]
    assert parts["changes"] == {"update_preimage": 3, "update_postimage": 3, "delete": 3, "insert": 2}
    counts = {"written": 3, "unchanged": 1, "superseded": 5, "deleted": 2}  # p4 has changed by a relationship only
    assert {name: count for name, count in parts["outcomes"].items() if count} == counts
    assert tables["fits"]["outcomes"]["deleted"] == 1
    assert summary["embedding"]["texts_embedded"] == 0

    # One of two rows of a key goes, and the other was not the one in the graph; a dead letter keeps its old node.
    world.sql(
        "INSERT INTO {parts} VALUES ('p3', 'm1', '33', 'other')",
        "UPDATE {parts} SET weight = 'heavy' WHERE `:ID(Part)` = 'p4'",
        "ALTER TABLE {parts} ADD COLUMN colour STRING",
        "DELETE FROM {makers} WHERE id = 'm1'",
    )
    world.broken = {"p4": ("p4", "m2", "4", None)}
    assert world.runs.run().error is None
    world.sql("DELETE FROM {parts} WHERE weight = '33'", "INSERT INTO {makers} VALUES ('m1', 'ein')")
    _, tables = world.load()
    assert tables["parts"]["outcomes"]["superseded"] == 1
    assert tables["makers"]["outcomes"]["written"] == 1
    asked = len(endpoint.texts)

    # An overwrite by the same rows, cut by the size of a micro-batch: as Delta wrote it, and with its deletes first.
    world.sql("OPTIMIZE {parts}")
    schema = f"{COLUMNS['parts']}, colour STRING"
    for deletes_first in (False, True):
        rows = world.spark.createDataFrame(world.rows("parts"), schema)
        rows.repartition(2).write.format("delta").mode("overwrite").save(world.path("parts"))
        if deletes_first:
            newest = max((world.folder / "parts" / "_delta_log").glob("*.json"))
            actions = newest.read_text().splitlines()
            newest.write_text("\n".join(sorted(actions, key=lambda line: "add" in json.loads(line))) + "\n")
        summary, tables = world.load(batch_size=1, bytes_per_row=1)
        outcomes = tables["parts"]["outcomes"]
        assert tables["parts"]["batches"] > 1
        assert (outcomes["written"], outcomes["deleted"], outcomes["dead_lettered"]) == (0, 0, 1)
    assert len(endpoint.texts) == asked + 6  # the probes of two runs
    report = verify(world.spark, world.runs.settings(), vectors=True)
    assert report.is_equal, report.lines()
    assert [table.keys.get("dead_letters") for table in report.tables] == [None, 1, None]


@pytest.mark.deep  # in `make test` histories are killed in the same way, through the step
def test_a_run_killed_between_the_deletes_and_the_nodes_is_repeated(world):
    """Until then the graph is half, and `verify` refuses it."""
    world.load()
    world.sql(
        "DELETE FROM {parts} WHERE weight = '1'",
        "UPDATE {parts} SET `:ID(Part)` = 'p33', maker = 'm7' WHERE weight = '3'",
        "UPDATE {parts} SET maker = NULL WHERE weight = '4'",
    )

    def killed(step, value):
        if step == "relationships MADE_BY":
            raise RuntimeError("killed here")
        return value

    assert world.runs.run(killed).error is not None
    with pytest.raises(PreflightError, match="last load of table parts has not ended"):
        verify(world.spark, world.runs.settings())
    assert world.graph.value("MATCH (n:Part {part_id: 'p1'}) RETURN count(n.weight) AS c") == 0
    assert world.graph.value("MATCH (n:Part {part_id: 'p33'})-[r]->() RETURN count(r) AS c") == 0
    world.load()


def test_a_run_stops_before_it_deletes_too_much(world):
    """A source that was emptied stops the run, which names the number that lets it go on."""
    world.load()
    world.sql(
        "DELETE FROM {parts}",
        "DELETE FROM {makers} WHERE id = 'm1'",
    )
    report = world.runs.run()
    assert (report.exit_code, report.summary()["guard"]) == (5, {"would_remove": 7, "of": 7, "limit": 6})
    assert "--allow-deletes 7" in str(report.error)
    assert world.graph.value("MATCH (n:Thing) RETURN count(n) AS c") == 7
    world.load(allow_deletes=7)
    ledger = State(world.runs.state).read(world.spark, "ledger").where("table_name = 'parts'")
    assert ledger.count() == 2
    assert LIMITS.deletes(10_000) == 2_000
