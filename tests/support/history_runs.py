"""Histories replayed: commits made in Delta tables, loads run, and the whole graph compared with that of the oracle."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from delta_neo4j.runs import steps
from tests.support import oracle
from tests.support.endpoint import vector_of
from tests.support.histories import COLUMNS, MAPPING, REWRITES, Commit, Load

TYPES = {"seq": "BIGINT"}
FEED = "delta.enableChangeDataFeed"


class KilledError(RuntimeError):
    """Raised by a hook where a run shall end."""


def killing(step, time_of_step):
    """Give a hook that ends a run when it comes to a step for that time."""
    seen = 0

    def hook(name, value):
        nonlocal seen
        seen += name == step
        if name == step and seen == time_of_step:
            raise KilledError("killed here")
        return value

    return hook


class Tables:
    """Three Delta tables with their feeds on, to which commits are made."""

    def __init__(self, spark, folder):
        self.spark, self.folder, self.columns = spark, folder, dict(COLUMNS)
        self.columns["makers"] = COLUMNS["makers"][:-1]
        for name in COLUMNS:
            self.spark.sql(
                f"CREATE TABLE {self.sql(name)} ({self.schema(name)}) USING delta TBLPROPERTIES ('{FEED}' = 'true')"
            )

    def path(self, name):
        """Give the folder of a table."""
        return str(self.folder / name)

    def sql(self, name):
        """Give the name of a table in SQL."""
        return f"delta.`{self.path(name)}`"

    def schema(self, name):
        """Give the columns of a table as it is now."""
        return ", ".join(f"{column} {TYPES.get(column, 'STRING')}" for column in self.columns[name])

    def versions(self):
        """Give the newest version of each table."""
        return {name: oracle.newest_version(self.path(name)) for name in COLUMNS}

    def commit(self, commit):
        """Make a commit."""
        name, table = commit.table, self.sql(commit.table)
        if commit.kind == "column":
            self.columns[name] = COLUMNS[name]
            self.spark.sql(f"ALTER TABLE {table} ADD COLUMN {COLUMNS[name][-1]} STRING")
        elif commit.kind == "optimize":
            self.spark.sql(f"OPTIMIZE {table}")
        elif commit.kind in {"insert", "overwrite"}:
            mode = "append" if commit.kind == "insert" else commit.kind
            frame = self.frame(name, commit.inserts)
            frame.coalesce(1).write.format("delta").mode(mode).save(self.path(name))
        elif commit.kind == "delete":
            if commit.deletes:
                self.spark.sql(f"DELETE FROM {table} WHERE seq IN ({', '.join(map(str, commit.deletes))})")
        else:
            self._merge(commit)

    def frame(self, name, rows, more=()):
        """Give rows as a frame, `more` values and their columns before their own."""
        width = len(self.columns[name]) + len(more)
        schema = ", ".join([*more, self.schema(name)])
        return self.spark.createDataFrame([row[:width] for row in rows], schema)

    def _merge(self, commit):
        name, nothing = commit.table, (None,) * len(COLUMNS[commit.table])
        rows = [(seq, *row) for seq, row in commit.updates] + [(seq, *nothing) for seq in commit.deletes]
        rows += [(None, *row) for row in commit.inserts]
        if not rows:
            return
        self.frame(name, rows, ("old BIGINT",)).createOrReplaceTempView("dn_changes")
        sets = ", ".join(f"{column} = s.{column}" for column in self.columns[name])
        values = ", ".join(f"s.{column}" for column in self.columns[name])
        self.spark.sql(
            f"MERGE INTO {self.sql(name)} t USING dn_changes s ON t.seq = s.old "
            f"WHEN MATCHED AND s.seq IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET {sets} "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(self.columns[name])}) VALUES ({values})"
        )


def seen(graph):
    """
    Give the whole graph as (nodes, edges), as the oracle makes it.

    Vectors are those of their texts, ids that the loader makes tell nodes apart, and a node that no row has holds its
    key and its owner alone: all of this is asserted here.
    """
    nodes, edges, named = {}, {}, {}
    rows = graph.query(
        "MATCH (n:!_DeltaNeo4jLoad) OPTIONAL MATCH (n)<-[:HAS_CHUNK]-(m) "
        "RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS p, collect(m.maker_id) AS owners"
    )
    for row in rows:
        labels, p = tuple(sorted(row["labels"])), row["p"]
        shown = {name: value for name, value in p.items() if not name.startswith("_dn_")}
        if labels in {("Chunk",), ("Note",)}:
            assert np.array_equal(np.array(shown.pop("embedding"), dtype=np.float32), vector_of(p["text"])), p
            shown.pop("chunk_id" if labels == ("Chunk",) else "text_id")
        if labels == ("Chunk",):
            (owner,) = row["owners"]
            key = owner, p["index"]
        else:
            key = p["text"] if labels == ("Note",) else shown[f"{labels[0].lower()}_id"]
            if len(shown) == 1 and labels != ("Note",):
                assert set(p) == {*shown, "_dn_owner"}, p
        assert (labels[0], key) not in nodes, row
        nodes[labels[0], key] = labels, shown
        named[row["id"]] = labels[0], key
    rows = graph.query(
        "MATCH (a)-[r]->(b) RETURN type(r) AS type, elementId(a) AS a, elementId(b) AS b, properties(r) AS p"
    )
    for row in rows:
        at = row["type"], named[row["a"]], named[row["b"]]
        assert at not in edges, at
        edges[at] = {name: value for name, value in row["p"].items() if not name.startswith("_dn_")}
    return nodes, edges


def difference(found, wanted):
    """Give what two dictionaries differ in: {key: (found, wanted)}."""
    keys = found.keys() | wanted.keys()
    return {key: (found.get(key), wanted.get(key)) for key in keys if found.get(key) != wanted.get(key)}


class World:
    """The tables of a history, the graph that follows them, and what the graph must be."""

    def __init__(self, spark, graph, runs, folder):
        self.spark, self.graph, self.runs = spark, graph, runs
        self.tables = Tables(spark, folder)
        self.winners = {name: {} for name in COLUMNS}
        self.reached = dict.fromkeys(COLUMNS, -1)
        self.rewritten, self.edges = False, {}

    def check(self, where, names=tuple(COLUMNS), may_wait=None):
        """
        Compare the whole graph with what the oracle makes of the newest versions of the tables of these names.

        Relationships of the type `may_wait` are left out: the next load writes those whose end has come.
        """
        versions = self.tables.versions()
        for name in names:
            rows = oracle.rows_at(self.spark, self.tables.path(name), versions[name])
            self.winners[name] = oracle.winners(name, rows, self.winners[name])
            self.reached[name] = versions[name]
        wanted, (nodes, edges) = oracle.Expected(self.winners, self.edges), seen(self.graph)
        wrong = difference(nodes, wanted.nodes) | difference(edges, wanted.edges)
        wrong = {key: both for key, both in wrong.items() if key[0] != may_wait}
        assert not wrong, f"after {where} (found, wanted): {wrong}"
        if may_wait is None:
            self.edges = wanted.edges

    def replay(self, history, mode=None):
        """Make the commits and runs of a history, all loads in `mode` if it is given; compare after each run."""
        for number, step in enumerate(history):
            where = f"step {number}, {step}"
            if isinstance(step, Commit):
                self.tables.commit(step)
                self.rewritten |= step.kind in REWRITES
            elif isinstance(step, Load):
                self._load(step, mode or step.mode)
                self.check(where)
            elif self._processed():
                self.check(where, ("makers",), may_wait="CHECKED_BY")

    def _load(self, step, mode):
        options = {"source_mode": mode, "allow_deletes": 10_000}
        if step.small:
            options |= {"batch_size": 1, "bytes_per_row": 1}
        # `append` follows no rewritten table: it is read again.
        reset = {"reset_checkpoint": step.reset or (mode == "append" and self.rewritten)}
        if step.kill:
            report = None
            with suppress(KilledError):
                report = self.runs.run(killing(*step.kill), **options, **reset)
            assert report is None or report.error is None or "killed here" in str(report.error), report.error
            reset = {}
        report = self.runs.run(**options, **reset)
        assert report.error is None, report.error
        assert report.balanced
        self.rewritten = False

    def _processed(self):
        """Pass the changes of the first table that the graph does not know to `process_batch`; False without any."""
        first, path = self.reached["makers"] + 1, self.tables.path("makers")
        if first > oracle.newest_version(path):
            return False
        feed = self.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", first)
        steps.batch_function(self.spark, self.runs.settings(allow_deletes=10_000))(feed.load(path), 0)
        return True


def world(spark, graph, loads, folder, kind=World):
    """Give a world with empty tables, in a folder of its own."""
    folder.mkdir()
    graph.empty()
    file = folder / "graph.yml"
    file.write_text(MAPPING)
    sources = {name: str(folder / name) for name in COLUMNS}
    runs = loads(graph, mapping=str(file), sources=sources, state=str(folder / "state"))
    return kind(spark, graph, runs, folder)
