"""
The order of a micro-batch, in one place.

Known to the ledger? done · rows read, counted · sound from unsound · winners from superseded · frozen · gate ·
texts not in the cache embedded and flushed · rows that the graph has whole left alone · nodes written ·
relationships written · dead letters gated and kept · ledger row. Between the steps stands a hook with the step's
name: a value in, a value out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delta_neo4j import ranking, removal, staging
from delta_neo4j.budget import UNLIMITED, Allowance, Budget
from delta_neo4j.dead_letters import DeadLetters, LetterBox, allowed
from delta_neo4j.embedding.cache import FEW_TEXTS
from delta_neo4j.embedding.texts import Filled, TextEmbedding
from delta_neo4j.errors import BalanceError, travelling
from delta_neo4j.graph_rows import GraphWriter
from delta_neo4j.ledger import Account
from delta_neo4j.micro_texts import MicroTexts
from delta_neo4j.reach import Reach
from delta_neo4j.slice_load import SliceLoad
from delta_neo4j.validation import validated

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from delta_neo4j.checkpoint import Load
    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.embedding.cache import EmbeddingCache
    from delta_neo4j.ledger import Ledger
    from delta_neo4j.plan import Connection, Table

log = logging.getLogger(__name__)


def no_hook(step: str, value: Any) -> Any:  # noqa: ARG001
    """Let every value pass."""
    return value


@dataclass(frozen=True)
class LoadStep:
    """The `foreachBatch` function as a frozen value: it travels to whatever process runs the micro-batch."""

    table: Table
    load: Load
    ledger: Ledger
    cache: EmbeddingCache
    embedder: Embedder | None
    connection: Connection
    run_id: str
    staging_path: str
    source_token: str
    write_partitions: int
    batch_size: int
    last_recorded: int = -1  # batch id, and the rows of all batches up to it
    rows_recorded: int = 0
    deletes: Table | None = None  # rows are keys of this table to take away; `table` then has nothing but the key
    tokenizer: str | None = None  # as JSON, where texts are cut into pieces
    read_before: bool = False  # an earlier load of the state has read this table, so its rows may be in the graph
    budget: Budget = UNLIMITED
    reach: Reach = field(default_factory=Reach)
    swept: set[str] = field(default_factory=set, compare=False, repr=False)  # labels; by whatever process runs batches
    hook: Callable[[str, Any], Any] = no_hook

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Load one micro-batch: at least once, and the same graph however often."""
        if batch_id <= self.last_recorded:
            log.info("batch.known", extra={"table": self.table.name, "batch": batch_id})
            return
        with travelling():
            _Batch(self, batch_id).load(batch)


