"""
Schema drift: how a source's columns have changed since the last load, and what the user can do about each change.

A column that the mapping names and that no longer exists stops the run; every other change is logged. The run never
decides that a column was renamed: it reports the possibility, and the mapping decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from delta_neo4j.errors import MappingError, PreflightError
from delta_neo4j.mapping import expressions, plan
from delta_neo4j.mapping.identifiers import property_name
from delta_neo4j.source.guess import guessed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql.types import StructType

_AGAIN = "and run with --reset-checkpoint, which writes only rows whose hash differs"


@dataclass(frozen=True)
class Change:
    """The change of one column, as a sentence with what to do; if it `stops` the run, the mapping must change first."""

    column: str
    kind: Literal["new", "dropped", "renamed", "retyped"]
    sentence: str
    stops: bool = False


class _Named(NamedTuple):
    """The names by which a mapping uses columns."""

    columns: set[str]
    in_expressions: set[str]  # in lower case

    @classmethod
    def by(cls, table: plan.Table) -> _Named:
        # A column with null words is read by an expression that the loader makes; `source` is the column itself.
        sources = [each.source for each in table.inputs]
        columns = {each.text for each in sources if not each.is_expression}
        of_expressions = [expressions.names(each.text) for each in sources if each.is_expression]
        return cls(columns, {name for names in of_expressions for name in names})

    def has(self, column: str) -> bool:
        return column in self.columns or column.lower() in self.in_expressions


def changes(table: plan.Table, before: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    """
    Return what differs between a table's columns, {name: Spark type}, at the last load and now.

    `table` is the mapping's own, without the properties that `expanded` adds.
    """
    named = _Named.by(table)
    dropped = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    result = [
        _dropped(table, name, before[name], [n for n in new if now[n] == before[name]], named) for name in dropped
    ]
    retyped = [name for name in before if name in now and now[name] != before[name]]
    result += [_retyped(table, name, before[name], now[name], named) for name in retyped]
    return result + [_new(table, name, now[name]) for name in new if not named.has(name)]


def check(table: plan.Table, before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return a sentence for each change, to log; raise `PreflightError` with the changes that stop the run, if any."""
    changed = changes(table, before, now)
    stopping = [change.sentence for change in changed if change.stops]
    if stopping:
        raise PreflightError(f"source table {table.source} has changed: {'; '.join(stopping)}")
    return [f"source table {table.source}: {change.sentence}" for change in changed]


def columns_of(schema: StructType) -> dict[str, str]:
    """Return a table's columns as {name: Spark type}, the form that `changes` compares."""
    return {field.name: field.dataType.simpleString() for field in schema}


def expanded(table: plan.Table, schema: StructType) -> plan.Table:
    """
    Return the table with a property for each column that the mapping does not name, if it has `new_columns: add`.

    The digest of the mapping stays the same, so the checkpoint can be continued.
    """
    if not table.adds_new_columns:
        return table
    named = _Named.by(table)
    taken = {p.name for p in (*table.key, *table.properties)}
    if table.vector_on_row:
        taken.add(table.vector_on_row.property)
    added = []
    for field in schema:
        type_ = guessed(field.dataType).type
        if type_ and not named.has(field.name) and field.name not in taken and _can_be_property(field.name):
            added.append(plan.Property(field.name, plan.Input(field.name), type_))
    return replace(table, properties=(*table.properties, *added))


def _dropped(table: plan.Table, name: str, type_: str, same_type: list[str], named: _Named) -> Change:
    if not named.has(name):
        if table.adds_new_columns:
            return Change(
                name, "dropped", f"column {name!r} no longer exists; its values stay on the nodes that have them"
            )
        return Change(name, "dropped", f"column {name!r} no longer exists; the mapping does not use it: nothing to do")
    missing = (
        f"column {name!r} ({type_}), which the mapping names in {', '.join(_places(table, name))}, no longer exists"
    )
    if same_type:
        sentence = (
            f"{missing}, and {' or '.join(map(repr, same_type))} of the same type is new: if it was renamed, name the "
            f"new column in the mapping of table {table.name} (with `property`, so that the graph keeps the name) "
            f"{_AGAIN}"
        )
        return Change(name, "renamed", sentence, stops=True)
    sentence = f"{missing}: take it out of the mapping of table {table.name} {_AGAIN}"
    return Change(name, "dropped", sentence, stops=True)


def _retyped(table: plan.Table, name: str, before: str, now: str, named: _Named) -> Change:
    sentence = f"column {name!r} was {before} and is {now}"
    if not named.has(name):
        return Change(name, "retyped", f"{sentence}; the mapping does not use it: nothing to do")
    types = ", ".join(dict.fromkeys(p.type for p in _properties(table) if p.input.source == plan.Input(name)))
    if types:
        sentence += f": its values are still cast to {types}, and a row whose value cannot be cast is a dead letter"
    return Change(name, "retyped", f"{sentence}; if the graph should have the new type, change it in the mapping")


def _new(table: plan.Table, name: str, type_: str) -> Change:
    column = f"column {name!r} ({type_}) is new"
    if not table.adds_new_columns:
        also = "or set new_columns: add" if table.edge is None else "if it should be loaded"
        sentence = f"{column} and ignored; give it a property in table {table.name} {also}"
    elif _can_be_property(name):
        sentence = f"{column} and becomes a property of the rows that are read from now on"
    else:
        sentence = f"{column} and ignored: its name cannot be a property name; give it another one with `property`"
    return Change(name, "new", sentence)


def _places(table: plan.Table, name: str) -> Iterator[str]:
    """Yield each place of the mapping that uses a column."""
    for prop in _properties(table):
        source = prop.input.source
        in_expression = expressions.names(source.text) if source.is_expression else []
        if source == plan.Input(name) or name.lower() in in_expression:
            yield f"{'key' if prop in table.key else 'property'} {prop.name!r}"
    embedding = table.embedding
    if embedding and plan.Input(name) in (*embedding.text, embedding.vector):
        yield "the embedding"
    if plan.Input(name) in table.order_by:
        yield "order_by"
    if plan.Input(name) in table.sequence_by:
        yield "sequence_by"
    if table.deleted_when and name.lower() in expressions.names(table.deleted_when.text):
        yield "deleted_when"


def _properties(table: plan.Table) -> list[plan.Property]:
    related = [p for r in table.relationships for p in (*r.identity, *r.properties)]
    return [*table.key, *table.properties, *related]


def _can_be_property(name: str) -> bool:
    try:
        property_name(name)
    except MappingError:
        return False
    return True
