"""What a table may be in a graph: nodes with a key, a text and references, or an edge list. Guesses, each with why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql.types import IntegralType, StringType

from delta_neo4j.drafting import names
from delta_neo4j.drafting.sample import KEY_CANDIDATES
from delta_neo4j.drafting.types import guessed
from delta_neo4j.identifiers import snake_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.drafting.sample import Sample
    from delta_neo4j.plan import PropertyType

    Repeated = Callable[[list[str]], dict[str, int]]

WORDS_OF_A_TEXT = 3.0  # on average; names and codes have fewer


@dataclass(frozen=True)
class Line:
    """A column as a property; type None leaves it out. `note` is for the reader."""

    column: str
    property: str
    type: PropertyType | None
    note: str = ""


@dataclass(frozen=True)
class Vector:
    """What is embedded: a text column, or a column of ready vectors with its dimension."""

    column: str
    property: str
    index: str
    dimension: int | None
    note: str


@dataclass(frozen=True)
class End:
    """A node that rows refer to, found by a key."""

    label: str
    key: Line


@dataclass(frozen=True)
class Nodes:
    """A draft of a table of nodes; `related` are the references that its columns may be."""

    label: str
    key: Line
    properties: tuple[Line, ...]
    vector: Vector | None
    related: tuple[End, ...]


@dataclass(frozen=True)
class Edges:
    """A draft of an edge list."""

    type: str
    note: str
    start: End
    end: End
    properties: tuple[Line, ...]


def decide(table: str, sample: Sample, repeated: Repeated, label: str = "") -> Nodes | Edges:
    """Guess what the table called `table` is; a `label` says that it is nodes. `repeated` counts over all rows."""
    ends = [name for role in ("START_ID", "END_ID") for name in sample.columns if _role(name) == role]
    usable = [name for name in _by_name(table, sample) if sample.unique(name)]
    if not usable and not any(_role(name) == "ID" or name.lower() == "id" for name in sample.columns):
        # Nothing tells one row from another but the two that it names.
        ends = ends or [name for name in sample.columns if names.id_stem(name) and _can_be_key(sample, name)]
    if len(ends) == 2 and not label:  # noqa: PLR2004  # an edge has two
        return _edges(table, sample, ends[0], ends[1])
    return _nodes(table, sample, repeated, label, usable)


def _edges(table: str, sample: Sample, start: str, end: str) -> Edges:
    ends = (_end(start, sample), _end(end, sample))
    of_type = next((name for name in sample.columns if _role(name) == "TYPE"), None)
    kinds = sample.columns[of_type].examples if of_type else ()
    kind, note = f"HAS_{names.type_of(ends[1].label)}", f"a guess, as is the direction: {table} does not say"
    if kinds:
        kind = names.type_of(kinds[0])
        note = f"as column {of_type} has it"
    if len(kinds) > 1:
        note = f"column {of_type} has {len(kinds)} types; each wants a table of its own, from a view with its rows"
    taken: set[str] = set()
    others = [name for name in sample.columns if name not in {start, end, of_type}]
    return Edges(kind, note, *ends, tuple(_line(name, sample, taken) for name in others))


def _nodes(table: str, sample: Sample, repeated: Repeated, label: str, usable: list[str]) -> Nodes:
    key_column, note = _key(table, sample, repeated, usable)
    found = names.import_column(key_column)
    label = label or (names.label_of(found.label) if found and found.label else names.label_of(table))
    of_import = found.property or f"{snake_case(label)}_id" if found else ""
    taken: set[str] = set()
    key = _key_line(key_column, sample, names.unlike(names.property_of(of_import or key_column), taken), note)
    vector_column = _vector_column(sample)
    others = [name for name in sample.columns if name not in {key_column, vector_column}]
    properties = tuple(_line(name, sample, taken) for name in others)
    ends = [name for name in others if names.id_stem(name) and _can_be_key(sample, name)]
    column = vector_column or _text_column(sample, key_column)
    vector = _vector(column, sample, label, taken) if column else None
    return Nodes(label, key, properties, vector, tuple(_end(name, sample) for name in ends))


def _by_name(table: str, sample: Sample) -> list[str]:
    """Give the columns that could be a key, the most likely name first."""
    own = {"id", "key", f"{table}_id", f"{snake_case(names.label_of(table))}_id"}
    could = [name for name in sample.columns if _can_be_key(sample, name)]

    def rank(name: str) -> int:
        if _role(name) == "ID":
            return 0
        return 1 if name.lower() in own else 2 if names.id_stem(name) else 3

    return sorted(could, key=rank)


def _key(table: str, sample: Sample, repeated: Repeated, usable: list[str]) -> tuple[str, str]:
    if usable:
        asked = usable[:KEY_CANDIDATES]
        counts = repeated(asked)
        best = min(asked, key=lambda name: counts[name])  # the first, where several have none
        if counts[best] == 0:
            return best, "every row has a value of its own"
        return best, f"in {counts[best]:,} rows empty or as in another: the newest row of a key wins; add a column?"
    likely = [*_by_name(table, sample), *sample.columns]
    why = "the table is empty" if sample.rows == 0 else "no column has a value of its own in every row"
    return likely[0], f"a guess: {why}"


def _key_line(column: str, sample: Sample, name: str, note: str = "") -> Line:
    kind = guessed(sample.columns[column].kind).type
    # A key stays as it is: two texts that are the same number are two keys.
    return Line(column, name, kind if kind in {"string", "integer", "boolean", "date"} else "string", note)


def _end(column: str, sample: Sample) -> End:
    found = names.import_column(column)
    if found is None:
        return End(
            names.label_of(names.id_stem(column) or column), _key_line(column, sample, names.property_of(column))
        )
    label = names.label_of(found.label or found.role)
    return End(label, _key_line(column, sample, f"{snake_case(label)}_id"))


def _line(name: str, sample: Sample, taken: set[str]) -> Line:
    column, found = sample.columns[name], guessed(sample.columns[name].kind)
    property_name = names.unlike(names.property_of(name), taken)
    if found.type == "string" and column.looks_like:
        note = f"text; all {column.values:,} values looked at are like this"
        return Line(name, property_name, column.looks_like, note)  # type: ignore[arg-type]  # FORMS are property types
    return Line(name, property_name, found.type, found.note)


def _vector_column(sample: Sample) -> str | None:
    vectors = [name for name, column in sample.columns.items() if column.size > 1]
    return next((name for name in vectors if re.search(r"vector|embedding", name, re.IGNORECASE)), None)


def _text_column(sample: Sample, key: str) -> str | None:
    texts = [name for name, column in sample.columns.items() if column.words >= WORDS_OF_A_TEXT and name != key]
    texts = [name for name in texts if sample.columns[name].looks_like is None]
    return max(texts, key=lambda name: sample.columns[name].length) if texts else None


def _vector(name: str, sample: Sample, label: str, taken: set[str]) -> Vector:
    column = sample.columns[name]
    index = re.sub(r"\W+", "_", f"{snake_case(label)}_{name}_embeddings").lower()
    note = f"{column.length:.0f} characters on average, the longest text" if not column.size else "ready vectors"
    return Vector(name, names.unlike("embedding", taken), index, column.size or None, note)


def _role(name: str) -> str:
    found = names.import_column(name)
    return found.role if found else ""


def _can_be_key(sample: Sample, name: str) -> bool:
    column = sample.columns[name]
    return isinstance(column.kind, (StringType, IntegralType)) and column.words < WORDS_OF_A_TEXT
