"""What every test stands on: one Spark session of the lane's kind, real Neo4j servers on free ports, real data."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

from tests.support import lanes
from tests.support.browser import PROGRAM
from tests.support.places import TEST_DATA
from tests.support.quick import QUICK

# No test asserts a time: a machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# Workers and subprocesses must use this environment, whatever `python3` comes first.
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
# Tests start their own servers: whatever the caller has configured is not for them to write to.
for _name in list(os.environ):
    if _name.startswith(("NEO4J_", "EMBEDDING_", "DATABRICKS_")) and _name != "NEO4J_JAVA_HOME":
        del os.environ[_name]

# The session lives for hundreds of loads, so Java's second compiler pays off (a load: 7.5 s -> 5 s).
LONG_LIVED = {"spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Xmn600m"}


def pytest_addoption(parser):
    """`--lane lts` in that lane's own environment, `--lane connect` in the main one."""
    parser.addoption("--lane", choices=tuple(lanes.LEFT_OUT), default="main", help="which lane's tests, and sessions")


@pytest.fixture(scope="session")
def spark(request, tmp_path_factory):
    """One local session with Delta for the whole run; starting one costs ten seconds."""
    from delta_neo4j.cli.local_spark import LOCAL_SPARK
    from delta_neo4j.cli.session import local_session

    options = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")), **QUICK, **LONG_LIVED}
    if request.config.getoption("--lane") == "connect":
        session = lanes.connect_session(tmp_path_factory.mktemp("server"), {**LOCAL_SPARK, **options})
    else:
        session = local_session(**options)
    yield session
    ended = _ended_by_itself()
    assert ended is None, (
        f"Spark's JVM ended while the tests ran, exit code {ended}: -9 no memory, 52 no heap, 134 crash"
    )
    session.stop()


def _ended_by_itself():
    """Give the exit code of the session's JVM, None if it runs, or if Spark Connect has started it."""
    from pyspark import SparkContext

    jvm = getattr(SparkContext._gateway, "proc", None)  # pyspark shows it nowhere else
    return jvm.poll() if jvm else None


@pytest.fixture(scope="session")
def test_data():
    """Real data, which tests read where it stands."""
    return TEST_DATA


def pytest_collection_modifyitems(config, items):
    """Leave out what is not of the lane, and what this machine cannot run; with CI set the latter is a failure."""
    items[:], left_out, reasons = lanes.on(config.getoption("--lane"), items)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        sys.stderr.write(f"left out on this lane: {'; '.join(reasons)}\n")
    missing = _missing()
    lacking = [item for item in items if any(mark in item.keywords for mark in missing)]
    if not lacking:
        return
    if os.environ.get("CI"):
        raise pytest.UsageError(f"CI must run every test; missing: {'; '.join(missing.values())}")
    items[:] = [item for item in items if item not in lacking]
    config.hook.pytest_deselected(items=lacking)
    sys.stderr.write(f"deselected {len(lacking)} tests: {'; '.join(missing.values())}\n")


def _missing():
    missing = {}
    if not TEST_DATA.is_dir():
        missing["needs_data"] = f"no folder {TEST_DATA} (set TEST_DATA)"
    try:
        from dev.java import find_java

        find_java(21, None, os.environ.get("NEO4J_JAVA_HOME"))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is one line to show
        missing["calendar"] = str(error)
    if PROGRAM is None:
        missing["chromium"] = "no chromium (apt-get install chromium)"
    return missing
