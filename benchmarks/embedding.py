"""Texts to vectors through the product, and what they cost in a load: `python -m benchmarks.embedding --json`.

One served MiniLM, one Neo4j, one table of removals that all have different texts. In a round, one after the other:
`SentenceTransformer.encode` in its default form, a bare asynchronous client, `delta-neo4j embed`, a load that finds
every text cached (write only), a load with an empty cache (both), the same rows overwritten and loaded with a fresh
checkpoint. Plans are made before three of the loads and held against what the loads then did.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import click
import numpy as np

from benchmarks.job import job_environment
from benchmarks.results import versions, write_result
from benchmarks.services import ROOT, own_services
from benchmarks.target import Target, clear_graph
from delta_neo4j.cli.session import local_session
from delta_neo4j.embedding.minilm.weights import minilm_folder, tokenizer
from delta_neo4j.embedding.rest.limits import RestLimits
from dev.neo4j_install import full_version
from dev.sample_data import write_sample

LIMITS = RestLimits()
ENCODE_TEXTS = 4_000  # about ten seconds of torch
FLOP_A_TOKEN = 21.2e6  # six layers of 4·384² + 2·384·1536 multiplications and additions


def encode_rate(texts: list[str]) -> float:
    """Return the texts a second of sentence-transformers with its defaults: one process, all cores, batches of 32."""
    program = (
        "import json, sys, time\n"
        "from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(sys.argv[1]); texts = json.load(sys.stdin); model.encode(texts[:64])\n"
        "began = time.perf_counter(); model.encode(texts); print(len(texts) / (time.perf_counter() - began))\n"
    )
    # A process of its own, so that no torch stays in memory beside what is measured next.
    done = subprocess.run(
        [sys.executable, "-c", program, str(minilm_folder())],
        input=json.dumps(texts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def async_rate(url: str, texts: list[str]) -> float:
    """Return the texts a second of a bare asynchronous client with as many requests under way, of the same size."""
    ordered = sorted(texts, key=len)
    requests = [ordered[at : at + LIMITS.texts_per_request] for at in range(0, len(ordered), LIMITS.texts_per_request)]

    async def run() -> float:
        gate = asyncio.Semaphore(LIMITS.concurrency)
        async with aiohttp.ClientSession() as session:

            async def ask(request: list[str]) -> int:
                async with (
                    gate,
                    session.post(url, json={"dataframe_records": [{"text": t} for t in request]}) as answer,
                ):
                    return len(np.array((await answer.json())["predictions"], dtype=np.float32))

            began = time.perf_counter()
            answered = sum(await asyncio.gather(*map(ask, requests)))
            return answered / (time.perf_counter() - began)

    return asyncio.run(run())


def matmul_limit(texts: list[str]) -> float:
    """Return the texts a second that this machine's best float32 matrix product would allow."""
    one = np.random.default_rng(0).standard_normal((2_048, 2_048), dtype=np.float32)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        one @ one
        best = max(best, 2 * 2_048**3 / (time.perf_counter() - began))
    tokens = statistics.mean(len(encoding.ids) for encoding in tokenizer().encode_batch_fast(texts))
    return best / (FLOP_A_TOKEN * tokens)


