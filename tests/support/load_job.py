"""
A load in a process of its own, for tests that kill it: `python -m tests.support.load_job SETTINGS_JSON [STEP BATCH]`.

With a step and a number, the process kills itself with SIGKILL when it comes to that step for that time. Requests and
flushes are small, so that a micro-batch has several of each.
"""

from __future__ import annotations

import json
import os
import signal
import sys

REQUEST_TEXTS, FLUSH_TEXTS = 10, 20


def main(settings_json, step=None, time_of_step="1"):
    """Load; die where told."""
    from delta_neo4j.cli import local_session
    from delta_neo4j.embedding import rest
    from delta_neo4j.loader import load
    from delta_neo4j.settings import EmbeddingSettings, LoadSettings, Neo4jSettings

    values = json.loads(settings_json)
    settings = LoadSettings(
        neo4j=Neo4jSettings(**values.pop("neo4j")), embedding=EmbeddingSettings(**values.pop("embedding")), **values
    )
    rest.TEXTS_PER_REQUEST, rest.RestEmbedder.flush_texts = REQUEST_TEXTS, FLUSH_TEXTS
    seen = 0

    def die(name, value):
        nonlocal seen
        if name == step:
            seen += 1
            if seen == int(time_of_step):
                os.kill(os.getpid(), signal.SIGKILL)
        return value

    report = load(local_session(), settings, die)
    sys.stdout.write(json.dumps(report.summary()) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
