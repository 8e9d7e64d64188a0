"""
Schema drift: what became of a table's columns since the last load, and what to do about each.

What the mapping names and the table has no more stops the run; all else is told. Nothing is guessed: a column that
looks renamed is said to, and the mapping is what decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from delta_neo4j import expressions, plan
from delta_neo4j.drafting.types import guessed
from delta_neo4j.errors import MappingError, PreflightError
from delta_neo4j.identifiers import property_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql.types import StructType

_AGAIN = "and run with --reset-checkpoint, which writes only what differs"


@dataclass(frozen=True)
class Change:
    """What became of one column, in one sentence with what to do; one that `stops` needs the mapping changed."""

    column: str
    kind: Literal["new", "dropped", "renamed", "retyped"]
    sentence: str
    stops: bool = False


def changes(table: plan.Table, before: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    """Compare a table's columns, {name: Spark type}, at the last load and now; `table` is as the mapping has it."""
    named = _named(table)
    gone = [name for name in before if name not in now]
    came = [name for name in now if name not in before]
    found = [_gone(table, name, before, [new for new in came if now[new] == before[name]], named) for name in gone]
    found += [
        _retyped(table, name, before[name], now[name], named)
        for name in before
        if name in now and now[name] != before[name]
    ]
    return found + [_new(table, name, now[name]) for name in came if not _is_named(name, named)]


def check(table: plan.Table, before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Give the sentences to tell; raise `PreflightError` with those that stop the run, when there are any."""
    found = changes(table, before, now)
    stopping = [change.sentence for change in found if change.stops]
    if stopping:
        raise PreflightError(f"source table {table.source} has changed: {'; '.join(stopping)}")
    return [f"source table {table.source}: {change.sentence}" for change in found]


def columns_of(schema: StructType) -> dict[str, str]:
    """Give a table's columns as `changes` compares them."""
    return {field.name: field.dataType.simpleString() for field in schema}


def expanded(table: plan.Table, schema: StructType) -> plan.Table:
    """
    Give the table with a property for each column that its mapping does not name, where the mapping asks for them.

    The digest stays: a column more is not another mapping.
    """
    if not table.adds_new_columns:
        return table
    named = _named(table)
    taken = {p.name for p in (*table.key, *table.properties)}
    if table.vector_on_row:
        taken.add(table.vector_on_row.property)
    added = []
    for field in schema:
        kind = guessed(field.dataType).type
        if kind and not _is_named(field.name, named) and field.name not in taken and _can_be_property(field.name):
            added.append(plan.Property(field.name, plan.Input(field.name), kind))
    return replace(table, properties=(*table.properties, *added))


def _named(table: plan.Table) -> tuple[set[str], set[str]]:
    """Give the columns that the mapping names, and (in lower case) the names that its expressions hold."""
    columns = {each.text for each in table.inputs if not each.is_expression}
    held: set[str] = set()
    for each in table.inputs:
        if each.is_expression:
            held |= set(expressions.names(each.text))
    return columns, held


def _is_named(name: str, named: tuple[set[str], set[str]]) -> bool:
    return name in named[0] or name.lower() in named[1]


def _gone(
    table: plan.Table, name: str, before: Mapping[str, str], alike: list[str], named: tuple[set[str], set[str]]
) -> Change:
    if not _is_named(name, named):
        if table.adds_new_columns:
            return Change(name, "dropped", f"column {name!r} is gone; what it gave earlier nodes stays on them")
        return Change(name, "dropped", f"column {name!r} is gone, which the mapping does not use: nothing to do")
    places = ", ".join(_places(table, name))
    if alike:
        perhaps = f"{' or '.join(map(repr, alike))} of the same type is new"
        sentence = (
            f"column {name!r} ({before[name]}), which the mapping names in {places}, is gone, and {perhaps}: "
            f"if it was renamed, name the new one in the mapping of table {table.name} (with `property`, "
            f"so that the graph keeps the name) {_AGAIN}"
        )
        return Change(name, "renamed", sentence, stops=True)
    sentence = (
        f"column {name!r}, which the mapping names in {places}, is gone: take it out of the mapping of table "
        f"{table.name} {_AGAIN}"
    )
    return Change(name, "dropped", sentence, stops=True)


def _retyped(table: plan.Table, name: str, before: str, now: str, named: tuple[set[str], set[str]]) -> Change:
    sentence = f"column {name!r} was {before} and is {now}"
    if not _is_named(name, named):
        return Change(name, "retyped", f"{sentence}, which the mapping does not use: nothing to do")
    kinds = ", ".join(dict.fromkeys(p.type for p in _properties(table) if p.input == plan.Input(name)))
    cast = f"values are cast to {kinds} as before, one that cannot be is a dead letter" if kinds else "it is read so"
    return Change(name, "retyped", f"{sentence}: {cast}; change the type in the mapping if the graph should follow")


def _new(table: plan.Table, name: str, kind: str) -> Change:
    if not table.adds_new_columns:
        how = "or set new_columns: add" if table.edge is None else "if it should be loaded"
        sentence = f"column {name!r} ({kind}) is new and ignored; give it a property in table {table.name} {how}"
    elif _can_be_property(name):
        sentence = f"column {name!r} ({kind}) is new and becomes a property of rows that are read from now on"
    else:
        sentence = f"column {name!r} ({kind}) is new and its name cannot be a property's; name it with `property`"
    return Change(name, "new", sentence)


def _places(table: plan.Table, name: str) -> Iterator[str]:
    """Say what of the mapping a column fills."""
    for prop in _properties(table):
        held = expressions.names(prop.input.text) if prop.input.is_expression else []
        if prop.input == plan.Input(name) or name.lower() in held:
            yield f"{'key' if prop in table.key else 'property'} {prop.name!r}"
    embedding = table.embedding
    if embedding and plan.Input(name) in (*embedding.text, embedding.vector):
        yield "the embedding"
    if plan.Input(name) in table.order_by:
        yield "order_by"


def _properties(table: plan.Table) -> list[plan.Property]:
    related = [p for r in table.relationships for p in (*r.end_key, *r.properties)]
    return [*table.key, *table.properties, *related]


def _can_be_property(name: str) -> bool:
    try:
        property_name(name)
    except MappingError:
        return False
    return True