class _Batch:
    """One attempt at one micro-batch."""

    def __init__(self, step: LoadStep, batch_id: int) -> None:
        self.step = step
        self.batch_id = batch_id
        self.account = Account()
        self.attempt = step.load.attempt()
        ledger = step.ledger
        self.letters = DeadLetters(ledger.state, step.table, ledger.load_id, batch_id, self.attempt)
        self.box = LetterBox(self.letters, self.account, step.hook)

    def load(self, batch: DataFrame) -> None:
        """Take every step in order."""
        step, account = self.step, self.account
        with account.timed("read"):
            batch = step.hook("read", batch)
            account.rows_read = batch.count()
        allowance = self._allowance(batch)
        if account.rows_read == 0:
            return  # OPTIMIZE and schema changes make empty batches
        log.info("batch.read", extra={"table": step.table.name, "batch": self.batch_id, "rows": account.rows_read})
        with account.timed("stage"):
            staged = self._freeze(batch)
        texts = MicroTexts(step, staged.where(staged[ranking.STATE] == ranking.WINNER))
        with account.timed("look_up"):
            winners = texts.counted()
            filled = self._embed(texts, allowance)
        left_texts = self._write_slices(texts, winners, filled, allowance)
        self._sweep_texts(maybe=left_texts)
        with account.timed("record"):
            self.box.keep()
            account = step.hook("ledger", account)
            account.check(f"micro-batch {self.batch_id} of {step.table.name}")
            step.ledger.record(batch.sparkSession, step.run_id, self.batch_id, self.attempt, account)
        log.info(
            "batch.loaded",
            extra={
                "table": step.table.name,
                "batch": self.batch_id,
                "rows": account.rows_read,
                "seconds": account.seconds,
            },
        )

    def _write_slices(self, texts: MicroTexts, winners: DataFrame, filled: Filled | None, allowance: Allowance) -> bool:
        """Write every slice; tell whether nodes of texts may be left that no row points at."""
        step, account, left_texts = self.step, self.account, False
        count = staging.slices(account.rows_read)
        for number in range(count):
            allowance.check_time(account.embedding)
            mine = filled
            if filled is not None and count > 1 and filled.vectors.count > FEW_TEXTS:
                mine = texts.of_slice(filled, number)
            writer = GraphWriter(step, self.batch_id, allowed(account.rows_read), mine.vectors if mine else None)
            work = SliceLoad(step, self.batch_id, account, self.box, writer, texts)
            work.load(winners.where(winners[staging.SLICE] == number), mine.faults if mine else {})
            left_texts |= work.left_texts
            log.info(
                "slice.written",
                extra={"table": step.table.name, "batch": self.batch_id, "slice": number, **account.outcomes},
            )
        return left_texts

    def _sweep_texts(self, *, maybe: bool) -> None:
        """Take away nodes of texts that no row points at any more, before the ledger says that all is done."""
        step = self.step
        table = step.deletes or step.table
        for label in dict.fromkeys(each.end_label for each in table.relationships if each.of_text):
            # The first micro-batch of a run may be one that was killed between its edges and this.
            if maybe or label not in step.swept:
                with self.account.timed("write"):
                    removal.sweep(step.connection, table, label)
                step.swept.add(label)

    def _freeze(self, batch: DataFrame) -> DataFrame:
        step, account = self.step, self.account
        rows = step.hook("validate", validated(step.table, batch))
        count = staging.slices(account.rows_read)
        partitions = max(step.write_partitions, count)
        ranked = step.hook("rank", ranking.ranked(step.table, rows, step.cache.model_id, partitions))
        staged: DataFrame = step.hook("stage", staging.freeze(step.table, ranked, f"{step.staging_path}/rows", count))
        states = {row[ranking.STATE]: row["count"] for row in staged.groupBy(ranking.STATE).count().collect()}
        account.outcomes["superseded"] += states.get(ranking.SUPERSEDED, 0)
        unsound = states.get(ranking.UNSOUND, 0)
        if unsound:
            letters = self.letters.of_unsound(staged.where(staged[ranking.STATE] == ranking.UNSOUND))
            self.box.add(letters, unsound)
        if sum(states.values()) != account.rows_read:
            raise BalanceError(
                f"micro-batch {self.batch_id} of {step.table.name} does not add up: {account.rows_read} rows read "
                f"against {sum(states.values())} staged ({account.rows_read - sum(states.values()):+d})"
            )
        return staged

    def _allowance(self, batch: DataFrame) -> Allowance:
        budget, ledger = self.step.budget, self.step.ledger
        spent = ledger.spent(batch.sparkSession, self.step.run_id) if budget.counts_texts else (0, 0.0)
        return Allowance(budget, *spent)

    def _embed(self, texts: MicroTexts, allowance: Allowance) -> Filled | None:
        step = self.step
        if step.embedder is None or step.table.embedding is None:
            return None
        dimension, path = step.table.embedding.index.dimension, f"{step.staging_path}/texts"
        work = TextEmbedding(step.table.name, step.cache, step.embedder, dimension, path, step.hook)
        try:
            most = None if step.table.chunks else self.account.rows_read
            return work.fill(texts.to_embed(), allowance, self.account.embedding, most)
        finally:
            # A price is paid for calls, not for looking texts up: the two are told apart.
            self.account.seconds["embed"] = work.calling.seconds
            self.account.seconds["look_up"] = self.account.seconds.get("look_up", 0.0) - work.calling.seconds
