"""The passes over one slice of a table's rows; `graph.cypher` has their statements, `graph.passes` their counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.columns import (
    chunk_column,
    edge_columns,
    edge_counts,
    end_with_fewer_nodes,
    identity,
    property_columns,
    property_maps,
    without_vector,
)
from delta_neo4j.graph.cypher import deletes as delete_text
from delta_neo4j.graph.cypher import edge_lists, look_up, lost_edges, nodes, relationships, texts, waiting
from delta_neo4j.graph.cypher.common import OWNER, is_temporal
from delta_neo4j.graph.deletes import parameters
from delta_neo4j.graph.lists import to_parquet
from delta_neo4j.graph.passes.chunks import ChunkPass
from delta_neo4j.graph.passes.deletes import DeletePass
from delta_neo4j.graph.passes.edge_lists import EdgePass
from delta_neo4j.graph.passes.look_up import LookUpPass
from delta_neo4j.graph.passes.lost_edges import LostEdgesPass
from delta_neo4j.graph.passes.nodes import NodePass
from delta_neo4j.graph.passes.relationships import RelationshipPass
from delta_neo4j.graph.passes.texts import TextPass
from delta_neo4j.graph.passes.waiting import WaitingPass
from delta_neo4j.graph.text_vectors import TextVectors, with_truncated, with_vectors
from delta_neo4j.source.hashes import digest
from delta_neo4j.source.row_columns import RowColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delta_neo4j.graph.passes.base import Pass, Written
    from delta_neo4j.graph.target import Target
    from delta_neo4j.graph.versions import Versions
    from delta_neo4j.mapping.leads import Lead
    from delta_neo4j.mapping.plan import Chunks, Edge, Embedding, Relationship, Table, TextNodes
    from delta_neo4j.settings.limits import Limits


@dataclass
class GraphWriter:
    """
    Writes one slice of frozen rows of `table`; `version` gives their versions.

    Each method selects the columns of a pass from frozen rows (`source.row_columns`) and runs it. It returns `Written`:
    counts by name, the rows that Neo4j refused, and bookmarks. It raises `GraphUnavailableError` if Neo4j does not
    answer, `SettingsError` if Neo4j refuses the user or the database, and `DeadLetterGateError` if more than
    `refusals_allowed` rows of one task are refused. It keeps `bookmarks` and `target` up to date for the next pass.
    """

    target: Target
    table: Table
    version: Versions
    batch_id: int
    refusals_allowed: int
    limits: Limits
    vectors: TextVectors | None = None
    bookmarks: tuple[str, ...] = field(default=())

    def look_up(self, rows: DataFrame) -> Written:
        """
        Find the rows that the graph holds unchanged, by their hashes; no vector is read and no property is sent.

        Counts `unchanged` rows, their texts and edges; `remaining` has the keys of the other rows.
        """
        columns = RowColumns(self.table, rows.schema)
        rows, truncated = with_truncated(rows, self.vectors, self.table)
        work = LookUpPass(
            **self._pass_arguments("look-up", self.limits.relationship_rows),
            statement=look_up.keep_unchanged(self.table),
            parameters={"source": f"{self.target.source_token}:"},
            edges=len(self.table.edge_types),
        )
        sent = [*self._identity(columns), F.col("rel_hash").alias("r"), *self._counted(columns, truncated)]
        return self._run(rows.select(*sent).coalesce(self.target.write_partitions), work)

    def nodes(self, rows: DataFrame) -> Written:
        """
        Upsert the rows' nodes with properties and vectors.

        Counts rows `written`, `unchanged`, `superseded` and `dead_lettered`, their texts, and the edges they expect.
        Raises `BalanceError` if a row with a text has no vector. Each key has one winner, so two writers never write
        the same node, and the rows may be spread over the writers in any way.
        """
        table, columns = self.table, RowColumns(self.table, rows.schema)
        rows, vectors, truncated, sent = with_vectors(rows, columns, self.vectors, self.limits)
        text_vectors = self.vectors
        work = NodePass(
            **self._pass_arguments("nodes", self.limits.node_rows),
            statement=nodes.upsert_nodes(table),
            parameters={"owner": OWNER, "source": f"{self.target.source_token}:", "maps": parameters(table)["maps"]},
            property_maps=property_maps(table.properties),
            temporals=sum(map(is_temporal, table.properties)),
            with_vector=table.vector_on_row is not None,
            texts=sent,
            max_tokens=text_vectors.max_tokens if text_vectors else 0,
            edges=len(table.edge_types),
        )
        values = [*self._identity(columns), *property_columns(columns, table.properties), *vectors]
        selected = rows.select(*values, *self._counted(columns, truncated))
        return self._run(selected.coalesce(self.target.write_partitions), work)

    def texts(self, distinct: DataFrame, holder: TextNodes, embedding: Embedding) -> Written:
        """
        Upsert one node with its vector for each row of `distinct`: `text_hash` and the text `t`, each text once.

        Counts `texts`. Raises `BalanceError` if a text has no vector, `GraphUnavailableError` if Neo4j refuses a node.
        """
        text_vectors = self._required_vectors()
        model = digest([F.lit(text_vectors.cache.model_id), F.lit(embedding.property)]).alias("h")
        attached = text_vectors.cache.attach(distinct, text_vectors.vectors)
        work = TextPass(
            **self._pass_arguments("texts", self.limits.node_rows, key_width=1),
            statement=texts.upsert_texts(holder, embedding.property),
            parameters={"owner": OWNER},
        )
        selected = attached.select(F.col("text_hash").alias("k0"), "t", "vector", model)
        return self._run(selected.repartition(self.target.write_partitions, "k0"), work)

    def relationships(self, rows: DataFrame, position: int, *, stamp: bool) -> Written:
        """
        Merge the edges of one relationship type, that at `position` of the table's relationships.

        Counts edges `written`, `unchanged`, `skipped`, `removed`, `dead_lettered`, `parallel`, and rows without an end
        (`none`). All edges of one end node (the hub) go to one writer, so no two writers lock it. The pass of the last
        type marks its rows as complete by the hash of their edges, unless `stamp` is false: an earlier pass refused an
        edge, and the next load tries the row's edges again.
        """
        columns, relationship = RowColumns(self.table, rows.schema), self.table.relationships[position]
        content = property_maps(relationship.properties, relationship.absent) if relationship.has_content else None
        work = RelationshipPass(
            **self._pass_arguments(relationship.type, self.limits.relationship_rows),
            statement=relationships.merge_relationships(self.table, position),
            parameters={"owner": OWNER, "stamp": stamp},
            end_width=len(relationship.end_key),
            edge_width=len(relationship.key),
            sibling_widths=tuple(len(each.identity) for each in self.table.siblings(relationship)),
            property_maps=content,
            temporals=sum(map(is_temporal, relationship.properties)),
            hub=tuple(f"t{i}" for i in range(len(relationship.end_key))),
        )
        ends = edge_columns(columns, relationship)
        selected = rows.select(*self._identity(columns), F.col("rel_hash").alias("r"), *ends)
        hub = [F.coalesce(F.col(name).cast("string"), F.col("k0").cast("string")) for name in work.hub]
        return self._run(self._by_hub(selected, hub), work)

    def chunks(
        self, rows: DataFrame, chunks: DataFrame, holder: Chunks, embedding: Embedding, *, stamp: bool
    ) -> Written:
        """
        Write the chunks of the rows' texts as `holder` nodes with vectors, and an edge from each row to its chunks.

        `chunks` has `text_hash`, `index`, `chunk`, `chunk_hash`. Counts `rows`, and chunks `written`, `unchanged`,
        `removed` and `dead_lettered`. `stamp` is as in `relationships`. Raises `BalanceError` if a chunk has no vector.
        """
        columns, text_vectors = RowColumns(self.table, rows.schema), self._required_vectors()
        vectors = text_vectors.cache.of(text_vectors.vectors).withColumnRenamed("text_hash", "chunk_hash")
        in_order = F.sort_array(F.collect_list(F.struct("index", "chunk", "vector"))).alias("chunks")
        by_text = chunks.join(vectors, "chunk_hash", "left").groupBy("text_hash").agg(in_order)
        work = ChunkPass(
            **self._pass_arguments(holder.relationship, self.limits.node_rows),
            statement=texts.upsert_chunks(self.table, holder, embedding.property),
            parameters={**parameters(self.table), "stamp": stamp},
        )
        selected = rows.join(by_text, "text_hash", "left").select(
            *self._identity(columns), F.col("rel_hash").alias("r"), chunk_column(columns).alias("c")
        )
        return self._run(selected.coalesce(self.target.write_partitions), work)

    def edges(self, rows: DataFrame, edge: Edge) -> Written:
        """
        Upsert the edges of an edge list's rows, partitioned by that end which has fewer distinct nodes.

        Counts rows `written`, `unchanged`, `superseded`, `skipped`, `dead_lettered`; `expected` is all but superseded.
        """
        table, columns = self.table, RowColumns(self.table, rows.schema)
        selected = rows.select(*self._identity(columns), *property_columns(columns, table.properties))
        hub = end_with_fewer_nodes(selected, len(edge.start_key), len(edge.end_key))
        work = EdgePass(
            **self._pass_arguments(edge.type, self.limits.node_rows),
            statement=edge_lists.merge_edges(table),
            parameters={"owner": OWNER, "source": f"{self.target.source_token}:"},
            property_maps=property_maps(table.properties, absent=table.retired.properties),
            temporals=sum(map(is_temporal, table.properties)),
            skips=edge.on_missing == "skip",
            start_width=len(edge.start_key),
            end_width=len(edge.end_key),
            hub=tuple(hub),
        )
        return self._run(self._by_hub(selected, hub), work)

    def waiting(self, keyed: DataFrame, kind: Relationship | Edge) -> Written:
        """
        Count `edges` that wait, and those that are `due`: their ends are there, or their row has another version.

        `keyed` has the row's key (k0…), its version (v) and the key of the ends (t0…).
        """
        arguments = self._pass_arguments("waiting", self.limits.relationship_rows)
        work = WaitingPass(**arguments, statement=waiting.count_due(self.table, kind), parameters={})
        return self._run(keyed.coalesce(self.target.write_partitions), work)

    def delete(self, rows: DataFrame, table: Table) -> Written:
        """
        Delete the nodes, or an edge list's edges, that rows with these keys wrote.

        The rows have the key columns only; `table` is the table as it was loaded. Counts rows `deleted`, and
        `unchanged` if the graph has nothing of their key. Raises `GraphUnavailableError` if Neo4j refuses a delete.
        """
        return self._delete(self.keyed(rows), table, delete_text.delete_rows(table))

    def delete_own(self, rows: DataFrame, leads: Sequence[Lead] = (), *, only_find: bool = False) -> Written:
        """
        As `delete`, but a node that others lead to keeps its key, a newer row its node; edges of `leads` keep no node.

        `only_find`: only count.
        """
        text = delete_text.find_rows(self.table) if only_find else delete_text.delete_own_rows(self.table, leads)
        return self._delete(self.keyed(rows), self.table, text, leads)

    def delete_listed(self, keyed: DataFrame, leads: Sequence[Lead]) -> Written:
        """As `delete_own`, for keys (k0…) with the versions (v) that their nodes or edges must still have."""
        return self._delete(keyed, self.table, delete_text.delete_own_rows(self.table, leads, listed=True), leads)

    def list_lost(self, keyed: DataFrame, leads: Sequence[Lead], number: int, path: str, *, listed: bool) -> DataFrame:
        """
        List in Parquet at `path` the edges of one of the leads that `delete_own` (`delete_listed`) of `keyed` takes.

        The columns are texts: those that `cypher.lost_edges.columns` names.
        """
        text = delete_text.list_lost(self.table, leads, number, listed=listed)
        found = lost_edges.columns(leads[number])
        work = LostEdgesPass(**self._delete_arguments(self.table, text, leads), columns=found)
        return to_parquet(self.target.runner, keyed, work, path)

    def keyed(self, rows: DataFrame) -> DataFrame:
        """Return the keys (k0…) and versions (v) of frozen rows."""
        return rows.select(*self._identity(RowColumns(self.table, rows.schema)))

    def _delete(self, keyed: DataFrame, table: Table, statement: str, leads: Sequence[Lead] = ()) -> Written:
        work = DeletePass(**self._delete_arguments(table, statement, leads))
        return self._run(keyed.repartition(self.target.write_partitions, "k0"), work)

    def _delete_arguments(self, table: Table, statement: str, leads: Sequence[Lead]) -> dict[str, Any]:
        lost = [lead.tokens for lead in leads]
        more = {**parameters(table), "source": f"{self.target.source_token}:", "lost": lost}
        return {**self._pass_arguments("delete", self.limits.node_rows), "statement": statement, "parameters": more}

    def _run(self, rows: DataFrame, work: Pass) -> Written:
        written, runner = self.target.runner.write(rows, work)
        self.target, self.bookmarks = replace(self.target, runner=runner), written.bookmarks or self.bookmarks
        return written

    def _pass_arguments(self, stage: str, most_rows: int, key_width: int | None = None) -> dict[str, Any]:
        target = self.target
        return {
            "connection": target.connection,
            "metadata": {"app": "delta-neo4j", "run": target.run_id, "batch": self.batch_id, "stage": stage},
            "key_width": key_width or len(self.table.key),
            "batch_rows": target.runner.fitting(stage, min(most_rows, target.batch_size)),
            "refusals_allowed": self.refusals_allowed,
            "bookmarks": self.bookmarks,
        }

    def _by_hub(self, rows: DataFrame, hub: list[Any]) -> DataFrame:
        # The rows of a hub follow each other: a transaction locks its record and walks its chain of edges once.
        return rows.repartition(self.target.write_partitions, *hub).sortWithinPartitions(*hub)

    def _identity(self, columns: RowColumns) -> list[Column]:
        return identity(columns, self.version.column())

    def _counted(self, columns: RowColumns, truncated: Column) -> list[Column]:
        """Return what passes count: `w` (no vector), `x` (text truncated; null: unknown), `e0`… (edges by type)."""
        return [without_vector(columns), truncated.alias("x"), *edge_counts(columns)]

    def _required_vectors(self) -> TextVectors:
        if self.vectors is None:
            raise ValueError(f"table {self.table.name} has texts, but the writer has no vectors of them")
        return self.vectors
