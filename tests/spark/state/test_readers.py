"""What `status` reads from a state, with `deltalake` and with Spark."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import pytest

from delta_neo4j.cli.console import main
from delta_neo4j.runs.report import html
from delta_neo4j.runs.status import status
from delta_neo4j.settings import collect
from delta_neo4j.state.reader import FolderReader
from delta_neo4j.state.spark_reader import SparkReader
from tests.support.places import ROOT
from tests.support.states import BEGAN, LOAD, account, as_on_a_cluster, batch, fill, letter, run
from tests.support.tables import removal, write

EARLIER = "1600000000000-bbbbbbbbbbbb"
LATER = BEGAN + dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def place(spark, tmp_path_factory):
    """A state of two runs over a source that has grown since, with letters of two loads and of a killed attempt."""
    folder = tmp_path_factory.mktemp("watched")
    state = str(folder / "state")
    write(spark, folder / "source", [removal(n) for n in range(10)])
    write(spark, folder / "source", [removal(n) for n in range(10, 17)])
    fill(
        spark,
        state,
        ledger=[batch("r0", 0, account(90, 9), EARLIER), batch("r1", 0, account(10, 3))],
        runs=[run("r1", [account(10, 3)]), run("r2", [], error="Neo4j does not answer", started=LATER)],
        models=[("m1", "minilm-embedder", 384, "[]", BEGAN)],
        dead_letters=[
            letter(0, "validation", "type_mismatch", "column 'cost_estimate': abc", key="K1"),
            letter(0, "embedding", "embedding_fault", "HTTP 400", key="K2"),
            letter(0, "nodes", "Neo.ClientError.Statement.TypeError", "refused", key="K3"),
            letter(0, "validation", "key_missing", "settled by the new checkpoint", load_id=EARLIER),
            letter(0, "validation", "key_missing", "of a killed attempt", attempt="another"),
        ],
    )
    held = folder / "state" / "checkpoints" / "removals" / "load"
    held.mkdir(parents=True)
    (held / "load.json").write_text(json.dumps({"load_id": LOAD, "source_mode": "append"}))
    return folder


def _found(place):
    return collect.collect({"state": str(place / "state"), "source": (str(place / "source"),)})


@pytest.mark.parametrize("kind", ["deltalake", "Spark"])
def test_both_readers_find_the_same_in_a_state(spark, place, kind):
    """Runs, pending rows, the letters that count and are open, sizes; without Neo4j the graph's part is one line."""
    state = str(place / "state")
    with as_on_a_cluster(spark):
        held = status(FolderReader.of(state) if kind == "deltalake" else SparkReader(spark, state), _found(place), 5)
    assert [(run["run_id"], run["status"], run["error"]) for run in held["runs"]] == [
        ("r2", "failed", "Neo4j does not answer"),
        ("r1", "succeeded", None),
    ]
    assert held["runs"][1]["started_at"] == "2026-11-02 08:00:00+00:00"
    (source,) = held["sources"]
    expected = {"version": 1, "loaded_version": 0, "rows": 17, "rows_pending": 7, "fault": None}
    assert {name: source[name] for name in expected} == expected
    assert sorted((each["at_fault"], each["reason_class"], each["letters"]) for each in held["dead_letters"]) == [
        ("endpoint", "embedding_fault", 1),
        ("graph", "Neo.ClientError.Statement.TypeError", 1),
        ("row", "type_mismatch", 1),
    ]
    assert [each["name"] for each in held["tables"]] == ["runs", "ledger", "dead_letters", "models"]
    assert all(each["bytes"] > 500 * each["files"] > 0 for each in held["tables"])
    assert held["verifications"] == []
    assert "NEO4J_URI" in held["graph"]["fault"]
    assert held["read_with"] == kind


def test_where_the_checkpoint_cannot_be_looked_into_the_newest_recorded_load_stands_for_it(place):
    """A checkpoint in a storage that this process does not see, here by an address, is no load that never began."""
    found = collect.collect(
        {"state": str(place / "state"), "source": (str(place / "source"),), "checkpoint": "abfss://box@store/c"}
    )
    (source,) = status(FolderReader.of(str(place / "state")), found, 5)["sources"]
    assert (source["load_id"], source["rows_pending"]) == (LOAD, 7)


def test_both_readers_make_the_same_page_of_a_run(spark, place):
    """The dead letters are those of the run's counted attempts, with their rows; the ledger gives the micro-batches."""
    state, graph = str(place / "state"), {"fault": "not looked at", "indexes": []}
    with as_on_a_cluster(spark):
        pages = [
            html.page(html.told(reader, "r1", graph), BEGAN)
            for reader in (FolderReader.of(state), SparkReader(spark, state))
        ]
    assert pages[0] == pages[1]
    assert "3 dead letters of this run" in pages[0]
    assert "column &#39;cost_estimate&#39;: abc" in pages[0]
    assert "killed attempt" not in pages[0]


def test_report_writes_the_newest_run_or_the_one_that_is_named(place, capsys, tmp_path):
    """The file's name is printed; a run that the state lacks is one line."""
    arguments = ["--state", str(place / "state"), "--output", str(tmp_path / "page.html")]
    main(["report", *arguments])
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    page = (tmp_path / "page.html").read_text()
    assert "<title>embed r2: failed</title>" in page
    assert "NEO4J_URI is not set" in page
    for run_id, line in {"r3": "has no run r3", "r' OR '1'='1": "is no id of a run"}.items():
        with pytest.raises(SystemExit) as ended:
            main(["report", run_id, *arguments])
        assert ended.value.code == 2
        assert line in capsys.readouterr().err


def test_without_deltalake_a_folder_is_read_through_spark(spark, place, monkeypatch, capsys):
    """The command finds the same."""
    monkeypatch.setitem(sys.modules, "deltalake", None)
    monkeypatch.setattr("delta_neo4j.cli.session.spark_session", lambda: spark)
    main(["status", "--state", str(place / "state"), "--source", str(place / "source")])
    shown = capsys.readouterr().out
    assert "(read with Spark)" in shown
    assert "7 rows pending" in shown


def test_a_state_in_a_folder_is_shown_without_pyspark(place):
    """The command answers where pyspark cannot be imported: it starts no Spark."""
    blocked = "import sys; sys.modules['pyspark'] = None; from delta_neo4j.cli.console import main; main(sys.argv[1:])"
    arguments = ["status", "--state", str(place / "state"), "--source", str(place / "source")]
    done = subprocess.run(
        [sys.executable, "-c", blocked, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "7 rows pending" in done.stdout
    assert "1 by the endpoint: removals embedding embedding_fault (HTTP 400)" in done.stdout
    assert done.stdout.count("\n") < 24
