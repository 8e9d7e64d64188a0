"""Tables that are read whole at each run, and what goes from the graph when a source has it no more."""

from __future__ import annotations

import datetime as dt

import pytest

from delta_neo4j.graph import own_rows
from delta_neo4j.graph.passes.runner import PassRunner
from delta_neo4j.graph.target import Target
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.runs.embed import embed
from delta_neo4j.runs.plan.forecast import forecast
from delta_neo4j.runs.verify.verify import verify
from delta_neo4j.settings.limits import Limits
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.values import sql_type
from delta_neo4j.state.tables import State

MAPPING = """
tables:
  - name: parts
    source: parts
    labels: [Part]
    key: [{property: part_id, column: id, type: integer}]
    properties: [{column: size, type: integer}, {column: note}]
    embedding: {text: note, index: {name: part_notes, dimension: 384}}
    deleted_when: status = 'gone'
    relationships:
      - {type: MADE_BY, end: {label: Maker, key: [{property: maker_id, column: maker}]}, on_missing: merge}
  - name: fits
    source: fits
    relationship:
      type: FITS
      from: {label: Part, key: [{property: part_id, column: part, type: integer}]}
      to: {label: Model, key: [{property: model_id, column: model}]}
      on_missing: merge
    properties: [{column: since, type: date}]
"""
PARTS = "id STRING, maker STRING, size STRING, note STRING, status STRING"
FITS = "part STRING, model STRING, since STRING"
ROWS = [(str(n), f"m{n % 2}", str(n), f"note {n % 3}", None) for n in range(8)]
JOINED = [(str(n), f"x{n}", "2024-08-15") for n in range(4)]


class Sources:
    """A view over a Delta table of parts, and a Parquet table of what they fit, both written anew at each change."""

    def __init__(self, spark, folder):
        self.spark, self.folder = spark, folder

    def write(self, parts, fits):
        """Overwrite both tables."""
        frame = self.spark.createDataFrame(parts, PARTS)
        path = str(self.folder / "delta")
        frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(path)
        self.spark.read.format("delta").load(path).createOrReplaceTempView("dn_parts")
        self.spark.createDataFrame(fits, FITS).write.format("parquet").mode("overwrite").saveAsTable("default.dn_fits")


@pytest.fixture
def sources(spark, tmp_path):
    """Give sources with a few rows."""
    made = Sources(spark, tmp_path)
    made.write(ROWS, JOINED)
    yield made
    spark.sql("DROP TABLE IF EXISTS default.dn_fits")
    spark.catalog.dropTempView("dn_parts")


@pytest.fixture
def runs(loads, newest_graph, tmp_path):
    """Make loads of the two sources."""
    file = tmp_path / "graph.yml"
    file.write_text(MAPPING)
    return loads(newest_graph, mapping=str(file), sources={"parts": "dn_parts", "fits": "default.dn_fits"})


def _parts(graph):
    rows = graph.query("MATCH (n:Part) WHERE n.size IS NOT NULL RETURN n.part_id AS id, n.size AS size")
    return {row["id"]: row["size"] for row in rows}


def _counts(table):
    outcomes = {name: count for name, count in table["outcomes"].items() if count}
    return (outcomes, table["swept"])


