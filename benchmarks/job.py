"""Run the product's job as a process, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.services import ROOT

if TYPE_CHECKING:
    from benchmarks.target import Target


def run_job(target: Target, source: str, state: str, *flags: str) -> dict[str, Any]:
    """Run `removals_spark_loader.py` to its end and return its summary; raise RuntimeError if it failed."""
    command = [sys.executable, str(ROOT / "removals_spark_loader.py"), "--json", "--source", source, "--state", state]
    ended = subprocess.run(
        [*command, *flags], capture_output=True, text=True, check=False, cwd=state, env=job_environment(target)
    )
    if ended.returncode:
        raise RuntimeError(f"the job ended with {ended.returncode}: {ended.stderr[-2000:]}")
    summary: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return summary


def job_environment(target: Target) -> dict[str, str]:
    """Return the environment that points the job at the benchmark's servers."""
    return {
        **os.environ,
        "NEO4J_URI": target.uri,
        "NEO4J_USERNAME": target.user,
        "NEO4J_PASSWORD": target.password,
        "NEO4J_DATABASE": target.database,
        "EMBEDDER": "rest",
        "EMBEDDING_URL": target.embedding_url,
    }
