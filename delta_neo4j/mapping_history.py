"""
What mappings a state has loaded each table with: the loader's memory of what it wrote.

A property or a relationship that the mapping no longer has is known only from here, as are the columns that the source
had, and the sources whose rows `clear` must take away.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.drift import columns_of
from delta_neo4j.plan import TEXT_HASH, Property, Relationship, Retired
from delta_neo4j.source import source_token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession

    from delta_neo4j.plan import Table
    from delta_neo4j.source import SourceVersion
    from delta_neo4j.state import State

TABLE = "mappings"
FRAME = "frame/"  # what the id of a source begins with that is no table: a frame's columns say nothing of a table's
_NO_KEY = (Property("none", TEXT_HASH, "string"),)


@dataclass(frozen=True)
class MappingHistory:
    """The records of one table, oldest first."""

    state: State
    table_name: str
    records: tuple[dict[str, Any], ...]

    @classmethod
    def of_all(cls, spark: SparkSession, state: State, names: list[str]) -> dict[str, MappingHistory]:
        """Read those of several tables at once."""
        wanted = state.read(spark, TABLE).where(F.col("table_name").isin(names)).orderBy("recorded_at")
        records = [row.asDict() for row in wanted.collect()]
        return {name: cls(state, name, tuple(r for r in records if r["table_name"] == name)) for name in names}

    @property
    def columns(self) -> dict[str, str] | None:
        """The source's columns with their types as the last load found them, or None before the first."""
        of_tables = [record for record in self.records if not record["table_id"].startswith(FRAME)]
        return json.loads(of_tables[-1]["columns"]) if of_tables else None

    @property
    def source_tokens(self) -> list[str]:
        """What the versions of all rows begin with that were ever loaded for this table."""
        kinds = dict.fromkeys((record["table_id"], record["source_mode"]) for record in self.records)
        return [f"{source_token(self.table_name, table_id, mode)}:" for table_id, mode in kinds]

    def is_new_to(self, database_id: str | None) -> bool:
        """Tell whether no load of the table has gone into this graph; where the graph's id is unknown, into any."""
        known = {record.get("database_id") for record in self.records}
        return database_id not in known if database_id else not known

    def note(self, spark: SparkSession, table: Table, found: SourceVersion, mode: str, database_id: str | None) -> None:
        """Keep that this mapping loads from this source into this graph, unless the last record says so."""
        columns = json.dumps(columns_of(found.schema))
        row = (table.name, found.table_id, mode, table.digest, json.dumps(_writes(table)), columns, database_id)
        names = ("table_id", "source_mode", "digest", "writes", "columns", "database_id")
        last = self.records[-1] if self.records else {}
        if row[1:] != tuple(last.get(name) for name in names):
            self.state.append_rows(spark, TABLE, [(*row, dt.datetime.now(dt.UTC))])

    def with_retired(self, table: Table, mapped: Iterable[Table] = ()) -> Table:
        """
        Give the table with what earlier mappings of it wrote and this one does not.

        What another of the `mapped` tables writes on nodes of the same label is left out: it may have moved there, and
        is not to be taken away. Who takes rows away altogether leaves `mapped` out: all of it is the loader's.
        """
        kept: dict[str, set[Any]] = {kind: set(found) for kind, found in _writes(table).items()}
        others = [other for other in mapped if other.name != table.name]
        for other in others:
            for kind, found in _on_label(other, table.labels[:1]).items():
                kept[kind] |= set(found)
        gone: dict[str, list[Any]] = {kind: [] for kind in kept}
        for record in self.records:
            for kind, found in json.loads(record["writes"]).items():
                written = (tuple(each) if isinstance(each, list) else each for each in found)
                gone[kind] += [each for each in written if each not in kept[kind] and each not in gone[kind]]
        keys = {p.name for p in table.key}
        properties = tuple(name for name in gone["properties"] if name not in keys)
        retired = Retired(properties, tuple(gone["labels"]), tuple(gone["maps"]))
        if table.edge:
            return replace(table, retired=retired)
        lost = tuple(
            Relationship(kind, bool(incoming), label, _NO_KEY, "merge", retired=True, of_text=bool(of_text))
            for kind, incoming, label, of_text in gone["relationships"]
        )
        held = tuple(replace(r, absent=_of_edge(r, gone["edge_properties"])) for r in table.relationships)
        listed = tuple(other.edge.type for other in others if other.edge)
        return replace(table, retired=retired, relationships=(*lost, *held), listed_types=listed)


def _of_edge(relationship: Relationship, gone: list[Any]) -> tuple[str, ...]:
    return tuple(name for *place, name in gone if tuple(place) == _place(relationship))


def _place(relationship: Relationship) -> tuple[str, bool, str]:
    return relationship.type, relationship.incoming, relationship.end_label


def _on_label(table: Table, label: tuple[str, ...]) -> dict[str, list[Any]]:
    """Give what a table writes on nodes of a label, in the form of `_writes`: its own, or at an end of its edges."""
    if table.edge:
        edge = table.edge
        ends = [(edge.type, True, edge.start_label, False)] if (edge.end_label,) == label else []
        ends += [(edge.type, False, edge.end_label, False)] if (edge.start_label,) == label else []
        return {"relationships": ends}
    written = _writes(table) if table.labels[:1] == label else {"relationships": []}
    ends = [(r.type, not r.incoming, table.labels[0], False) for r in table.relationships if (r.end_label,) == label]
    return {**written, "relationships": [*written["relationships"], *ends]}


def _writes(table: Table) -> dict[str, list[Any]]:
    maps = [p.name for p in table.properties if p.type == "map"]
    held = [r for r in table.relationships if not r.retired]
    relationships = [(*_place(r), r.of_text) for r in held]
    if table.chunks:
        relationships.append((table.chunks.relationship, False, table.chunks.label, True))
    return {
        "labels": list(table.labels),
        "properties": [p.name for p in table.properties if p.type != "map"]
        + ([table.vector_on_row.property] if table.vector_on_row else []),
        "maps": maps,
        "relationships": relationships,
        "edge_properties": [(*_place(r), p.name) for r in held for p in r.properties],
    }
