"""Guess what a table becomes in a graph (nodes with key, text and references, or an edge list), with a note a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql.types import IntegralType, StringType

from delta_neo4j.mapping.identifiers import snake_case, sql_quoted
from delta_neo4j.runs.mapping_draft import names
from delta_neo4j.runs.mapping_draft.sample import KEY_CANDIDATES
from delta_neo4j.source.guess import LISTS, guessed

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.mapping.types import PropertyType
    from delta_neo4j.runs.mapping_draft.sample import Sample

    Repeated = Callable[[list[str]], dict[str, int]]

WORDS_OF_A_TEXT = 3.0  # on average; names and codes have fewer


@dataclass(frozen=True)
class Line:
    """
    A column, or an `expression` of it, as a property (left out if `type` is None).

    `note` becomes a comment in the draft. Blank texts, if `blank_is_null`, and `null_words` count as null.
    """

    column: str
    property: str
    type: PropertyType | None
    note: str = ""
    expression: str = ""
    blank_is_null: bool = False
    null_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vector:
    """A column for the vectors: a text to embed (`dimension` is None), or ready vectors of that dimension."""

    column: str
    property: str
    index: str
    dimension: int | None
    note: str


@dataclass(frozen=True)
class End:
    """A node that rows refer to by its key; `note` becomes a comment in the draft."""

    label: str
    key: Line
    note: str = ""


@dataclass(frozen=True)
class Nodes:
    """A draft of a table of nodes; `label` has the key, `related` are nodes that its columns may refer to."""

    label: str
    key: Line
    properties: tuple[Line, ...]
    vector: Vector | None
    related: tuple[End, ...]
    more_labels: tuple[str, ...] = ()
    note: str = ""  # on the labels


@dataclass(frozen=True)
class Edges:
    """A draft of an edge list."""

    type: str
    note: str
    start: End
    end: End
    properties: tuple[Line, ...]
    key: Line | None = None  # tells apart relationships between the same two nodes


def decide(table: str, sample: Sample, repeated: Repeated, label: str = "") -> Nodes | Edges:
    """
    Return the draft of `table`, guessed from a sample; with a `label` it is a table of nodes.

    `repeated` returns, for each of the given columns, the rows whose value is null or repeated in the whole table.
    """
    ends = [name for role in ("START_ID", "END_ID") for name in sample.columns if _role(name) == role]
    usable = [name for name in _by_name(table, sample) if sample.unique(name)]
    if not usable and not any(_role(name) == "ID" or name.lower() == "id" for name in sample.columns):
        # No column identifies a row, so two columns that look like ids are the ends of an edge list.
        ends = ends or [name for name in sample.columns if names.id_stem(name) and _can_be_key(sample, name)]
    if len(ends) == 2 and not label:  # noqa: PLR2004  # an edge has two
        return _edges(table, sample, ends[0], ends[1])
    return _nodes(table, sample, repeated, label, usable)


def _edges(table: str, sample: Sample, start: str, end: str) -> Edges:
    ends = (_end(start, sample), _end(end, sample))
    of_type, kinds = _of_role("TYPE", sample)
    kind = f"HAS_{names.type_of(ends[1].label)}"
    note = f"type and direction are guesses: the columns of {table} name neither"
    if kinds:
        kind = names.type_of(kinds[0])
        note = f"from column {of_type}"
    if len(kinds) > 1:
        note = _several(of_type, "types", kinds)
    taken: set[str] = set()
    others = [name for name in sample.columns if name not in {start, end, of_type}]
    ids = [name for name in others if names.id_stem(name) or name.lower() == "id"]
    own = next((name for name in ids if sample.unique(name) and _can_be_key(sample, name)), None)
    why = "looks like the id of a relationship; without it two relationships between the same nodes are one"
    key = _key_line(own, sample, names.unlike(names.property_of(own), taken), why) if own else None
    return Edges(kind, note, *ends, tuple(_line(name, sample, taken) for name in others if name != own), key)


def _nodes(table: str, sample: Sample, repeated: Repeated, label: str, usable: list[str]) -> Nodes:
    key_column, note = _key(table, sample, repeated, usable)
    parsed = names.import_column(key_column)
    of_labels, found = _of_role("LABEL", sample)
    of_key = names.label_of(parsed.label) if parsed and parsed.label else names.label_of(table)
    labels = (label,) if label else names.labels_of(found[0]) if len(found) == 1 else (of_key,)
    label_note = "" if label or not found else f"from column {of_labels}"
    if len(found) > 1 and not label:
        label_note = _several(of_labels, "values", found)
    label = labels[0]
    typed = names.typed_column(key_column)
    of_import = parsed.property or f"{snake_case(label)}_id" if parsed else typed.property if typed else ""
    taken: set[str] = set()
    key = _key_line(key_column, sample, names.unlike(names.property_of(of_import or key_column), taken), note)
    vector_column = _vector_column(sample)
    others = [name for name in sample.columns if name not in {key_column, vector_column}]
    properties = tuple(_line(name, sample, taken) for name in others)
    ends = [name for name in others if names.id_stem(name) and _can_be_key(sample, name)]
    column = vector_column or _text_column(sample, key_column)
    vector = _vector(column, sample, label, taken) if column else None
    related = tuple(_end(name, sample) for name in ends)
    return Nodes(label, key, properties, vector, related, labels[1:], label_note)


def _by_name(table: str, sample: Sample) -> list[str]:
    """Return the columns whose type fits a key, the most likely name first."""
    own = {"id", "key", f"{table}_id", f"{snake_case(names.label_of(table))}_id"}
    could = [name for name in sample.columns if _can_be_key(sample, name) and _role(name) not in _NO_PROPERTY]

    def rank(name: str) -> int:
        if _role(name) == "ID":
            return 0
        return 1 if name.lower() in own else 2 if names.id_stem(name) else 3

    return sorted(could, key=rank)


def _key(table: str, sample: Sample, repeated: Repeated, usable: list[str]) -> tuple[str, str]:
    if usable:
        asked = usable[:KEY_CANDIDATES]
        counts = repeated(asked)
        best = min(asked, key=lambda name: counts[name])  # the first one, if several have no repeated value
        if counts[best] == 0:
            return best, "every row has a value of its own"
        return (
            best,
            f"in {counts[best]:,} rows null or repeated: one row of a key wins; add a column to the key?",
        )
    likely = [*_by_name(table, sample), *sample.columns]
    why = "the table is empty" if sample.rows == 0 else "no column has a value of its own in every row"
    return likely[0], f"a guess: {why}"


def _key_line(column: str, sample: Sample, name: str, note: str = "") -> Line:
    kind = guessed(sample.columns[column].kind).type
    # A key column of texts stays a text: '1' and '01' are two keys, but one number.
    return Line(column, name, kind if kind in {"string", "integer", "boolean", "date"} else "string", note)


def _end(column: str, sample: Sample) -> End:
    parsed = names.import_column(column)
    if parsed is None:
        return End(
            names.label_of(names.id_stem(column) or column), _key_line(column, sample, names.property_of(column))
        )
    label = names.label_of(parsed.label or parsed.role)
    note = "" if parsed.label else f"label and key are guesses: column {column} names no label"
    return End(label, _key_line(column, sample, f"{snake_case(label)}_id"), note)


def _line(name: str, sample: Sample, taken: set[str]) -> Line:
    column, guess = sample.columns[name], guessed(sample.columns[name].kind)
    if _role(name) in _NO_PROPERTY:
        return Line(name, name, None, _ROLES[_role(name)])
    typed = names.typed_column(name)
    property_name = names.unlike(names.property_of(typed.property if typed else name), taken)
    if typed and guess.type == "string":
        line = _of_text(name, property_name, typed)
        if line.expression or line.type == "string":
            return line
        return replace(line, blank_is_null=column.blank > 0, null_words=column.null_words)
    if _role(name):
        return Line(name, property_name, guess.type, _ROLES[_role(name)])
    if guess.type == "string" and column.looks_like:
        nothing = column.blank > 0 or column.null_words
        note = f"text; all {column.values:,} sampled values have this form{' or stand for none' if nothing else ''}"
        return Line(name, property_name, column.looks_like, note, "", column.blank > 0, column.null_words)
    return Line(name, property_name, guess.type, guess.note)


# What a column of a role of Neo4j's import files is, if it is not the key, an end or the type.
_ROLES = {
    "ID": "an id of an import file, beside the key",
    "START_ID": "an end of an edge list, drafted as nodes",
    "END_ID": "an end of an edge list, drafted as nodes",
    "TYPE": "the type of an edge list, drafted as nodes",
    "LABEL": "it holds labels; those of a table are fixed",
    "IGNORE": "an import leaves it out",
}
_NO_PROPERTY = {"LABEL", "IGNORE"}


def _of_text(name: str, property_name: str, typed: names.TypedColumn) -> Line:
    """Return the line of a column of texts whose name has a type of an import file."""
    note = "text; the type is from the column's name" if typed.is_known else "text: a mapping has no such type for it"
    if not typed.is_list:
        return Line(name, property_name, typed.type, "" if typed.is_known and typed.type == "string" else note)
    kind: PropertyType = LISTS[typed.type]
    return Line(name, property_name, kind, "a list in a text", f"split(nullif({sql_quoted(name)}, ''), ';')")


def _of_role(role: str, sample: Sample) -> tuple[str, tuple[str, ...]]:
    """Return the column of a role of Neo4j's import files ("" without), and its distinct values."""
    name = next((name for name in sample.columns if _role(name) == role), "")
    return name, sample.columns[name].examples if name else ()


def _several(column: str, what: str, values: tuple[str, ...]) -> str:
    first = values[0].replace("\\", "\\\\").replace("'", "\\'")
    return (
        f"column {column} has {len(values)} {what}; make a table of each (a view cannot be loaded): CREATE TABLE NAME "
        "USING DELTA TBLPROPERTIES ('delta.columnMapping.mode' = 'name') AS SELECT * FROM SOURCE WHERE "
        f"{sql_quoted(column)} = '{first}'"
    )


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
    parsed = names.import_column(name)
    return parsed.role if parsed else ""


def _can_be_key(sample: Sample, name: str) -> bool:
    column = sample.columns[name]
    return isinstance(column.kind, (StringType, IntegralType)) and column.words < WORDS_OF_A_TEXT
