"""
A command in a process of its own, for tests that kill it.

It is `python -m tests.support.load_job SETTINGS_JSON [STEP NUMBER]`.

`command` in the settings is `load` (default), `repair` or `retry`. With a step and a number, the process kills itself
with SIGKILL when it comes to that step of a load for that time. Requests and flushes are small, so that a micro-batch
has several of each.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys

from tests.support.quick import QUICK

REQUEST_TEXTS, FLUSH_TEXTS = 10, 20


def main(settings_json, step=None, time_of_step="1"):
    """Run the command; die where told."""
    from delta_neo4j.cli.session import local_session
    from delta_neo4j.embedding.rest import address
    from delta_neo4j.embedding.rest.limits import RestLimits
    from delta_neo4j.runs.load import load
    from delta_neo4j.runs.retry_letters import retry
    from delta_neo4j.runs.verify.verify import verify
    from delta_neo4j.settings.values import EmbeddingSettings, LoadSettings, Neo4jSettings

    values = json.loads(settings_json)
    command = values.pop("command", "load")
    settings = LoadSettings(
        neo4j=Neo4jSettings(**values.pop("neo4j")), embedding=EmbeddingSettings(**values.pop("embedding")), **values
    )
    limits = RestLimits(texts_per_request=REQUEST_TEXTS, flush_texts=FLUSH_TEXTS)
    address.RestEmbedder = functools.partial(address.RestEmbedder, limits=limits)
    seen = 0

    def die(name, value):
        nonlocal seen
        if name == step:
            seen += 1
            if seen == int(time_of_step):
                os.kill(os.getpid(), signal.SIGKILL)
        return value

    spark = local_session(**QUICK)
    if command == "repair":
        told = verify(spark, settings, repair=True).as_dict()
    else:
        told = (load(spark, settings, die) if command == "load" else retry(spark, settings)).summary()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
