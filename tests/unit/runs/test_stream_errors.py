"""The table of error classes holds real ones, and each row tells what helps."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pyspark
import pytest

from delta_neo4j.cli.local_spark import delta_jars
from delta_neo4j.runs.stream_errors import STREAM_ERRORS

JARS = Path(pyspark.__file__).parent / "jars"


def _classes():
    delta = [Path(jar) for jar in delta_jars().get("spark.driver.extraClassPath", "").split(":") if jar]
    for jar in [*JARS.glob("spark-common-utils*.jar"), *(jar for jar in delta if "spark" in jar.name)]:
        with zipfile.ZipFile(jar) as held:
            for name in held.namelist():
                if re.search(r"error/[\w-]+(classes|conditions)\.json", name):
                    for condition, content in json.loads(held.read(name)).items():
                        yield condition
                        below = content.get("subClass", {}) if isinstance(content, dict) else {}
                        yield from (f"{condition}.{each}" for each in below)


@pytest.mark.newest_spark
def test_every_class_of_the_table_exists():
    """A name that no Spark and no Delta has would never be met."""
    known = set(_classes())
    asked = {each for row in STREAM_ERRORS for each in row.classes if each.isupper() or "." in each}
    if not any(name.startswith("DELTA_") for name in known):  # Delta's jar is not here yet
        asked = {name for name in asked if "DELTA" not in name}
    assert {name for name in asked if not any(condition.startswith(name) for condition in known)} == set()


@pytest.mark.parametrize("row", STREAM_ERRORS, ids=lambda row: row.classes[0])
def test_running_again_is_advised_only_where_it_can_help(row):
    """A row that does not pass names what the user must do instead, and has exit code 2."""
    assert ("run again" in row.sentence) is (row.kind.exit_code in {3, 8})
    assert row.kind.exit_code in {2, 3, 8}
    assert ";" in row.sentence