@pytest.mark.every_lane
def test_a_graph_follows_a_view_and_a_parquet_table(sources, runs, newest_graph, endpoint):
    """New and changed rows arrive, lost and deleted ones go; a run that finds the same rows writes nothing."""
    settings = runs.settings()
    assert embed(runs.spark, settings).total.embedding["texts_embedded"] == 3
    plan = forecast(runs.spark, settings)
    assert (plan.rows_pending, plan.texts_to_embed) == (12, 0)
    summary = runs.succeed()
    parts, fits = summary["tables"]
    assert {(each["source_mode"], each["source_version"], each["batches"]) for each in summary["tables"]} == {
        ("snapshot", None, 1)
    }
    assert (_counts(parts), _counts(fits)) == (({"written": 8}, 0), ({"written": 4}, 0))
    newest_graph.query("MATCH (n:Part {part_id: 7}) SET n.by_hand = true")
    newest_graph.query("CREATE (:Part {part_id: 99, size: 99})")  # somebody else's

    # 1 and 6 go, 5 says so, 4 becomes a dead letter, 3 changes, 20 is new; 7 is somebody else's too, 2 is an end.
    asked = len(endpoint.texts)
    changed = [ROWS[0], ("3", "m1", "33", "note 0", None), ("4", "m0", "heavy", "note 1", None)]
    changed += [("5", "m1", "5", "note 2", "gone"), ("20", "m5", "20", "note 2", None)]
    sources.write(changed, JOINED[1:])
    tables = {each["name"]: each for each in runs.succeed()["tables"]}
    expected = {"written": 2, "unchanged": 1, "dead_lettered": 1, "deleted": 1}
    assert _counts(tables["parts"]) == (expected, 4)
    assert _counts(tables["fits"]) == ({"unchanged": 3}, 1)
    assert _parts(newest_graph) == {0: 0, 3: 33, 4: 4, 20: 20, 99: 99}
    found = newest_graph.query(
        "MATCH (n) WHERE n.size IS NULL AND NOT n:_DeltaNeo4jLoad RETURN properties(n) AS p, labels(n) AS l ORDER BY l"
    )
    stubs = [{name: value for name, value in each["p"].items() if name != "_dn_owner"} for each in found]
    assert sorted(map(str, stubs)) == sorted(
        map(
            str,
            [{"maker_id": "m0"}, {"maker_id": "m1"}, {"maker_id": "m5"}]
            + [{"model_id": f"x{n}"} for n in (1, 2, 3)]
            + [{"part_id": 1}, {"part_id": 2}, {"part_id": 7, "by_hand": True}],
        )
    )
    assert len(endpoint.texts) == asked + 3  # the probes

    before = newest_graph.query("MATCH (n) RETURN count(n) AS n, sum(n.size) AS s")
    tables = {each["name"]: each for each in runs.succeed()["tables"]}
    assert _counts(tables["parts"]) == ({"unchanged": 4, "dead_lettered": 1}, 0)
    assert _counts(tables["fits"]) == ({"unchanged": 3}, 0)
    assert newest_graph.query("MATCH (n) RETURN count(n) AS n, sum(n.size) AS s") == before
    assert len(endpoint.texts) == asked + 6
    report = verify(runs.spark, settings, vectors=True)
    assert report.is_equal, report.lines()


def test_a_sweep_is_due_until_it_is_done_and_never_deletes_too_much(sources, runs, newest_graph):
    """A run that ends before it leaves it to the next one; an emptied source stops the run."""
    runs.succeed()

    def killed(step, value):
        if step == "sweep":
            raise RuntimeError("killed here")
        return value

    sources.write(ROWS[:6], JOINED)
    with pytest.raises(RuntimeError, match="killed here"):
        runs.run(killed)
    assert len(_parts(newest_graph)) == 8
    few = Limits(delete_floor=1)
    report = runs.run(limits=few)
    assert (report.exit_code, report.summary()["guard"]) == (5, {"would_remove": 2, "of": 8, "limit": 1})
    assert "--allow-deletes 2" in str(report.error)
    assert len(_parts(newest_graph)) == 8
    assert runs.succeed(allow_deletes=2)["tables"][0]["swept"] == 2
    sources.write([], JOINED)
    report = runs.run()
    assert (report.exit_code, report.summary()["guard"]) == (5, {"would_remove": 6, "of": 6, "limit": 5})
    assert len(_parts(newest_graph)) == 6


KEYS = {
    "string": ("a b", "'a b'"), "integer": (7, "7"), "boolean": (True, "true"),
    "date": (dt.date(1582, 10, 20), "date('1582-10-20')"),
    "datetime": (dt.datetime(2024, 8, 15, 14, 30, 0, 120, dt.UTC), "datetime('2024-08-15T14:30:00.00012Z')"),
    "local_datetime": (dt.datetime(2024, 1, 2, 3, 0), "localdatetime('2024-01-02T03:00')"),  # noqa: DTZ001
}  # fmt: skip


