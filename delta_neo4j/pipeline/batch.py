"""
The order of a micro-batch's steps, in one place.

A micro-batch that the ledger has recorded is skipped. For any other one:

1. `read`: count the rows.
2. `validate`: type the values; a row that breaks a rule is unsound.
3. `rank`: of the sound rows with one key, one is the winner and the others are superseded. A row of an edge list that
   lacks an end is neither.
4. `stage`: freeze all rows in Parquet, by state and slice; every later step reads the frozen rows.
5. Make dead letters of the unsound rows. Here and later the gate stops the run if there are too many dead letters. If
   rows say that their keys are gone, look which of them the table still has; the guard stops a run that would delete
   too much.
6. `cut`: cut the winners' texts into chunks, if the mapping has chunks.
7. `embed`, `flush`: embed the texts that the cache lacks and append their vectors to the cache.
8. Record which edges go with the nodes of gone keys, `delete` what these keys have in the graph. For each slice of the
   winners, make dead letters of the rows whose text could not be embedded. Then run the passes: `delete` (of keys), or
   `edges` (of an edge list), or else `look_up` (rows that the graph holds unchanged are done), `nodes`, `texts` (text
   nodes), `relationships TYPE` for each type, `chunks`.
   If the table still has keys that rows said were gone: these steps once more, for the table's rows of these keys.
9. Delete the text nodes that no row points at, and after deletes the end nodes without relationships.
10. `dead_letters`, `registry`, `ledger`: append the dead letters, close earlier ones of the rows that are done, write
   the micro-batch into the graph's registry, append the ledger row. A run that has lost its lease stops before step 8,
   or here.

Each name in back-ticks is a hook: it receives the value of that step and returns the value to go on with.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import BalanceError
from delta_neo4j.graph.text_vectors import TextVectors
from delta_neo4j.graph.versions import row_versions
from delta_neo4j.graph.writer import GraphWriter
from delta_neo4j.pipeline import gone_keys, lost_edges
from delta_neo4j.pipeline.count import count_rows, count_states
from delta_neo4j.pipeline.lease import keep_lease, register
from delta_neo4j.pipeline.slices import Done, Slice, can_look_up, once_more
from delta_neo4j.pipeline.sweeps import sweep
from delta_neo4j.pipeline.texts import batch_texts, embed, of_slice
from delta_neo4j.source import change_feed, failing_expressions, freeze, ranking
from delta_neo4j.source.rules import FAULT, validated
from delta_neo4j.state import open_letters
from delta_neo4j.state.account import Account
from delta_neo4j.state.dead_letters import DeadLetterBuffer, DeadLetters

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.embedding.cache import Vectors
    from delta_neo4j.embedding.fill import Filled
    from delta_neo4j.graph.target import Target
    from delta_neo4j.pipeline.gone_keys import Gone
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.pipeline.texts import BatchTexts
    from delta_neo4j.settings.budget import Allowance

log = logging.getLogger(__name__)


class Batch:
    """
    One attempt at one micro-batch.

    `first`: whether it is the run's first, so that a killed attempt may have left nodes to delete. `so_far`: the sum of
    the run's accounts before it. `again`: the open dead letters that rows of the table are written for once more (the
    batch id is `AGAIN`), None for rows of the stream.
    """

    def __init__(
        self, step: Step, batch_id: int, *, first: bool, so_far: Account | None = None, again: DataFrame | None = None
    ) -> None:
        self.step, self.batch_id, self.first, self.again = step, batch_id, first, again
        self.so_far = so_far or Account()
        self.commit: int | None = None  # the highest commit of a change feed's rows
        self.states: dict[str, int] = {}  # the number of rows by their state
        self.target: Target = step.target
        self.account = Account()
        self.attempt = step.load.attempt()
        self.where = f"micro-batch {batch_id} of {step.table.name}"
        self.letters = DeadLetters(step.ledger.state, step.table, step.ledger.load_id, batch_id, self.attempt)
        self.dead_letters = self._buffer(0)

    def load(self, rows: DataFrame) -> None:
        """Run the steps in the order of the module's docstring; without rows nothing is recorded."""
        rows = self._read(rows)
        if self.account.rows_read == 0 and self.again is None:
            return  # OPTIMIZE and schema changes make empty micro-batches
        allowance = self.step.allowance(rows.sparkSession)
        frozen = self._freeze(rows)
        self._set_aside_unsound(frozen)
        gone = self._gone(frozen)
        left_texts = self._embed_and_write(frozen, allowance, gone)
        if gone and gone.again is not None:
            left_texts |= self._write_again(gone.again, gone.still, allowance)
        sweep(self.step, self.target.connection, self.account, maybe=left_texts, first=self.first)
        self._record(frozen, gone)

    def _embed_and_write(self, frozen: DataFrame, allowance: Allowance, gone: Gone | None = None) -> bool:
        """Embed the winners' texts, delete what is gone, write the winners; return as `_write` does."""
        if not self.states.get(ranking.WINNER):
            keep_lease(self.step)
            return self._delete(gone)
        winners = frozen.where(frozen[ranking.STATE] == ranking.WINNER)
        texts = batch_texts(self.step, winners, self.account)
        filled = embed(self.step, texts, allowance, self.account)
        keep_lease(self.step)
        left_texts = self._delete(gone)
        return self._write(texts, filled, allowance) or left_texts

    def _read(self, rows: DataFrame) -> DataFrame:
        with self.account.timed("read"):
            rows = self.step.hook("read", rows)
            self.commit, self.account.kinds, self.account.rows_read = count_rows(self.step, rows)
        rows_read = self.account.rows_read
        self.dead_letters = self._buffer(rows_read)
        if rows_read:
            log.info("batch.read", extra={"table": self.step.table.name, "batch": self.batch_id, "rows": rows_read})
        return rows

    def _buffer(self, rows_read: int) -> DeadLetterBuffer:
        allowed = self.step.limits.dead_letters(rows_read)
        return DeadLetterBuffer(self.letters, rows_read, allowed, self.step.hook)

    def _freeze(self, rows: DataFrame) -> DataFrame:
        """Type, validate and rank the rows; return them as frozen in Parquet."""
        step, count = self.step, self._slices
        with self.account.timed("stage"):
            checked = step.hook("validate", validated(step.table, rows))
            partitions = max(self.target.write_partitions, count)
            ranked = step.hook("rank", ranking.ranked(step.table, checked, step.cache.model_id, partitions))
            frozen: DataFrame = step.hook(
                "stage", freeze.freeze(step.table, ranked, f"{step.staging_path}/rows", count)
            )
        return frozen

    def _set_aside_unsound(self, frozen: DataFrame) -> None:
        """Count the frozen rows by state and make dead letters of the unsound ones."""
        account, rows_read = self.account, self.account.rows_read
        with account.timed("stage"):
            self.states, classes = count_states(self.step, frozen, account)
        if (staged := sum(self.states.values())) != rows_read:
            raise BalanceError(
                f"{self.where} does not add up: {rows_read} rows read against {staged} staged ({rows_read - staged:+d})"
            )
        if classes:
            rows = frozen.where(frozen[ranking.STATE] == ranking.UNSOUND)
            if failing_expressions.EXPRESSION_FAILED in classes:
                rows = failing_expressions.with_words(rows, FAULT)
            self.dead_letters.add(self.letters.of_unsound(rows, classes))

    def _gone(self, frozen: DataFrame) -> Gone | None:
        """Return what becomes of the keys that rows say are gone, None if there are none; the guard may end the run."""
        count = self.states.get(ranking.GONE, 0)
        if not count:
            return None
        with self.account.timed("read"):
            gone = gone_keys.settle(self.step, frozen.where(frozen[ranking.STATE] == ranking.GONE), count, self.commit)
            self.account.outcomes["superseded"] += gone.still
            if self.step.table.keeps_deleted:
                self.account.outcomes["unchanged"] += gone.count
                return replace(gone, count=0)
            writer, writes = self._slice_steps(None).writer, bool(self.states.get(ranking.WINNER))
            gone_keys.check_guard(
                self.step, writer, gone, writes=writes, deleted=self.so_far.outcomes["deleted"], commit=self.commit
            )
        return gone

    def _delete(self, gone: Gone | None) -> bool:
        """Delete what the gone keys have in the graph; return as `_write` does."""
        if gone is None or not gone.count:
            return False
        steps, rows = self._slice_steps(None), self.step.hook("delete", gone.leaving)
        lost_edges.keep(self.step, steps.writer, steps.writer.keyed(rows), (self.batch_id, self.attempt))
        return self._add(steps, steps.delete_own(rows, self.step.leads)).left_texts

    def _write_again(self, rows: DataFrame, count: int, allowance: Allowance) -> bool:
        """
        Write rows of the table, whose keys this micro-batch's rows took for gone; return as `_write` does.

        They have no outcome, but a new dead letter counts in place of a superseded row of its key.
        """
        again = Batch(replace(self.step, staging_path=f"{self.step.staging_path}/again"), self.batch_id, first=False)
        again.target, again.commit, again.attempt = self.target, self.commit, self.attempt
        again.letters, again.dead_letters = self.letters, self.dead_letters
        again.account.rows_read = count
        frozen = again._freeze(rows.withColumn(change_feed.COMMIT, F.lit(self.commit).cast("bigint")))
        again.states = {ranking.WINNER: frozen.where(frozen[ranking.STATE] == ranking.WINNER).count()}
        left_texts, self.target = again._embed_and_write(frozen, allowance), again.target
        new = again.account.outcomes["dead_lettered"]
        self.account.add(replace(again.account, rows_read=0, outcomes={"dead_lettered": new, "superseded": -new}))
        return left_texts

    def _write(self, texts: BatchTexts, filled: Filled | None, allowance: Allowance) -> bool:
        """Write every slice of the winners; return whether text nodes may be left that no row points at."""
        winners, by_slice, left_texts = texts.counted(), texts.by_slice(self.step, filled, self._slices), False
        for number in range(self._slices):
            allowance.check_time(self.account.embedding)
            vectors = of_slice(filled, by_slice, number)
            rows = winners.where(winners[freeze.SLICE] == number)
            left_texts |= self._write_slice(rows, texts, filled.faults if filled else {}, vectors)
            extra = {"table": self.step.table.name, "batch": self.batch_id, "slice": number, **self.account.outcomes}
            log.info("slice.written", extra=extra)
        return left_texts

    def _write_slice(self, rows: DataFrame, texts: BatchTexts, faults: dict[str, str], vectors: Vectors | None) -> bool:
        """Run the passes over the winners of one slice; `faults` are reasons by text hash. Returns as `_write` does."""
        step, table, hook = self.step, self.step.table, self.step.hook
        steps = self._slice_steps(vectors)
        if faults:
            rows = self._set_aside_faulted(rows, texts, faults)
        if step.deletes:
            return self._add(steps, steps.delete(hook("delete", rows), step.deletes)).left_texts
        if table.edge:
            return self._add(steps, steps.edges(hook("edges", rows), table.edge)).left_texts
        remaining: DataFrame | None = rows
        embedded = self.account.embedding["texts_embedded"]
        # Updates and overwrites may bring rows that did not change.
        updates = self.commit is not None and self.account.kinds.keys() != {change_feed.INSERT}
        read_before = step.position.read_before or updates
        if can_look_up(table, read_before=read_before, texts_embedded=embedded):
            done, remaining = steps.look_up(hook("look_up", rows))
            self._add(steps, done)
        if remaining is None:
            return False
        passes = partial(self._write_nodes, steps, remaining, texts)
        results = [self._add(steps, done) for done in once_more(passes)]
        return any(done.left_texts for done in results)

    def _write_nodes(self, steps: Slice, rows: DataFrame, texts: BatchTexts) -> list[Done]:
        """Write the rows' nodes, text nodes, relationships type by type, and chunks; return the results."""
        table, hook = self.step.table, self.step.hook
        nodes = steps.nodes(hook("nodes", rows))
        done, seen = [nodes], nodes.rows_in_graph
        if table.text_nodes and table.embedding:
            done.append(steps.texts(hook("texts", texts.distinct(rows)), table.text_nodes, table.embedding))
        for position, relationship in enumerate(table.relationships):
            related, stamp = hook(f"relationships {relationship.type}", rows), not any(each.refused for each in done)
            done.append(steps.relationships(related, position, rows_in_graph=seen, stamp=stamp))
        if table.chunks and table.embedding and texts.chunks is not None:
            chunked, stamp = hook("chunks", rows), not any(each.refused for each in done)
            how = (texts.chunks, table.chunks, table.embedding)
            done.append(steps.chunks(chunked, *how, rows_in_graph=seen, stamp=stamp))
        return done

    def _add(self, steps: Slice, done: Done) -> Done:
        """Add the account and dead letters of a step to those of the micro-batch; return `done`."""
        self.target = steps.writer.target
        self.account.add(done.account)
        for letters in done.letters:
            self.dead_letters.add(letters)
        return done

    def _slice_steps(self, vectors: Vectors | None) -> Slice:
        step = self.step
        text_vectors = TextVectors(step.cache, vectors, step.embedder.max_tokens) if vectors and step.embedder else None
        position = max(self.batch_id, 0)
        version = row_versions(self.target.source_token, step.load, position, self.commit, step.table)
        allowed = step.limits.dead_letters(self.account.rows_read)
        writer = GraphWriter(self.target, step.table, version, self.batch_id, allowed, step.limits, text_vectors)
        return Slice(step.table, writer, self.letters, self.where, keeps_waiting=step.keeps_waiting)

    def _set_aside_faulted(self, rows: DataFrame, texts: BatchTexts, faults: dict[str, str]) -> DataFrame:
        """Make dead letters of the rows whose text could not be embedded; return the others."""
        rows, faulted = texts.without_faulted(rows, faults)
        if count := faulted.count():
            self.account.outcomes["dead_lettered"] += count
            self.dead_letters.add(self.letters.of_faulted(faulted, count))
        return rows

    def _settled(self, frozen: DataFrame, gone: Gone | None) -> DataFrame | None:
        """Return the open dead letters that this micro-batch settles, unless it has them again."""
        if self.again is not None or not (self.step.position.has_letters or self.so_far.has_letters):
            return self.again
        letters = open_letters.of_load(frozen.sparkSession, self.step.ledger.state, self.step.table, self.step.load)
        return open_letters.settled(letters, frozen, gone.leaving if gone else None, self.step.table)

    def _record(self, frozen: DataFrame, gone: Gone | None) -> None:
        """Append the dead letters, check the account and append the ledger row, which makes the micro-batch done."""
        step = self.step
        with self.account.timed("record"):
            self.dead_letters.keep(self._settled(frozen, gone))
            account = step.hook("ledger", self.account)
            account.check(self.where)
            version, bookmarks = register(step, step.hook("registry", step.entry(self.batch_id)))
            attempt = (self.target.run_id, self.batch_id, self.attempt)
            step.ledger.record(frozen.sparkSession, *attempt, account=account, version=version, bookmarks=bookmarks)
        extra = {"table": step.table.name, "batch": self.batch_id, "rows": account.rows_read}
        log.info("batch.loaded", extra={**extra, "seconds": account.seconds})

    @property
    def _slices(self) -> int:
        return freeze.slices(self.account.rows_read, self.step.limits.slice_rows)
