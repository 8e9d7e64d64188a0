"""
The mappings with which each table was loaded, as the record of what the loader has written to the graph.

A later load reads from it which properties and relationships earlier mappings wrote, and which columns a source had;
`clear` reads the source tokens of the rows that it must delete.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from delta_neo4j.mapping.plan import TEXT_HASH, Property, Relationship, Retired
from delta_neo4j.source.delta import source_token
from delta_neo4j.source.drift import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Edge, Table
    from delta_neo4j.source.delta import SourceVersion
    from delta_neo4j.state.tables import State

TABLE = "mappings"
FRAME = "frame/"  # begins the id of a source that is a frame; its columns are not compared with those of a table
# A retired relationship has no end to look up: only its type, direction and end label are used.
_NO_KEY = (Property("none", TEXT_HASH, "string"),)


@dataclass(frozen=True)
class MappingHistory:
    """
    The records of one table's mappings, oldest first.

    `state_id` stands for the state in the graph's registry: that of the oldest record with one, or a new one.
    """

    state: State
    table_name: str
    records: tuple[dict[str, Any], ...]
    state_id: str = ""

    @classmethod
    def of_all(cls, spark: SparkSession, state: State, names: list[str]) -> dict[str, MappingHistory]:
        """Return the history of each named table, all from one read."""
        recorded = state.rows(spark, f"SELECT * FROM {{{TABLE}}} ORDER BY recorded_at")
        records = [record for record in recorded if record["table_name"] in names]
        of_table = {name: tuple(r for r in records if r["table_name"] == name) for name in names}
        shared = _state_id(records) or uuid.uuid4().hex[:12]
        return {name: cls(state, name, held, _state_id(held) or shared) for name, held in of_table.items()}

    @property
    def columns(self) -> dict[str, str] | None:
        """The source's columns, {name: Spark type}, at the last load; None if no load read a table."""
        of_tables = [record for record in self.records if not record["table_id"].startswith(FRAME)]
        return json.loads(of_tables[-1]["columns"]) if of_tables else None

    @property
    def source_tokens(self) -> list[str]:
        """The source tokens, each with a colon, with which the versions of this table's rows began in any load."""
        sources = dict.fromkeys((record["table_id"], record["source_mode"]) for record in self.records)
        return [f"{source_token(self.table_name, table_id, mode)}:" for table_id, mode in sources]

    def own_tokens(self, source: str, table_id: str) -> list[str]:
        """
        Return the tokens, as in `source_tokens`, of the rows that loads of this very source wrote.

        The source has this name, whatever its id and mode were. Older releases did not record the name: their rows
        count if the table had the same id. Rows of frames and of other sources do not count.
        """
        own = (
            record for record in self.records
            if not record["table_id"].startswith(FRAME)
            and (record.get("source") == source or (record.get("source") is None and record["table_id"] == table_id))
        )  # fmt: skip
        return replace(self, records=tuple(own)).source_tokens

    def is_of_older_release(self, database_id: str | None) -> bool:
        """Return whether a release that recorded no source has loaded the table into this graph."""
        return any(
            record.get("source") is None and database_id in {None, record.get("database_id")} for record in self.records
        )

    def has_other_key(self, table: Table, database_id: str | None) -> bool:
        """Return whether the last load of an edge list into this graph told its relationships apart by another key."""
        records = [_written(r) for r in self.records if database_id in {None, r.get("database_id")}]
        if table.edge is None or not records or records[-1]["labels"]:  # a record with labels is one of nodes
            return False
        return sorted(map(tuple, records[-1].get("edge_key", []))) != sorted(_edge_key(table.edge))

    def is_new_to(self, database_id: str | None) -> bool:
        """Return whether the table was never loaded into this graph; if the id is None, into any graph."""
        known = {record.get("database_id") for record in self.records}
        return database_id not in known if database_id else not known

    def knows(self, table: Table, database_id: str | None) -> bool:
        """Return whether a load into this graph used this mapping of the table; if the id is None, into any graph."""
        return any(
            record["digest"] == table.digest and database_id in {None, record.get("database_id")}
            for record in self.records
        )

    def note(
        self, spark: SparkSession, table: Table, source: SourceVersion, mode: str, database_id: str | None
    ) -> None:
        """Append a record of this load of a source into a graph, unless it equals the last record."""
        columns = json.dumps(columns_of(source.schema))
        row = (table.name, source.table_id, mode, table.digest, json.dumps(_writes(table)), columns, database_id)
        names = ("table_id", "source_mode", "digest", "writes", "columns", "database_id", "state_id", "source")
        last = self.records[-1] if self.records else {}
        more = (self.state_id, table.source)
        if (*row[1:], *more) != tuple(last.get(name) for name in names):
            self.state.append_rows(spark, TABLE, [(*row, dt.datetime.now(dt.UTC), *more)])

    def with_retired(self, table: Table, mapped: Iterable[Table] = ()) -> Table:
        """
        Return the table with the properties, labels and relationships that only earlier mappings wrote, as retired.

        A load removes what is retired. Names that other `mapped` tables write on nodes of the same label are not
        retired: a property or relationship may have moved to such a table. Without `mapped` all of them are retired, as
        a delete of all rows needs it.
        """
        others = [other for other in mapped if other.name != table.name]
        retired = self._retired(table, others)
        keys = {p.name for p in table.key}
        properties = tuple(name for name in retired["properties"] if name not in keys)
        table = replace(table, retired=Retired(properties, tuple(retired["labels"]), tuple(retired["maps"])))
        if table.edge:
            return table
        lost = tuple(
            Relationship(type_, bool(incoming), label, _NO_KEY, "merge", retired=True, of_text=bool(of_text))
            for type_, incoming, label, of_text in retired["relationships"]
        )
        kept = tuple(replace(r, absent=_of_edge(r, retired["edge_properties"])) for r in table.relationships)
        listed = tuple(other.edge.type for other in others if other.edge)
        return replace(table, relationships=(*lost, *kept), listed_types=listed)

    def _retired(self, table: Table, others: list[Table]) -> dict[str, list[Any]]:
        """Return, in the form of `_writes`, what is recorded but no longer written by the table or by `others`."""
        still_written: dict[str, set[Any]] = {kind: set(written) for kind, written in _writes(table).items()}
        for other in others:
            for kind, written in _on_label(other, table.labels[:1]).items():
                still_written[kind] |= set(written)
        retired: dict[str, dict[Any, None]] = {kind: {} for kind in still_written}
        for writes in map(_written, self.records):
            for kind, kept in still_written.items():
                values = (tuple(each) if isinstance(each, list) else each for each in writes.get(kind, []))
                retired[kind].update(dict.fromkeys(each for each in values if each not in kept))
        return {kind: list(values) for kind, values in retired.items()}


