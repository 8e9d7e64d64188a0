"""The number of parallel writers of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from delta_neo4j.graph.passes.runner import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.settings.values import TextSettings

FEWEST, MOST = 2, 8  # one writer leaves the server waiting; more than eight write the same hubs at the same time
OF_CONNECT = 4  # a session of Spark Connect does not say what it runs on


def writers(spark: SparkSession, settings: TextSettings) -> int:
    """Return the number of the settings; for `auto`, the number of the driver's cores, from 2 to 8."""
    if settings.write_partitions != "auto":
        return settings.write_partitions
    return OF_CONNECT if is_connect(spark) else max(FEWEST, min(MOST, os.cpu_count() or FEWEST))
