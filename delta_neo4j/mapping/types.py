"""
The table of property types: one row a type.

A new type is a new row of this table. A type that travels in a new way also needs a conversion in `source/values` or
`graph/passes/parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

# The form in which Spark passes a property's value to the Neo4j driver. Parts of keys are always passed plain.
Travel = Literal[
    "plain",  # as the driver's own type
    "temporal",  # as seconds since 1970 and nanoseconds, from which Cypher builds the value
    "struct",  # as the struct of the source
    "flattened map",  # as the struct or map of the source, a property for each part
    "json",  # as JSON text
    "list",  # as a list of plain values
]


@dataclass(frozen=True)
class TypeRow:
    """One property type."""

    name: str  # as mapping files write it
    sql: str  # the Spark SQL type that a value is cast to; empty if the value keeps its column's type
    travel: Travel
    may_be_key: bool = False
    cypher: str = ""  # the Cypher function that builds a temporal value

    @property
    def is_cast(self) -> bool:
        """Whether a value is cast to `sql`; a value of any other type is passed on whole, or as JSON."""
        return bool(self.sql) and self.travel != "json"

    @property
    def is_single(self) -> bool:
        """Whether a value is one number, text, boolean, date or time: keys, lists and filters take no other value."""
        return self.travel in {"plain", "temporal"}


_SINGLE = (
    TypeRow("string", "STRING", "plain", may_be_key=True),
    TypeRow("integer", "BIGINT", "plain", may_be_key=True),
    TypeRow("float", "DOUBLE", "plain"),  # no key: two ways to compute a float may differ in the last digit
    TypeRow("boolean", "BOOLEAN", "plain", may_be_key=True),
    TypeRow("date", "DATE", "temporal", may_be_key=True, cypher="date"),
    TypeRow("datetime", "TIMESTAMP", "temporal", may_be_key=True, cypher="datetime"),
    TypeRow("local_datetime", "TIMESTAMP_NTZ", "temporal", may_be_key=True, cypher="localdatetime"),
)
PROPERTY_TYPES = (
    *_SINGLE,
    TypeRow("point", "", "struct"),
    TypeRow("json", "STRING", "json"),
    TypeRow("map", "", "flattened map"),
    *(TypeRow(f"list<{row.name}>", f"ARRAY<{row.sql}>", "list") for row in _SINGLE),
)
BY_NAME = {row.name: row for row in PROPERTY_TYPES}
KEY_TYPES = tuple(row.name for row in PROPERTY_TYPES if row.may_be_key)

if TYPE_CHECKING:
    PropertyType = str  # a type checker cannot read a Literal that is made from the table
else:
    PropertyType = Literal[tuple(BY_NAME)]