def test_own_keys_of_every_type_are_listed(spark, loads, newest_graph, tmp_path):
    """By a Spark task and by the driver, nodes and edges: the values are those that rows of the source have."""
    key = [{"property": f"k_{type_}", "column": type_, "type": type_} for type_ in KEYS]
    one = {"label": "Other", "key": [{"property": "id", "column": "o"}]}
    edge = {
        "type": "SEEN",
        "from": {"label": "Thing", "key": key},
        "to": one,
        "key": [{"column": "at", "type": "date"}],
    }
    models = [
        {"name": "n", "source": "n", "labels": ["Thing"], "key": key},
        {"name": "e", "source": "e", "relationship": edge},
    ]
    nodes, edges = (table.planned() for table in MappingModel(tables=models).tables)
    parts = ", ".join(f"k_{name}: {cypher}" for name, (_, cypher) in KEYS.items())
    newest_graph.query(
        f"CREATE (:Thing {{{parts}, _dn_version: 't1:1'}})"
        "-[:SEEN {at: date('2024-01-01'), _dn_version: 't2:2', _dn_owner: 'delta-neo4j'}]->(:Other {id: 'o'}), "
        "(:Thing {k_string: 'of a frame', _dn_version: 't3:1'}), (:Thing {k_string: 'b', _dn_version: 't1:2'})"
    )
    connection = loads(newest_graph).settings().neo4j.connection(5)
    values = [value for value, _ in KEYS.values()]
    for from_tasks in (True, False):
        target = Target(connection, PassRunner(from_tasks), 2, 1_000, "t1", "run")
        with deciding_values(spark, "UTC"):
            found = [
                own_rows.listed(spark, target, table, ["t1:", "t2:"], str(tmp_path / "own")).collect()
                for table in (nodes, edges)
            ]
        texts = [[tuple(map(str, row)) for row in rows] for rows in found]
        (node,), (between,) = texts
        assert (node[-1], between[-1]) == ("t1:1", "t2:2")
        assert between[:-3] == node[:-1]
        assert between[-3:-1] == ("o", "2024-01-01")
        wanted = spark.createDataFrame(
            [tuple(values)], ", ".join(f"k{i} {sql_type(p)}" for i, p in enumerate(nodes.key))
        )
        assert node[:-1] == tuple(map(str, wanted.collect()[0]))


KEPT = """
tables:
  - name: kept
    source: kept
    labels: [Kept]
    key: [{column: id}]
    deleted_when: gone
    deletes: keep
  - name: things
    source: things
    labels: [Thing]
    key: [{column: id}]
    properties: [{column: size, type: integer}]
"""


def test_a_reset_sweeps_what_an_appended_table_has_no_more(spark, tables, newest_graph, tmp_path):
    """It closes the gap of a rewritten table; `deletes: keep` and other sources stay; an old graph is asked about."""
    schemas = {"kept": "id STRING, gone BOOLEAN", "things": "id STRING, size INT"}
    things = [(str(n), n) for n in range(6)]
    runs = tables(KEPT, {"kept": [(key, None) for key in "abc"], "things": things}, schemas)

    def overwrite(name, rows):
        frame = spark.createDataFrame(rows, schemas[name])
        frame.write.format("delta").mode("overwrite").save(str(tmp_path / name))

    assert [each["source_mode"] for each in runs.succeed()["tables"]] == ["append", "append"]
    newest_graph.query("MATCH (n:Thing {id: '5'}) SET n._dn_version = '00000000:' + n._dn_version")  # another source's
    overwrite("kept", [("a", None), ("b", True)])
    overwrite("things", things[1:3])
    stopped = runs.run()
    assert stopped.exit_code == 2
    for words in ("--source-mode cdf", "--source-mode snapshot", "--reset-checkpoint"):
        assert words in str(stopped.error)

    def killed(step, value):
        if step == "sweep":
            raise RuntimeError("killed here")
        return value

    with pytest.raises(RuntimeError):
        runs.run(killed, reset_checkpoint=True)
    # The load goes on, and has its sweep to do; of a state that an older release wrote it asks first.
    older = State(runs.state).read(spark, "mappings").drop("source")
    older.localCheckpoint().write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(
        f"{runs.state}/mappings"
    )
    report = runs.run()
    assert (report.exit_code, report.summary()["guard"]) == (5, {"would_remove": 3, "of": 5, "limit": 0})
    kept, swept = runs.succeed(allow_deletes=3)["tables"]
    assert (kept["swept"], swept["swept"], swept["rows_read"]) == (0, 3, 0)
    assert newest_graph.value("MATCH (n:Kept) RETURN count(n) AS c") == 3
    found = newest_graph.query("MATCH (n:Thing) RETURN n.id AS id ORDER BY id")
    assert [row["id"] for row in found] == ["1", "2", "5"]
    assert [each["swept"] for each in runs.succeed()["tables"]] == [0, 0]
    ledger = State(runs.state).read(spark, "ledger").where("batch_id = -1").collect()
    assert [(row["table_name"], row["swept"]) for row in ledger] == [("things", 3)]

    # In another mode the source is the same; once it is a snapshot, the checkpoint keeps that.
    for first, changes in ((2, {"source_mode": "snapshot", "reset_checkpoint": True}), (3, {})):
        overwrite("things", things[first : first + 2])
        table = runs.succeed(**changes)["tables"][1]
        newest = spark.sql(f"DESCRIBE HISTORY delta.`{tmp_path / 'things'}` LIMIT 1").collect()[0]["version"]
        assert (table["source_mode"], table["source_version"]) == ("snapshot", newest)
        assert _counts(table) == ({"written": 1, "unchanged": 1}, 1)
    assert newest_graph.value("MATCH (n:Thing) RETURN count(n) AS c") == 3
