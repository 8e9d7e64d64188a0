"""The demo: sample tables, a load, its summary, and one search, with the services that `up` started."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from delta_neo4j.cli.session import local_session
from dev.processes import StackError
from dev.sample_data import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS, DISTINCT_TEXTS = 20_000, 1_000
QUESTION = "hydraulic fluid is dripping from the pump"
NEXT = (
    'delta-neo4j search "cracked blade found by borescope" --env-file .local/services.env',
    "delta-neo4j load --source .local/demo/tables/removals --state .local/demo/state --env-file .local/services.env",
    "delta-neo4j verify --source .local/demo/tables/removals --state .local/demo/state --env-file .local/services.env",
    "make status        # what runs; make down stops it",
)


def run(root: Path, say: Callable[[str], None]) -> None:
    """Load the sample (nothing new the second time), keep the summary in `.local/demo.json`, and search."""
    folder = root / ".local" / "demo"
    tables = folder / "tables"
    if not (tables / "done").is_file():
        _make_tables(tables, say)
    environment = ["--env-file", str(root / ".local" / "services.env")]
    say("loading: delta-neo4j load")
    source, state = str(tables / "removals"), str(folder / "state")
    summary = _loader(["load", "--json", "--source", source, "--state", state, *environment])
    (root / ".local" / "demo.json").write_text(summary)
    say(f'\nsearching: delta-neo4j search "{QUESTION}"')
    sys.stdout.write(_loader(["search", QUESTION, *environment]))
    say("\nnext, try (after `source .venv/bin/activate`):")
    for command in NEXT:
        say(f"  {command}")


def _make_tables(tables: Path, say: Callable[[str], None]) -> None:
    say(f"writing the sample tables: {ROWS:,} removals with {DISTINCT_TEXTS:,} distinct reasons")
    shutil.rmtree(tables, ignore_errors=True)  # an interrupted earlier attempt
    spark = local_session()
    try:
        write_sample(spark, str(tables), rows=ROWS, distinct_texts=DISTINCT_TEXTS)
    finally:
        spark.stop()
    (tables / "done").write_text(json.dumps({"rows": ROWS, "distinct_texts": DISTINCT_TEXTS}))


def _loader(arguments: list[str]) -> str:
    """Run the console command as a user would, and return its standard output; its progress goes to the terminal."""
    ended = subprocess.run(
        [sys.executable, "-m", "delta_neo4j", *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    if ended.returncode:
        raise StackError(f"delta-neo4j {arguments[0]} ended with exit code {ended.returncode}; its own line says why")
    return ended.stdout
