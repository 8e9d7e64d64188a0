"""The form of every benchmark's figures: one JSON object, in a file and on one line."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("neo4j", "neo4j-rust-ext", "pyspark", "delta-spark", "pyarrow", "pandas", "numpy")

Round = dict[str, dict[str, float]]


def machine() -> dict[str, object]:
    """Return the machine on which the figures depend: cores, memory (GiB), system."""
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(**more: str) -> dict[str, str]:
    """Return the versions of Python, of the packages that are installed, and of what the caller names."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found | more


def size(rows: int, usual: int) -> str:
    """Return the suffix for the names of a run with another number of rows than usual: `_500k`."""
    return "" if rows == usual else f"_{rows / 1_000:g}k"


def warm_rates(rounds: list[Round]) -> dict[str, float]:
    """Return each writer's median `rows_per_second`, without the first round if there are more.

    In the first round the server still compiles its code and is slower.
    """
    warm = rounds[1:] or rounds
    return {name: round(statistics.median(one[name]["rows_per_second"] for one in warm), 1) for name in warm[0]}


def write_result(
    name: str,
    *,
    rounds: list[Round],
    rates: dict[str, float],
    ratios: dict[str, float],
    versions: dict[str, str],
) -> dict[str, Any]:
    """Write `benchmarks/results/<name>.json` and return its content."""
    result = {
        "name": name,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions,
        "rounds": rounds,
        "rates": rates,
        "ratios": ratios,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result) + "\n")
    return result
