"""Ctrl-C and SIGTERM: one line, the documented exit code, nothing left running; and two first runs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT
from tests.support.quick import quick_command
from tests.support.tables import removal, write


def _start(graph, url, state, source):
    environment = {
        **os.environ, "NEO4J_URI": graph.uri, "NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": PASSWORD,
        "EMBEDDER": "rest", "EMBEDDING_URL": url, "PYTHONPATH": str(ROOT),
        **quick_command(Path(source).with_name("conf")),
    }  # fmt: skip
    arguments = ["load", "--json", "--source", str(source), "--state", str(state)]
    return subprocess.Popen(
        [sys.executable, "-m", "delta_neo4j", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def _await(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)  # what is awaited happens in another process


def _family(process):
    return [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]


def _ends(process, number, family):
    process.send_signal(number)
    out, err = process.communicate(timeout=90)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    assert "Traceback" not in err
    return process.returncode, out, err


def test_a_stopped_load_ends_with_one_line_and_leaves_nothing_running(spark, lts_graph, loads, endpoint):
    """Ctrl-C while texts are embedded: the line says what is kept, the summary too; the next run finishes the load."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(30)])
    endpoint.answer = lambda texts: time.sleep(60) if "Oil leak at fitting 1" in texts else None  # a slow model
    process = _start(lts_graph, endpoint.url, runs.state, runs.source)
    _await(lambda: any("Oil leak at fitting 1" in texts for _, texts in endpoint.arrivals), process)
    ended, out, err = _ends(process, signal.SIGINT, _family(process))
    assert ended == 130, err
    assert "stopped by Ctrl-C: what is written and embedded so far is kept; run again to resume" in err
    summary = json.loads(out.splitlines()[-1])
    assert (summary["status"], summary["exit_code"]) == ("stopped", 130)
    endpoint.answer = None
    assert runs.succeed()["totals"]["outcomes"]["written"] == 30


def test_a_command_stopped_while_spark_starts_leaves_no_java_behind(lts_graph, tmp_path):
    """SIGTERM: the start is finished first, because a JVM that nobody holds would stay."""
    process = _start(lts_graph, "http://127.0.0.1:1/invocations", tmp_path / "state", tmp_path / "source")
    _await(lambda: len(_family(process)) > 1, process)
    ended, _, err = _ends(process, signal.SIGTERM, _family(process))
    assert ended == 143, err
    assert err.count("stopped by SIGTERM") == 1


@pytest.mark.deep
def test_two_first_loads_of_one_state_and_checkpoint_end_in_one_load(spark, lts_graph, loads, endpoint):
    """Both make the state's tables; one loads, the other is held or finds nothing to do; all later runs agree."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(200)])
    pair = [_start(lts_graph, endpoint.url, runs.state, runs.source) for _ in range(2)]
    ended = [(process.communicate(timeout=300), process.returncode) for process in pair]
    codes = sorted(code for _, code in ended)
    assert codes in ([0, 0], [0, 8]), ended
    summary = runs.succeed()
    assert summary["totals"]["rows_read"] == 0
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 200
