"""
The order of a micro-batch, in one place.

Known to the ledger? done · rows read, counted · sound from unsound · winners from superseded · frozen · gate ·
texts not in the cache embedded and flushed · rows that the graph has whole left alone · nodes written ·
relationships written · dead letters gated and kept · ledger row. Between the steps stands a hook with the step's
name: a value in, a value out.
"""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import cypher, ranking, staging
from delta_neo4j.budget import UNLIMITED, Allowance, Budget
from delta_neo4j.dead_letters import DeadLetters, allowed, gate, keyed
from delta_neo4j.embedding.texts import Filled, TextEmbedding
from delta_neo4j.errors import BalanceError, travelling
from delta_neo4j.graph_rows import FEW_TEXTS, GraphWriter, by_slice
from delta_neo4j.ledger import Account
from delta_neo4j.reach import Reach
from delta_neo4j.validation import text, validated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    read_before: bool = False  # an earlier load of the state has read this table, so its rows may be in the graph
    budget: Budget = UNLIMITED
    reach: Reach = field(default_factory=Reach)
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
        self.attempt = uuid.uuid4().hex[:12]
        ledger = step.ledger
        self.letters = DeadLetters(ledger.state, step.table, ledger.load_id, batch_id, self.attempt)
        self.frozen: DataFrame | None = None  # vectors by slice, once they are taken out of the cache
        self.pending: list[tuple[DataFrame, int]] = []  # dead letters to keep, and how many they must be

    def load(self, batch: DataFrame) -> None:
        """Take every step in order."""
        step, account = self.step, self.account
        with self._timed("read"):
            batch = step.hook("read", batch)
            account.rows_read = batch.count()
        allowance = self._allowance(batch)
        if account.rows_read == 0:
            return  # OPTIMIZE and schema changes make empty batches
        log.info("batch.read", extra={"table": step.table.name, "batch": self.batch_id, "rows": account.rows_read})
        with self._timed("stage"):
            staged = self._freeze(batch)
        winners = staged.where(staged[ranking.STATE] == ranking.WINNER)
        with self._timed("look_up"):
            filled = self._embed(winners, allowance)
        count = staging.slices(account.rows_read)
        for number in range(count):
            allowance.check_time()
            self._write(winners.where(winners[staging.SLICE] == number), self._of_slice(filled, winners, number, count))
            log.info(
                "slice.written",
                extra={"table": step.table.name, "batch": self.batch_id, "slice": number, **account.outcomes},
            )
        with self._timed("record"):
            self._keep_dead_letters()
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
            self._add_letters(letters, unsound)
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

    def _embed(self, winners: DataFrame, allowance: Allowance) -> Filled | None:
        step = self.step
        if step.embedder is None or step.table.embedding is None:
            return None
        dimension, path = step.table.embedding.index.dimension, f"{step.staging_path}/texts"
        work = TextEmbedding(step.table.name, step.cache, step.embedder, dimension, path, step.hook)
        texts = winners.where("text_hash IS NOT NULL")
        # A micro-batch is one place: its own texts are what it will want again.
        texts = texts.select("text_hash", text(step.table).alias("text"), F.lit("").alias("place"))
        try:
            return work.fill(texts, allowance, self.account.embedding)
        finally:
            # A price is paid for calls, not for looking texts up: the two are told apart.
            self.account.seconds["embed"] = work.calling.seconds
            self.account.seconds["look_up"] = -work.calling.seconds

    def _of_slice(self, filled: Filled | None, winners: DataFrame, number: int, count: int) -> Filled | None:
        if filled is None or count == 1 or filled.vectors.count <= FEW_TEXTS:
            return filled
        if self.frozen is None:
            path = f"{self.step.staging_path}/vectors"
            self.frozen = by_slice(self.step.cache, winners, filled.vectors, path)
        mine = self.frozen.where(self.frozen[staging.SLICE] == number).drop(staging.SLICE)
        return replace(filled, vectors=replace(filled.vectors, frozen=mine))

    def _write(self, rows: DataFrame, filled: Filled | None) -> None:
        step, account = self.step, self.account
        writer = GraphWriter(step, self.batch_id, allowed(account.rows_read), filled.vectors if filled else None)
        if filled and filled.faults:
            rows, faulted = writer.split_faulted(rows, filled.faults)
            count = faulted.count()
            if count:
                self._add_letters(self.letters.of_faulted(faulted), count)
        rows = self._leave_unchanged(writer, rows)
        with self._timed("write"):
            written = writer.nodes(rows)
        for outcome in ("written", "unchanged", "superseded"):
            account.outcomes[outcome] += written.counts[outcome]
        account.without_text += written.counts["without_text"]
        account.add_truncated(None if written.counts["length_unknown"] else written.counts["truncated"])
        self._add_effort(written.counts)
        if written.refusals:
            self._add_letters(self.letters.of_refused(rows, written.refusals, "nodes"), len(written.refusals))
        held, refused = written.counts["written"] + written.counts["unchanged"], 0
        for position, relationship in enumerate(step.table.relationships):
            account.edges(relationship.type)["expected"] += written.counts[f"expected.{position}"]
            refused += self._relate(writer, rows, position, held=held, stamp=not refused)

    def _leave_unchanged(self, writer: GraphWriter, rows: DataFrame) -> DataFrame:
        """Count the rows that the graph has whole and give the others; only where most can be expected to be there."""
        step, account = self.step, self.account
        if not (step.read_before and cypher.may_settle(step.table)) or account.embedding["texts_embedded"]:
            return rows
        with self._timed("write"):
            found = writer.look_up(rows)
        account.outcomes["unchanged"] += found.counts["unchanged"]
        account.without_text += found.counts["without_text"]
        account.add_truncated(None if found.counts["length_unknown"] else found.counts["truncated"])
        for position, relationship in enumerate(step.table.relationships):
            for term in ("expected", "unchanged"):
                account.edges(relationship.type)[term] += found.counts[f"expected.{position}"]
        self._add_effort(found.counts)
        keys = found.remaining
        remaining, same = keyed(step.table, rows, keys, [()] * len(keys), "")
        return rows.join(F.broadcast(remaining), same, "left_semi")

    def _relate(self, writer: GraphWriter, rows: DataFrame, position: int, *, held: int, stamp: bool) -> int:
        """Take one relationship pass over the rows that the graph holds; give the number of edges refused."""
        relationship = self.step.table.relationships[position]
        with self._timed("relate"):
            related = writer.relationships(rows, position, stamp=stamp)
        terms = self.account.edges(relationship.type)
        for term in ("written", "unchanged", "skipped", "dead_lettered", "removed"):
            terms[term] += related.counts[term]
        self.account.writer["end_nodes_created"] += related.counts["nodes_created"]
        self._add_effort(related.counts)
        seen = sum(related.counts[term] for term in ("written", "unchanged", "skipped", "dead_lettered", "none"))
        if seen != held:
            # Rows without an end are in no equation of edges, but an edge they had before may have to go.
            raise BalanceError(
                f"micro-batch {self.batch_id} of {self.step.table.name} does not add up: the graph holds {held} of "
                f"its rows, the {relationship.type} pass saw {seen} ({held - seen:+d})"
            )
        if related.refusals:
            letters = self.letters.of_refused(rows, related.refusals, f"relationships {relationship.type}")
            self._add_letters(letters, len(related.refusals), of_rows=False)
        return len(related.refusals)

    def _add_letters(self, letters: DataFrame, count: int, *, of_rows: bool = True) -> None:
        """Note dead letters to keep at the end; those of edges leave their row written."""
        self.pending.append((letters, count))
        if of_rows:
            self.account.outcomes["dead_lettered"] += count
        dead = sum(n for _, n in self.pending)
        if dead > allowed(self.account.rows_read):
            self._keep_dead_letters()  # so that there is something to look at
        gate(dead, self.account.rows_read)

    def _add_effort(self, counts: dict[str, int]) -> None:
        for term in ("transactions", "retries", "deadlocks"):
            self.account.writer[term] += counts[term]

    def _keep_dead_letters(self) -> None:
        if not self.pending:
            return
        letters, expected = self.pending[0]
        for more, count in self.pending[1:]:
            letters, expected = letters.unionByName(more), expected + count
        letters = self.step.hook("dead_letters", letters)
        self.letters.append(letters)
        kept = self.letters.kept(letters.sparkSession)
        if kept != expected:
            raise BalanceError(
                f"micro-batch {self.batch_id} of {self.step.table.name} does not add up: {expected} rows refused "
                f"against {kept} dead letters kept ({expected - kept:+d})"
            )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.account.seconds[stage] = self.account.seconds.get(stage, 0.0) + time.monotonic() - began
