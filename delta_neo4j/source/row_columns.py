"""
The columns of a row from the source to the graph: which column holds which value.

Contract rows have the raw values (`c0`, `c1`, …). `with_typed_values` adds each mapped value in its property's type
(`v0`, …), unless the raw column has that type already, and each part of an end node's key (`e0`, …). Every later step
reads these columns and casts nothing again; the raw columns are kept for dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from operator import and_, or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.mapping.plan import TEXT_HASH
from delta_neo4j.mapping.types import BY_NAME
from delta_neo4j.source.contract import raw_column
from delta_neo4j.source.values import is_blank, sql_type, typed

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructType

    from delta_neo4j.mapping.plan import Input, Property, Relationship, Table


@dataclass(frozen=True)
class RowColumns:
    """The columns of one table's rows; `schema` is the schema of any frame that has the contract columns."""

    table: Table
    schema: StructType

    def raw(self, made_from: Input) -> Column:
        """Return the column with the source's own value of an input."""
        return F.col(raw_column(self.table, made_from))

    def value(self, prop: Property) -> Column:
        """Return the column with a property's typed value; null where the source is null."""
        return F.col(self.value_name(prop))

    def value_name(self, prop: Property) -> str:
        """Return the name of the column with a property's typed value."""
        raw = raw_column(self.table, prop.input)
        if prop.input == TEXT_HASH or not sql_type(prop) or self._has_type(raw, prop):
            return raw
        return f"v{self._casts().index((prop.input, prop.type))}"

    def end_key(self, prop: Property) -> Column:
        """Return the column with one part of an end node's key; null where the value is null or blank."""
        return F.col(self.end_key_name(prop))

    def end_key_name(self, prop: Property) -> str:
        """Return the name of the column with one part of an end node's key."""
        return "text_hash" if prop.input == TEXT_HASH else f"e{self._ends().index((prop.input, prop.type))}"

    def identity(self, relationship: Relationship) -> list[Column]:
        """Return the columns that find a relationship of the row: the key of its end node, then its own key."""
        return [*map(self.end_key, relationship.end_key), *map(self.value, relationship.key)]

    def has_end(self, relationship: Relationship) -> Column:
        """Return whether no part of the end node's key is null: the row then expects the relationship."""
        return reduce(and_, [self.end_key(p).isNotNull() for p in relationship.end_key])

    def is_repeated(self, relationship: Relationship) -> Column:
        """Return whether an earlier relationship of the row has the same type, end and key: the graph has one."""
        return reduce(or_, [same for _, same in self.same_before(relationship)], F.lit(False))

    def same_before(self, relationship: Relationship) -> list[tuple[Relationship, Column]]:
        """Return the earlier relationships that may be the same one in the graph, and whether a row's two are."""
        here, found = self._named(relationship), []
        for earlier in takewhile(lambda each: each is not relationship, self.table.relationships):
            there = self._named(earlier)
            if _kind(earlier) == _kind(relationship) and here.keys() == there.keys():
                found.append((earlier, reduce(and_, [here[name].eqNullSafe(there[name]) for name in here])))
        return found

    def _named(self, relationship: Relationship) -> dict[tuple[object, ...], Column]:
        ends, key = relationship.end_key, relationship.key
        columns = zip(self.identity(relationship), [True] * len(ends) + [False] * len(key), (*ends, *key), strict=True)
        return {(is_end, p.name, p.type): column for column, is_end, p in columns}

    def _casts(self) -> list[tuple[Input, str]]:
        return list(dict.fromkeys((p.input, p.type) for p in self.table.filled))

    def _ends(self) -> list[tuple[Input, str]]:
        return list(dict.fromkeys((p.input, p.type) for r in self.table.relationships for p in r.end_key))

    def _has_type(self, raw: str, prop: Property) -> bool:
        return BY_NAME[prop.type].travel != "json" and self.schema[raw].dataType.simpleString().upper() == sql_type(
            prop
        )


def _kind(relationship: Relationship) -> tuple[object, ...]:
    return relationship.type, relationship.incoming, relationship.end_label


def with_typed_values(table: Table, rows: DataFrame) -> DataFrame:
    """Return contract rows with a column for each typed value and each part of an end node's key."""
    columns = RowColumns(table, rows.schema)
    values = {columns.value_name(p): typed(table, p) for p in table.filled}
    ends = [p for r in table.relationships for p in r.end_key if p.input != TEXT_HASH]
    end_keys = {columns.end_key_name(p): F.when(~is_blank(columns.value(p)), columns.value(p)) for p in ends}
    casts = {name: value for name, value in values.items() if name not in rows.columns and name != "text_hash"}
    for added in (casts, end_keys):
        rows = rows.withColumns(added) if added else rows  # Spark Connect refuses none
    return rows
