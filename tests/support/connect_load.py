"""A load through Spark Connect, in a process of its own: `python -m tests.support.connect_load SETTINGS_JSON`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(settings_json):
    """Start a Connect server in an empty folder, load through it, print the summary."""
    from delta import configure_spark_with_delta_pip
    from pyspark.sql import SparkSession

    from delta_neo4j.loader import load
    from delta_neo4j.settings import EmbeddingSettings, LoadSettings, Neo4jSettings

    values = json.loads(settings_json)
    folder = Path(values.pop("folder"))
    settings = LoadSettings(
        neo4j=Neo4jSettings(**values.pop("neo4j")), embedding=EmbeddingSettings(**values.pop("embedding")), **values
    )
    # The server's own process starts here and its Python workers with it: nothing of the project is on their path.
    os.chdir(folder)
    jars = configure_spark_with_delta_pip(SparkSession.builder)._options["spark.jars.packages"]
    spark = (
        SparkSession.builder.remote("local[2]")
        .config("spark.jars.packages", jars)
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    report = load(spark, settings)
    sys.stdout.write(json.dumps(report.summary()) + "\n")
    sys.stdout.flush()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
