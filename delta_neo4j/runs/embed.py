"""
`embed`: fill the cache with the vectors of whole tables, without a load.

`embed` needs no Neo4j: it can run where embedding is cheap (serverless, a GPU), and the load where Neo4j can be
reached.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding import chunks
from delta_neo4j.embedding.cache import EmbeddingCache
from delta_neo4j.embedding.fill import TextEmbedding
from delta_neo4j.embedding.tokens import tokenizer_text
from delta_neo4j.errors import BudgetReachedError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.pipeline.step import no_hook
from delta_neo4j.runs.preflight import check_texts
from delta_neo4j.runs.prepare import prepare_texts
from delta_neo4j.runs.report.summary import TableRun
from delta_neo4j.runs.run import reported
from delta_neo4j.settings.budget import Allowance
from delta_neo4j.source import contract, delta
from delta_neo4j.source.freeze import clear_scratch
from delta_neo4j.source.rules import FAULT, validated
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.values import text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.runs.report.summary import RunReport
    from delta_neo4j.settings.values import TextSettings
    from delta_neo4j.state.tables import State

log = logging.getLogger(__name__)


def embed(
    spark: SparkSession,
    settings: TextSettings,
    hook: Callable[[str, Any], Any] = no_hook,
    startup_seconds: float = 0.0,
) -> RunReport:
    """
    Embed the distinct texts that are not in the cache, of the newest version of each table of the mapping.

    Flushed vectors stay in the cache: after a kill or a spent budget the next run resumes. A text that cannot be
    embedded counts as faulted; the load then makes its rows dead letters. `hook` and `startup_seconds`: as in `load`.
    Returns the report; an expected failure is in its `error`.
    """
    return reported(
        spark,
        settings,
        lambda state, report: _run(spark, settings, state, report, hook),
        command="embed",
        startup_seconds=startup_seconds,
    )


def _run(
    spark: SparkSession, settings: TextSettings, state: State, report: RunReport, hook: Callable[[str, Any], Any]
) -> None:
    began = time.monotonic()
    budget = settings.budget(report.started_at.timestamp())
    mapping = read_mapping(settings.mapping, settings.sources, settings.located)
    findings = check_texts(spark, mapping, settings, state)
    ready = prepare_texts(spark, settings, state, findings)
    report.record_preflight(ready, spark.version)
    log.info("embedder.chosen", extra={"reason": ready.embedder_reason})
    report.seconds["preflight"] = time.monotonic() - began
    if ready.embedder is None:
        return
    cache = EmbeddingCache(state, ready.model_id)
    for table in mapping.tables:
        if table.embedding is None or not table.has_text:
            continue
        version = ready.sources[table.name].version
        log.info("texts.begun", extra={"table": table.name})
        report.tables.append(TableRun(table.name, "", "", version))
        account = report.tables[-1].account
        path = f"{settings.checkpoints}/{table.name}-texts/{report.run_id}"
        work = TextEmbedding(table.name, cache, ready.embedder, table.embedding.index.dimension, path, hook)
        spent = report.total.embedding["texts_embedded"] + report.total.embedding["texts_faulted"]
        allowance = Allowance(budget, spent, report.total.seconds.get("embed", 0.0))
        try:
            with deciding_values(spark, table.timezone):
                texts = texts_of(table, delta.at(spark, table.source, version), in_files=version is not None)
                if table.chunks:
                    texts = chunks.as_texts(texts, table.chunks, tokenizer_text(), f"{path}/chunks")
                work.fill(texts, allowance, account.embedding)
        except BudgetReachedError as stopped:
            account.embedding.clear()  # `RunReport.fail` adds the same figures again, from the error
            raise stopped from None
        finally:
            account.seconds["embed"] = work.calling.seconds
            clear_scratch(path)


def texts_of(table: Table, rows: DataFrame, *, in_files: bool) -> DataFrame:
    """
    Return `text_hash`, `text` and `place` of every sound row that has a text.

    `in_files`: whether the rows have files, whose order is their place. Those of a view have none.
    """
    placed = contract.placed(table, rows) if in_files else contract.contract(table, rows, place=F.lit(""))
    sound = validated(table, placed).where(F.col(FAULT).isNull())
    texts = sound.select(text(table).alias("text"), "place").where("text IS NOT NULL")
    return texts.select(F.sha2("text", 256).alias("text_hash"), "text", "place")
