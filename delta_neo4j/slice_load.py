"""One slice of a micro-batch into the graph: unchanged rows left alone, nodes, then edges; each count checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.cypher.edges import may_settle
from delta_neo4j.dead_letters import keyed
from delta_neo4j.errors import BalanceError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.dead_letters import LetterBox
    from delta_neo4j.graph_rows import GraphWriter
    from delta_neo4j.ledger import Account
    from delta_neo4j.micro_texts import MicroTexts
    from delta_neo4j.pipeline import LoadStep
    from delta_neo4j.plan import Edge, Relationship, Table
    from delta_neo4j.writer import Written


@dataclass
class SliceLoad:
    """Writes the winning rows of one slice and adds what became of them to the micro-batch's account."""

    step: LoadStep
    batch_id: int
    account: Account
    box: LetterBox
    writer: GraphWriter
    texts: MicroTexts
    left_texts: bool = False  # a node of a text may have lost its last row, or never had one

    def load(self, rows: DataFrame, faults: dict[str, str]) -> None:
        """Write winning rows; those of whose text something could not be embedded (`faults`) are dead letters."""
        step = self.step
        if faults:
            rows, faulted = self.texts.without_faulted(rows, faults)
            count = faulted.count()
            if count:
                self.box.add(self.box.letters.of_faulted(faulted), count)
        if step.deletes:
            self._delete(rows, step.deletes)
            return
        if step.table.edge:
            self._write_edges(rows, step.table.edge)
            return
        remaining = self._leave_unchanged(rows)
        if remaining is not None:
            self._write_nodes(remaining)

    def _write_nodes(self, rows: DataFrame) -> None:
        """Write nodes with the texts they point at, then their edges."""
        step, account, writer = self.step, self.account, self.writer
        with self.account.timed("write"):
            written = writer.nodes(rows)
            effort = writer.texts(rows).counts if step.table.text_nodes else Counter()
        for outcome in ("written", "unchanged", "superseded"):
            account.outcomes[outcome] += written.counts[outcome]
        account.without_text += written.counts["without_text"]
        account.add_truncated(None if written.counts["length_unknown"] else written.counts["truncated"])
        self._add_effort(written.counts + effort)
        self.left_texts |= bool(written.refusals or written.counts["superseded"])
        if written.refusals:
            self.box.add(self.box.letters.of_refused(rows, written.refusals, "nodes"), len(written.refusals))
        for position, kind in enumerate(step.table.edge_types):
            account.edges(kind)["expected"] += written.counts[f"expected.{position}"]
        self._relate_all(rows, held=written.counts["written"] + written.counts["unchanged"])

    def _write_edges(self, rows: DataFrame, edge: Edge) -> None:
        """Write the rows of an edge list; the outcome of a row is its edge's."""
        account = self.account
        with self.account.timed("relate"):
            counts = (written := self.writer.edges(rows)).counts
        for outcome in ("written", "unchanged", "superseded"):
            account.outcomes[outcome] += counts[outcome]
        account.outcomes["unchanged"] += counts["skipped"]  # the graph is left as it is
        terms = account.edges(edge.type)
        for term in ("expected", "written", "unchanged", "skipped", "dead_lettered"):
            terms[term] += counts[term]
        account.writer["end_nodes_created"] += counts["nodes_created"]
        self._add_effort(counts)
        if written.refusals:
            letters = self.box.letters.of_refused(rows, written.refusals, f"relationships {edge.type}")
            self.box.add(letters, len(written.refusals))

    def _delete(self, rows: DataFrame, table: Table) -> None:
        """Take away the nodes, or an edge list's edges, of these keys; one that is not there is unchanged."""
        with self.account.timed("write"):
            counts = self.writer.delete(rows, table).counts
        for outcome in ("deleted", "unchanged"):
            self.account.outcomes[outcome] += counts[outcome]
        self.left_texts |= bool(counts["deleted"])
        self._add_effort(counts)

    def _leave_unchanged(self, rows: DataFrame) -> DataFrame | None:
        """
        Count the rows that the graph has whole and give the others, None where there are none.

        Only where most can be expected to be there.
        """
        step, account = self.step, self.account
        if not (step.read_before and may_settle(step.table)) or account.embedding["texts_embedded"]:
            return rows
        with self.account.timed("write"):
            found = self.writer.look_up(rows)
        account.outcomes["unchanged"] += found.counts["unchanged"]
        account.without_text += found.counts["without_text"]
        account.add_truncated(None if found.counts["length_unknown"] else found.counts["truncated"])
        for position, kind in enumerate(step.table.edge_types):
            for term in ("expected", "unchanged"):
                account.edges(kind)[term] += found.counts[f"expected.{position}"]
        self._add_effort(found.counts)
        keys = found.remaining
        if not keys:
            return None
        remaining, same = keyed(step.table, rows, keys, [()] * len(keys), "")
        return rows.join(F.broadcast(remaining), same, "left_semi")

    def _relate_all(self, rows: DataFrame, *, held: int) -> None:
        """Take every pass over edges of the rows that the graph holds; the last one marks them as done."""
        table, refused = self.step.table, 0
        for position, relationship in enumerate(table.relationships):
            with self.account.timed("relate"):
                related = self.writer.relationships(rows, position, stamp=not refused)
            seen = sum(related.counts[term] for term in ("written", "unchanged", "skipped", "dead_lettered", "none"))
            self._check_seen(relationship.type, seen, held)
            self._check_text_nodes(relationship, related.counts["nodes_created"])
            refused += self._add_edges(relationship.type, related, rows)
            self.left_texts |= relationship.of_text and bool(related.counts["removed"])
        if table.chunks:
            with self.account.timed("relate"):
                related = self.writer.chunks(rows, self.texts.pieces(), stamp=not refused)
            self._check_seen(table.chunks.relationship, related.counts["rows"], held)
            self._add_edges(table.chunks.relationship, related, rows)

    def _add_edges(self, kind: str, related: Written, rows: DataFrame) -> int:
        """Add one pass's counts and dead letters; give the number of edges refused."""
        terms = self.account.edges(kind)
        for term in ("written", "unchanged", "skipped", "dead_lettered", "removed"):
            terms[term] += related.counts[term]
        self.account.writer["end_nodes_created"] += related.counts["nodes_created"]
        self._add_effort(related.counts)
        if related.refusals:
            letters = self.box.letters.of_refused(rows, related.refusals, f"relationships {kind}")
            self.box.add(letters, len(related.refusals), of_rows=False)
        return len(related.refusals)

    def _check_seen(self, kind: str, seen: int, held: int) -> None:
        if seen != held:
            # Rows without an end are in no equation of edges, but an edge they had before may have to go.
            raise BalanceError(
                f"micro-batch {self.batch_id} of {self.step.table.name} does not add up: the graph holds {held} of "
                f"its rows, the {kind} pass saw {seen} ({held - seen:+d})"
            )

    def _check_text_nodes(self, relationship: Relationship, created: int) -> None:
        if relationship.of_text and created:
            raise BalanceError(
                f"micro-batch {self.batch_id} of {self.step.table.name} does not add up: {created} rows point at a "
                f"{relationship.end_label} that was not written; run again, it is written then"
            )

    def _add_effort(self, counts: dict[str, int]) -> None:
        for term in ("transactions", "retries", "deadlocks"):
            self.account.writer[term] += counts[term]
