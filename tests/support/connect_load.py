"""A load through Spark Connect, in a process of its own: `python -m tests.support.connect_load SETTINGS_JSON`."""

from __future__ import annotations

import json
import sys


def main(settings_json):
    """Start a Connect server in an empty folder, load through it, print the summary."""
    from delta_neo4j.cli.local_spark import LOCAL_SPARK
    from delta_neo4j.runs.load import load
    from delta_neo4j.settings.values import EmbeddingSettings, LoadSettings, Neo4jSettings
    from tests.support.lanes import connect_session
    from tests.support.quick import QUICK

    values = json.loads(settings_json)
    folder = values.pop("folder")
    settings = LoadSettings(
        neo4j=Neo4jSettings(**values.pop("neo4j")), embedding=EmbeddingSettings(**values.pop("embedding")), **values
    )
    spark = connect_session(folder, {**LOCAL_SPARK, **QUICK})
    report = load(spark, settings)
    sys.stdout.write(json.dumps(report.summary()) + "\n")
    sys.stdout.flush()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
