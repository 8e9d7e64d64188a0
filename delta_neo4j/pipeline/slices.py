"""
The steps of one slice of a micro-batch: each runs one pass over rows and returns its own account.

A slice has a part of the micro-batch's keys. Its rows are winners, in the frozen columns (`source.row_columns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import BalanceError, PassesDifferError
from delta_neo4j.graph.cypher.relationships import may_settle
from delta_neo4j.state import waiting_edges
from delta_neo4j.state.account import Account
from delta_neo4j.state.dead_letters import keyed
from delta_neo4j.state.waiting_edges import WaitingEdges

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame

    from delta_neo4j.graph.passes.base import Written
    from delta_neo4j.graph.writer import GraphWriter
    from delta_neo4j.mapping.leads import Lead
    from delta_neo4j.mapping.plan import Chunks, Edge, Embedding, Relationship, Table, TextNodes
    from delta_neo4j.state.dead_letters import DeadLetters, Letters


@dataclass(frozen=True)
class Done:
    """
    The result of one step: its account and its dead letters.

    `rows_in_graph`: number of rows whose version the graph holds after the step; later steps must see all of them.
    `refused`: number of edges that Neo4j refused. `left_texts`: whether there may be text nodes that no row points at.
    """

    account: Account
    letters: tuple[Letters, ...] = ()
    rows_in_graph: int = 0
    refused: int = 0
    left_texts: bool = False


@dataclass(frozen=True)
class Slice:
    """
    The steps over the winners of one slice of `table`.

    `writer` runs the passes, `letters` makes dead letters of refused rows, `where` names the micro-batch in an error.
    `keeps_waiting` is that of `Step`.
    Every step raises what its method of `writer` raises.
    """

    table: Table
    writer: GraphWriter
    letters: DeadLetters
    where: str
    keeps_waiting: bool = False

    def delete(self, rows: DataFrame, table: Table) -> Done:
        """
        Delete what the rows' keys have in the graph: nodes, or the edges of an edge list.

        `table` is the table as it was loaded. Counts `deleted` rows; a key that the graph does not have is `unchanged`.
        """
        return self._deleted(lambda: self.writer.delete(rows, table))

    def delete_own(self, rows: DataFrame, leads: Sequence[Lead]) -> Done:
        """Delete what these rows of the table wrote, and edges of `leads` to their nodes; counts as `delete` does."""
        if self.keeps_waiting and self.table.edge and self.table.deleted_when and waiting_edges.may_wait(self.table):
            # The older rows of such a key may still be in the table; nothing in the graph says that the edge is gone.
            self._waiting.close(rows, self.writer.version.column())
        return self._deleted(lambda: self.writer.delete_own(rows, leads))

    def edges(self, rows: DataFrame, edge: Edge) -> Done:
        """Upsert the edges of an edge list's rows; a row has the outcome of its edge, `unchanged` if it is skipped."""
        account = Account()
        with account.timed("relate"):
            written = self.writer.edges(rows, edge)
            self._keep_waiting(rows, written, edge)
        counts = written.counts
        for outcome in ("written", "unchanged", "superseded"):
            account.outcomes[outcome] += counts[outcome]
        account.outcomes["unchanged"] += counts["skipped"]  # the graph stays as it is
        account.outcomes["dead_lettered"] += len(written.refusals)
        terms = account.edges(edge.type)
        for term in ("expected", "written", "unchanged", "skipped", "dead_lettered", "parallel"):
            terms[term] += counts[term]
        account.writer["end_nodes_created"] += counts["nodes_created"]
        add_effort(account, counts)
        return Done(account, self._refused(rows, written, f"relationships {edge.type}"))

    @staticmethod
    def _deleted(run: Callable[[], Written]) -> Done:
        account = Account()
        with account.timed("write"):
            counts = run().counts
        for outcome in ("deleted", "unchanged"):
            account.outcomes[outcome] += counts[outcome]
        add_effort(account, counts)
        return Done(account, left_texts=bool(counts["deleted"]))

    def look_up(self, rows: DataFrame) -> tuple[Done, DataFrame | None]:
        """
        Count the rows that the graph holds unchanged, with their texts and edges.

        Returns the result and the other rows, which still need their passes; None if there are no others.
        """
        account = Account()
        with account.timed("write"):
            written = self.writer.look_up(rows)
        account.outcomes["unchanged"] += written.counts["unchanged"]
        self._add_texts(account, written)
        for position, kind in enumerate(self.table.edge_types):
            for term in ("expected", "unchanged"):
                account.edges(kind)[term] += written.counts[f"expected.{position}"]
        add_effort(account, written.counts)
        if not written.remaining:
            return Done(account), None
        remaining, same_key = keyed(self.table, rows, written.remaining, [()] * len(written.remaining), "")
        return Done(account), rows.join(F.broadcast(remaining), same_key, "left_semi")

    def nodes(self, rows: DataFrame) -> Done:
        """Upsert the rows' nodes; count outcomes and expected edges. A refused row becomes a dead letter."""
        account = Account()
        with account.timed("write"):
            written = self.writer.nodes(rows)
        counts = written.counts
        for outcome in ("written", "unchanged", "superseded"):
            account.outcomes[outcome] += counts[outcome]
        account.outcomes["dead_lettered"] += len(written.refusals)
        self._add_texts(account, written)
        for position, kind in enumerate(self.table.edge_types):
            account.edges(kind)["expected"] += counts[f"expected.{position}"]
        add_effort(account, counts)
        return Done(
            account,
            self._refused(rows, written, "nodes"),
            rows_in_graph=counts["written"] + counts["unchanged"],
            left_texts=bool(written.refusals or counts["superseded"]),
        )

    def texts(self, distinct: DataFrame, holder: TextNodes, embedding: Embedding) -> Done:
        """Upsert one `holder` node with its vector for each row of `distinct`: `text_hash` and the text `t`."""
        account = Account()
        with account.timed("write"):
            written = self.writer.texts(distinct, holder, embedding)
        add_effort(account, written.counts)
        return Done(account)

    def relationships(self, rows: DataFrame, position: int, *, rows_in_graph: int, stamp: bool) -> Done:
        """
        Merge the edges of one relationship type, that at `position` of the table's relationships.

        Raises `BalanceError` if the pass sees another number of rows than `rows_in_graph` (from the step `nodes`), or
        if a text node is missing. With `stamp` the pass of the last type marks rows as complete. A refused edge becomes
        a dead letter; its row stays written.
        """
        relationship, account = self.table.relationships[position], Account()
        with account.timed("relate"):
            written = self.writer.relationships(rows, position, stamp=stamp)
            self._keep_waiting(rows, written, relationship)
        counts = written.counts
        seen = sum(counts[term] for term in ("written", "unchanged", "skipped", "dead_lettered", "none"))
        # Rows whose end key is null expect no edge, but the pass must see them: it deletes the edge of an earlier
        # version.
        self._check_seen(relationship.type, seen, rows_in_graph)
        if relationship.of_text and counts["nodes_created"]:
            raise BalanceError(
                f"{self.where} does not add up: {counts['nodes_created']} rows point at a {relationship.end_label} "
                "that was not written; run again: the next attempt writes it"
            )
        account.writer["end_nodes_created"] += counts["nodes_created"]
        left = relationship.of_text and bool(counts["removed"])
        return self._related(account, relationship.type, written, rows, left_texts=left)

    def chunks(
        self,
        rows: DataFrame,
        chunks: DataFrame,
        holder: Chunks,
        embedding: Embedding,
        *,
        rows_in_graph: int,
        stamp: bool,
    ) -> Done:
        """
        Write the `holder` nodes of the rows' `chunks`, their vectors and their edges: the last pass over the rows.

        `rows_in_graph`, `stamp`, errors and dead letters are as in `relationships`.
        """
        account = Account()
        with account.timed("relate"):
            written = self.writer.chunks(rows, chunks, holder, embedding, stamp=stamp)
        self._check_seen(holder.relationship, written.counts["rows"], rows_in_graph)
        return self._related(account, holder.relationship, written, rows)

    def _related(
        self, account: Account, kind: str, written: Written, rows: DataFrame, *, left_texts: bool = False
    ) -> Done:
        terms = account.edges(kind)
        for term in ("written", "unchanged", "skipped", "dead_lettered", "removed", "parallel"):
            terms[term] += written.counts[term]
        add_effort(account, written.counts)
        # Dead letters of edges: their rows stay written.
        letters = self._refused(rows, written, f"relationships {kind}")
        return Done(account, letters, refused=len(written.refusals), left_texts=left_texts)

    def _refused(self, rows: DataFrame, written: Written, stage: str) -> tuple[Letters, ...]:
        return (self.letters.of_refused(rows, written.refusals, stage),) if written.refusals else ()

    def _keep_waiting(self, rows: DataFrame, written: Written, kind: Relationship | Edge) -> None:
        """Append the edges that found no end to the state; those of a killed attempt do not count."""
        if self.keeps_waiting and written.waiting:
            self._waiting.append(self._waiting.of(rows, written.waiting, kind, self.writer.version.column()))

    @property
    def _waiting(self) -> WaitingEdges:
        letters = self.letters
        return WaitingEdges(letters.state, self.table, letters.load_id, letters.batch_id, letters.attempt)

    def _check_seen(self, kind: str, seen: int, expected: int) -> None:
        if seen != expected:
            raise PassesDifferError(
                f"{self.where} does not add up: the graph holds {expected} rows of a slice, the {kind} pass saw {seen} "
                f"({expected - seen:+d})"
            )

    @staticmethod
    def _add_texts(account: Account, written: Written) -> None:
        account.without_text += written.counts["without_text"]
        account.add_truncated(None if written.counts["length_unknown"] else written.counts["truncated"])


def once_more(passes: Callable[[], list[Done]]) -> list[Done]:
    """
    Return the results of the passes over a slice's rows; if they do not agree on the rows, run all of them once more.

    A frame's rows or another program may have changed nodes between two passes. The second time such rows are
    superseded, or written again, and the rows that the first time has written are unchanged. Raises `PassesDifferError`
    if the passes do not agree again.
    """
    try:
        return passes()
    except PassesDifferError:
        return passes()


def can_look_up(table: Table, *, read_before: bool, texts_embedded: int) -> bool:
    """
    Return whether `look_up` can save passes.

    It can if an earlier load read the table, no edge has to be tried again, and the micro-batch has no new text.
    """
    return read_before and may_settle(table) and not texts_embedded


def add_effort(account: Account, counts: dict[str, int]) -> None:
    """Add what the transactions of a pass cost."""
    for term in ("transactions", "retries", "deadlocks", "halved"):
        account.writer[term] += counts[term]
