"""`verify` and `search` wait for what loads wrote, by the bookmarks in the ledger, as far as the server knows them."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.cli.console import main
from delta_neo4j.state.tables import State
from tests.support.bolt_proxy import in_front_of
from tests.support.neo4j_servers import PASSWORD
from tests.support.tables import removal, write

COMMANDS = ("verify", "search")


@pytest.fixture
def run(capfd):
    """Run a command through a proxy; give its exit code, its outputs, and how many statements have a bookmark."""

    def of(runs, proxy, command, bookmark):
        proxy.hears = lambda name, message: heard.append(bookmark.encode() in message) if name == "RUN" else None
        arguments, heard = ["--mapping", "removals", "--state", runs.state, "--json"], []
        more = ["reason 1"] if command == "search" else ["--source", runs.source]
        capfd.readouterr()
        try:
            main([command, *more, *arguments])
        except SystemExit as ended:
            return ended.code, *capfd.readouterr(), sum(heard)
        return 0, *capfd.readouterr(), sum(heard)

    return of


@pytest.fixture
def environment(monkeypatch, endpoint):
    """Set the settings of the commands, but for the graph's address."""
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    monkeypatch.setenv("EMBEDDER", "rest")
    monkeypatch.setenv("EMBEDDING_URL", endpoint.url)
    return monkeypatch


def test_a_bookmark_is_waited_for_and_an_unknown_one_is_dropped(spark, newest_graph, loads, environment, run):
    """A ledger of a release before them has none; all three states give the same answers."""
    runs = loads(newest_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n}") for n in range(5)])
    runs.succeed()
    newest_graph.query("CALL db.awaitIndexes(60)")
    (row,) = State(runs.state).read(spark, "ledger").collect()
    (bookmark,) = json.loads(row["bookmarks"])
    with in_front_of(newest_graph.server) as proxy:
        environment.setenv("NEO4J_URI", proxy.uri)
        known = {command: run(runs, proxy, command, bookmark) for command in COMMANDS}
        for command, (code, out, err, statements) in known.items():
            assert (code, err) == (0, ""), command
            assert json.loads(out)
            assert statements >= 2, command  # whether the server knows it, and what was asked then

        unknown = "FB:x"
        spark.sql(f"UPDATE delta.`{runs.state}/ledger` SET bookmarks = '{json.dumps([unknown])}'")
        for command in COMMANDS:
            code, out, err, statements = run(runs, proxy, command, unknown)
            assert (code, out) == (0, known[command][1]), (command, err)
            assert f"bookmark.dropped bookmark={unknown} reason=" in err
            assert statements == 1, command

        older = spark.createDataFrame([row]).drop("bookmarks").write.format("delta").mode("overwrite")
        older.option("overwriteSchema", "true").save(f"{runs.state}/ledger")
        for command in COMMANDS:
            assert run(runs, proxy, command, bookmark)[:2] == known[command][:2], command
