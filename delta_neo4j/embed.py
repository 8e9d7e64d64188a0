"""
Filling the cache for whole tables, apart from any load: what batch inference is best at.

It needs no Neo4j, so it can run where embedding is cheap (serverless, a GPU) and the load where Neo4j is reached.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import pieces, preflight, source
from delta_neo4j.budget import Allowance
from delta_neo4j.embedding.cache import EmbeddingCache
from delta_neo4j.embedding.texts import TextEmbedding
from delta_neo4j.embedding.tokens import tokenizer_text
from delta_neo4j.errors import BudgetReachedError
from delta_neo4j.mapping import read_mapping
from delta_neo4j.pipeline import no_hook
from delta_neo4j.report import TableRun
from delta_neo4j.runs import reported
from delta_neo4j.shipping import travel_by_value
from delta_neo4j.staging import clear_scratch
from delta_neo4j.validation import FAULT, text, validated

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.plan import Table
    from delta_neo4j.report import RunReport
    from delta_neo4j.settings import TextSettings
    from delta_neo4j.state import State


def embed(
    spark: SparkSession,
    settings: TextSettings,
    hook: Callable[[str, Any], Any] = no_hook,
    startup_seconds: float = 0.0,
) -> RunReport:
    """
    Embed each distinct text of the mapping's tables, at their newest version, that the cache lacks.

    What was flushed stays, so a run that was killed or spent its budget is resumed by the next. A text that cannot
    be embedded is counted; the load makes its rows dead letters.
    """
    travel_by_value()
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
    graph = read_mapping(settings.mapping, settings.sources)
    ready = preflight.check_texts(spark, graph, settings, state)
    report.ready(ready, spark.version)
    log.info("embedder.chosen", extra={"reason": ready.embedder_reason})
    report.seconds["preflight"] = time.monotonic() - began
    if ready.embedder is None:
        return
    cache = EmbeddingCache(state, ready.model_id)
    for table in graph.tables:
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
            texts = texts_of(table, source.at(spark, table.source, version))
            if table.chunks:
                texts = pieces.as_texts(texts, table.chunks, tokenizer_text(), f"{path}/pieces")
            work.fill(texts, allowance, account.embedding)
        except BudgetReachedError as stopped:
            account.embedding.clear()  # the stop carries the same figures, in balance
            raise stopped from None
        finally:
            account.seconds["embed"] = work.calling.seconds
            clear_scratch(path)


def texts_of(table: Table, rows: DataFrame) -> DataFrame:
    """Give `text_hash`, `text` and `place` of every sound row that has a text."""
    sound = validated(table, source.placed(table, rows)).where(F.col(FAULT).isNull())
    told = sound.select(text(table).alias("text"), "place").where("text IS NOT NULL")
    return told.select(F.sha2("text", 256).alias("text_hash"), "text", "place")
