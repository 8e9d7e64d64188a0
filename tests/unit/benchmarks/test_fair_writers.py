"""What makes the figures of a benchmark fair, and how runs are cut into phases."""

import pytest

from benchmarks.job import Event, Run
from benchmarks.profile import kind, phases
from benchmarks.same_graph import check_equal
from benchmarks.write import key, ratios

GRAPH = {"nodes :RemovalEvent": 10, "index FULLTEXT :RemovalEvent(RMV_REA_TX)": 1}


def test_a_missing_index_is_a_difference():
    """A writer without an index of the job, or with one more node, is refused by name."""
    check_equal({"job": GRAPH, "ceiling": dict(GRAPH)}, "job")
    with pytest.raises(RuntimeError, match=r"ceiling has index FULLTEXT :RemovalEvent\(RMV_REA_TX\): 0, job: 1"):
        check_equal({"job": GRAPH, "ceiling": {"nodes :RemovalEvent": 10}}, "job")
    with pytest.raises(RuntimeError, match="ceiling has nodes :Other: 1, job: 0"):
        check_equal({"job": GRAPH, "ceiling": GRAPH | {"nodes :Other": 1}}, "job")


@pytest.mark.parametrize(
    ("name", "rows", "far", "wanted"),
    [
        ("write_connector_advised", 100_000, 0, "write_connector_advised"),
        ("write_connector_advised", 500_000, 0, "write_connector_advised_500k"),
        ("write_connector_advised", 100_000, 100, "far_connector"),
        ("write_connector_advised", 100_000, 20, "far_20_connector"),
        ("write_ceiling", 100_000, 0, "write_ceiling"),
        ("write_ceiling", 500_000, 0, "job_bare"),
        ("first_to_last", 2_500, 0, "first_to_last_2.5k"),
    ],
)
def test_the_name_of_a_ratio_tells_size_and_distance(name, rows, far, wanted):
    """A run of few rows cannot be taken for the usual one."""
    assert key(name, rows, far) == wanted


def test_a_ratio_is_of_one_round_and_without_the_warm_up():
    """The rival's time stands above the job's."""
    job = {"seconds": 10.0, "first_to_last_seconds": 5.0, "stream_seconds": 8.0}
    rival = {"seconds": 15.0, "first_to_last_seconds": 12.0}
    ceiling = {"seconds": 4.0, "first_to_last_seconds": 3.0}
    warm_up = {"ceiling": job, "job": job, "connector": job, "empty_stream": job}
    found = ratios([warm_up, {"ceiling": ceiling, "job": job, "connector": rival, "empty_stream": {"seconds": 2.0}}])
    assert found == {
        "write_ceiling": 0.4, "first_to_last": 0.6, "write_connector_advised": 1.5, "stream_connector": 1.5,
        "possible_connector": 3.0,
    }  # fmt: skip


def test_first_row_to_last_commit_is_on_the_clock_of_the_log():
    """The process began 1.5 s before Spark's start, which took 3 s; the first row came 5 s after that."""
    events = [Event(8.5, "embedder.chosen"), Event(12.0, "batch.loaded"), Event(20.0, "batch.loaded")]
    run = Run({"seconds": {"startup": 3.0, "preflight": 4.0, "first_row": 8.0}}, 22.0, events)
    assert run.first_to_last == pytest.approx(20.0 - (8.5 - 4.0 + 5.0))


def test_phases_of_all_batches_are_summed():
    """CPU seconds between two samples belong to the phases in proportion of their time."""
    events = [Event(1.0, "batch.read"), Event(2.0, "batch.loaded"), Event(2.5, "batch.read"), Event(3.0, "other")]
    found = phases(Run({}, 4.0, events), [0.0, 4.0], {"neo4j": [0.0, 8.0]})
    assert found == {
        "batch.read": {"wall": 1.5, "neo4j": 3.0},
        "batch.loaded": {"wall": 1.0, "neo4j": 2.0},
        "end": {"wall": 1.5, "neo4j": 3.0},
    }


@pytest.mark.parametrize(
    ("command", "is_job", "wanted"),
    [
        ("java -cp x org.apache.spark.deploy.SparkSubmit pyspark-shell", True, "spark_jvm"),
        ("python -m delta_neo4j.cli.worker_daemon", True, "workers"),
        ("python removals_spark_loader.py --json", True, "driver"),
        ("java -cp x org.neo4j.server.CommunityEntryPoint", False, "neo4j"),
        ("python -m mlflow models serve", False, "model_server"),
        ("uvicorn mlflow.pyfunc.scoring_server.app:app", False, "model_server"),
        ("java org.apache.spark.deploy.SparkSubmit", False, None),
    ],
)
def test_a_process_is_known_by_its_command(command, is_job, wanted):
    """The benchmark's own Spark is no part of the profile."""
    assert kind(command.split(), is_job=is_job) == wanted