def run(command: str, target: Target, source: str, state: Path, *flags: str) -> dict[str, Any]:
    """Run a command of the product to its end and return its JSON."""
    base = [sys.executable, "-m", "delta_neo4j", command, "--json", "--source", source, "--state", str(state)]
    ended = subprocess.run(
        [*base, *flags], capture_output=True, text=True, check=False, cwd=ROOT, env=job_environment(target)
    )
    if ended.returncode:
        raise RuntimeError(f"{command} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def loaded(target: Target, source: str, state: Path, *flags: str) -> dict[str, float]:
    """Load, and return rows, seconds from first batch to last commit, all seconds, and embedded texts."""
    summary = run("load", target, source, state, *flags)
    seconds = summary["seconds"]
    return {
        "rows": summary["totals"]["rows_read"],
        "seconds": seconds["stream"],
        "total_seconds": seconds["total"],
        "texts_embedded": summary["embedding"]["texts_embedded"],
        "calls": summary["embedding"]["calls"],
        **{f"{stage}_seconds": seconds[stage] for stage in ("startup", "preflight", "embed", "write")},
    }


def planned(target: Target, source: str, state: Path) -> dict[str, float]:
    """Plan a load, then load; return the load's figures, the plan's, and forecast over actual time (1 is exact)."""
    plan = run("plan", target, source, state)
    load = loaded(target, source, state)
    foretold = 60 * (plan["minutes"][0] * plan["minutes"][1]) ** 0.5
    return {
        **load,
        "plan_seconds": round(foretold, 1),
        "plan_over_actual": round(foretold / load["total_seconds"], 3),
        "plan_texts": plan["texts_to_embed"],
    }


def measure_round(target: Target, source: str, few: str, texts: list[str], folder: Path) -> dict[str, dict[str, float]]:
    """Do everything once, each writer with an empty graph."""
    apart, both = folder / "apart", folder / "both"
    measured: dict[str, dict[str, float]] = {}
    measured["encode"] = {"rate": encode_rate(texts[:ENCODE_TEXTS])}
    measured["async"] = {"rate": async_rate(target.embedding_url, texts[:ENCODE_TEXTS])}
    embedded = run("embed", target, source, apart)
    spent = embedded["seconds"]["total"] - embedded["seconds"]["startup"] - embedded["seconds"]["preflight"]
    measured["embed"] = {"rate": len(texts) / spent, "seconds": spent, "texts": embedded["embedding"]["texts_embedded"]}
    for name, state, table in (("write", apart, source), ("both", both, source)):
        _clear(target)
        measured[name] = planned(target, table, state)
    _overwrite(source)
    measured["overwrite"] = loaded(target, source, both, "--reset-checkpoint")
    _clear(target)
    measured["few"] = planned(target, few, folder / "few")
    return measured


def _clear(target: Target) -> None:
    with target.driver() as driver:
        clear_graph(driver)


def _overwrite(source: str) -> None:
    """Write the same rows again, as a job that rebuilds its table does."""
    spark = local_session()
    try:
        spark.read.format("delta").load(source).write.format("delta").mode("overwrite").save(source)
    finally:
        spark.stop()


def figures(one: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the ratios of a round."""
    rows = one["both"]["rows"]
    embed, write, both = one["embed"]["rate"], rows / one["write"]["seconds"], rows / one["both"]["seconds"]
    return {
        "rest_encode": round(embed / one["encode"]["rate"], 3),
        "rest_async": round(embed / one["async"]["rate"], 3),
        "pipeline": round(both * (1 / embed + 1 / write), 3),
        "overwrite_speedup": round(one["both"]["seconds"] / one["overwrite"]["seconds"], 3),
    }


@click.command()
@click.option("--rows", default=50_000, show_default=True, help="Removals, each with a text of its own.")
@click.option("--neo4j", "neo4j_version", help="Server version: 5.26, 2026 or an exact one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(rows: int, neo4j_version: str | None, as_json: bool) -> None:
    """Measure embedding through the product, alone and in a load."""
    version = full_version(neo4j_version)
    with tempfile.TemporaryDirectory(prefix="bench-embedding-") as name:
        folder = Path(name)
        spark = local_session()
        try:
            source = write_sample(spark, str(folder / "rows"), rows=rows, distinct_texts=rows).removals
            few = write_sample(spark, str(folder / "few-rows"), rows=rows, distinct_texts=50).removals
            texts = [row[0] for row in spark.read.format("delta").load(source).select("RMV_REA_TX").collect()]
        finally:
            spark.stop()
        limit = matmul_limit(texts[:ENCODE_TEXTS])
        with own_services(folder, version) as target:
            measured = measure_round(target, source, few, texts, folder)
    rates = {name: round(measured[name]["rate"], 1) for name in ("encode", "async", "embed")}
    rates |= {"matmul_limit": round(limit, 1)}
    rates |= {name: round(measured[name]["rows"] / measured[name]["seconds"], 1) for name in ("write", "both", "few")}
    result = write_result(
        "embedding", rounds=[measured], rates=rates, ratios=figures(measured), versions=versions(neo4j_server=version)
    )
    if as_json:
        print(json.dumps(result))
        return
    for name, rate in {**rates, **result["ratios"]}.items():
        print(f"{name}: {rate:,.3g}" if rate < 100 else f"{name}: {rate:,.0f} a second")


if __name__ == "__main__":
    main()
