"""The job as people start it: the script, its flags, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from delta_neo4j.cli.console import main
from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT
from tests.support.tables import removal, write


def _arguments(tmp_path, env_file):
    return ["--source", str(tmp_path / "source"), "--state", str(tmp_path / "state"), "--env-file", str(env_file)]


def test_the_job_file_loads_and_prints_its_summary_last(spark, lts_graph, tmp_path, env_file):
    """`python removals_spark_loader.py --json`: exit code 0, one JSON document as the last line, no secret anywhere."""
    write(spark, tmp_path / "source", [removal(n) for n in range(10)])
    command = [sys.executable, str(ROOT / "removals_spark_loader.py"), "--json", *_arguments(tmp_path, env_file)]
    job = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=_environment())
    assert job.returncode == 0, job.stderr
    summary = json.loads(job.stdout.splitlines()[-1])
    assert summary["balanced"]
    assert summary["totals"]["outcomes"]["written"] == 10
    assert "balanced: 10 rows read = 10 written" in job.stderr
    assert PASSWORD not in job.stdout + job.stderr
    runs = spark.read.format("delta").load(str(tmp_path / "state" / "runs")).collect()
    assert PASSWORD not in str(runs)


def _environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J", "EMBEDDING"))}


def test_a_failed_run_prints_its_summary_too(spark, lts_graph, tmp_path, env_file, capsys):
    """On failure the JSON says why, and the exit code is the documented one."""
    with pytest.raises(SystemExit) as ended:
        main(["load", "--json", *_arguments(tmp_path, env_file)])
    assert ended.value.code == 2
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["status"], summary["exit_code"]) == ("failed", 2)
    assert "source table" in summary["error"]


def test_deleting_the_checkpoint_folder_starts_fresh(spark, lts_graph, tmp_path, env_file, capsys):
    """Every row is read again; the state tables survive, so nothing is embedded again."""
    import shutil

    write(spark, tmp_path / "source", [removal(n) for n in range(10)])
    arguments = ["load", "--json", "--checkpoint", str(tmp_path / "ckpt"), *_arguments(tmp_path, env_file)]
    main(arguments)
    shutil.rmtree(tmp_path / "ckpt")
    main(arguments)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["totals"]["outcomes"]["unchanged"] == 10
    assert summary["embedding"]["cache_hits"] == summary["embedding"]["texts"] == 7


def test_process_batch_is_the_foreachbatch_function(spark, lts_graph, tmp_path, env_file, monkeypatch, capsys):
    """A stream that the user starts calls `process_batch`; what it delivers last wins over any run in between."""
    import removals_spark_loader as job

    write(spark, tmp_path / "source", [removal(n) for n in range(10)])
    for line in env_file.read_text().splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    monkeypatch.setenv("SOURCE_TABLE", str(tmp_path / "source"))
    monkeypatch.setenv("STATE_LOCATION", str(tmp_path / "state"))
    job._step.cache_clear()
    rows = spark.readStream.format("delta").load(str(tmp_path / "source"))
    stream = rows.writeStream.foreachBatch(job.process_batch).option("checkpointLocation", str(tmp_path / "mine"))
    stream.trigger(availableNow=True).start().awaitTermination()
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 10
    main(["load", *_arguments(tmp_path, env_file)])
    # Another stream of the user's begins at batch 0 again: its rows are not taken for known ones.
    write(spark, tmp_path / "source", [removal(3, RMV_REA_TX="newest"), *(removal(n) for n in range(10, 12))])
    rows = spark.readStream.format("delta").option("startingVersion", "1").load(str(tmp_path / "source"))
    again = rows.writeStream.foreachBatch(job.process_batch).option("checkpointLocation", str(tmp_path / "another"))
    again.trigger(availableNow=True).start().awaitTermination()
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 12
    assert lts_graph.value("MATCH (n {removal_id: 'RE000003'}) RETURN n.RMV_REA_TX AS t") == "newest"
