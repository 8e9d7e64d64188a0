"""Commands in processes of their own, for tests that kill them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psutil

from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT


def start(runs, *step, uri="", **settings):
    """
    Start a command (`settings["command"]`, default `load`) of `tests.support.load_job` on the state of `runs`.

    `step`: the name of a step and a number, where the process kills itself. `uri`: another address of the graph. Other
    `settings` are those of a load. Each row is a transaction and each file a micro-batch of its own.
    """
    values = {
        "neo4j": {"uri": uri or runs.graph.uri, "username": "neo4j", "password": PASSWORD},
        "embedding": {"embedder": "rest", "url": runs.url},
        "sources": {"": runs.source},
        "state": runs.state,
        "batch_size": 1,  # one byte a trigger, too
        "bytes_per_row": 1,
        **settings,
    }
    command = [sys.executable, "-m", "tests.support.load_job", json.dumps(values), *map(str, step)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def ended(job):
    """Wait until a job and all that it started are gone; give (exit code, standard output, standard error)."""
    output, errors = job.communicate()
    psutil.wait_procs(_of_session(job.pid), timeout=60)
    return job.returncode, output.decode(), errors.decode()


def kill(job):
    """Kill a job and all that it started, as a machine that stops does."""
    for process in _of_session(job.pid):
        process.kill()


def _of_session(number):
    return [process for process in psutil.process_iter() if _session(process) == number]


def _session(process):
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def succeeded(job):
    """Wait for a job, insist that it succeeded, and give what it printed last, parsed."""
    code, output, errors = ended(job)
    assert code == 0, errors[-2000:]
    return json.loads(output.splitlines()[-1])