def _state_id(records: Iterable[dict[str, Any]]) -> str | None:
    return next((record["state_id"] for record in records if record.get("state_id")), None)


def _written(record: dict[str, Any]) -> dict[str, list[Any]]:
    return dict(json.loads(record["writes"]))


def _edge_key(edge: Edge) -> list[tuple[str, str]]:
    return [(p.name, p.type) for p in edge.key]


def _of_edge(relationship: Relationship, edge_properties: list[Any]) -> tuple[str, ...]:
    return tuple(name for *place, name in edge_properties if tuple(place) == _place(relationship))


def _place(relationship: Relationship) -> tuple[str, bool, str]:
    return relationship.type, relationship.incoming, relationship.end_label


def _on_label(table: Table, label: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return what a table writes on nodes of a label, its own nodes or its end nodes, in the form of `_writes`."""
    if table.edge:
        edge = table.edge
        if edge.key:  # it does not find relationships without its key, so the rows' own ones have to go
            return {"relationships": []}
        ends = [(edge.type, True, edge.start_label, False)] if (edge.end_label,) == label else []
        ends += [(edge.type, False, edge.end_label, False)] if (edge.start_label,) == label else []
        return {"relationships": ends}
    written = _writes(table) if table.labels[:1] == label else {"relationships": []}
    ends = [(r.type, not r.incoming, table.labels[0], False) for r in table.relationships if (r.end_label,) == label]
    return {**written, "relationships": [*written["relationships"], *ends]}


def _writes(table: Table) -> dict[str, list[Any]]:
    """
    Return the names that a table's mapping writes, by kind; a record keeps them as JSON.

    A relationship is (type, incoming, end label, of_text), an edge property (type, incoming, end label, name), a part
    of an edge list's key (name, type).
    """
    mapped = [r for r in table.relationships if not r.retired]
    relationships = [(*_place(r), r.of_text) for r in mapped]
    if table.chunks:
        relationships.append((table.chunks.relationship, False, table.chunks.label, True))
    vector = [table.vector_on_row.property] if table.vector_on_row else []
    return {
        "labels": list(table.labels),
        "properties": [*(p.name for p in table.properties if p.type != "map"), *vector],
        "maps": [p.name for p in table.properties if p.type == "map"],
        "relationships": relationships,
        "edge_properties": [(*_place(r), p.name) for r in mapped for p in (*r.key, *r.properties)],
        **({"edge_key": _edge_key(table.edge)} if table.edge and table.edge.key else {}),
    }
