"""Write a draft as the text of a mapping file: names are quoted for YAML, comments explain the guesses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from delta_neo4j.runs.mapping_draft import names
from delta_neo4j.runs.mapping_draft.decide import Edges, Nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.runs.mapping_draft.decide import End, Line, Vector

SCHEMA_LINE = "# yaml-language-server: $schema=mapping.schema.json"


def text(name: str, source: str, rows: int, draft: Nodes | Edges) -> str:
    """Return the file's text; `name` is the table's name in the mapping, `rows` the number of sampled rows."""
    body = _edges(draft) if isinstance(draft, Edges) else _nodes(draft)
    lines = [
        SCHEMA_LINE,
        f"# A draft from the table's columns and {rows:,} rows; review it, then run: delta-neo4j mapping check FILE",
        "tables:",
        f"  - name: {flow(name)}",
        f"    source: {flow(source)}",
        *(f"    {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"


class _OneLine(yaml.SafeDumper):
    """A YAML dumper that writes line breaks in a text as escapes, so that the text stays on one line."""


def _written(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if "".join(value.splitlines()) != value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_OneLine.add_representer(str, _written)


def flow(value: Any) -> str:
    """Return a value as YAML on one line, valid inside a list or map in brackets."""
    shown = yaml.dump(
        [value], Dumper=_OneLine, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf
    )
    return str(shown).strip()[1:-1]


def _nodes(draft: Nodes) -> Iterator[str]:
    yield f"labels: {flow([draft.label, *draft.more_labels])}{_comment(draft.note)}"
    yield "key:"
    yield _listed(draft.key)
    yield from _properties(draft.properties)
    if draft.vector:
        yield from _embedding(draft.vector)
    if draft.related:
        yield "# These columns look like keys of other nodes; remove the # from those that are."
        yield "# relationships:"
        for end in draft.related:
            relationship = {"type": f"HAS_{names.type_of(end.label)}", "end": _end(end)}
            yield f"#   - {flow(relationship)}"


def _edges(draft: Edges) -> Iterator[str]:
    yield "relationship:"
    yield f"  type: {flow(draft.type)}{_comment(draft.note)}"
    yield f"  from: {flow(_end(draft.start))}{_comment(draft.start.note)}"
    yield f"  to: {flow(_end(draft.end))}{_comment(draft.end.note)}"
    if draft.key:
        yield "  key:"
        yield f"  {_listed(draft.key)}"
    else:
        yield "  # one relationship from a node to another; to keep several: key: [{column: NAME}]"
    yield from _properties(draft.properties)


def _properties(lines: tuple[Line, ...]) -> Iterator[str]:
    if any(line.type for line in lines):
        yield "properties:"
    for line in lines:
        # Indent the comment like the list; otherwise it would seem to belong to the part above.
        yield _listed(line) if line.type else f"  # left out: {flow(line.column)}{_comment(line.note)}"


def _embedding(vector: Vector) -> Iterator[str]:
    index: dict[str, Any] = {"name": vector.index}
    yield "embedding:"
    yield f"  {'vector' if vector.dimension else 'text'}: {flow(vector.column)}{_comment(vector.note)}"
    if vector.property != "embedding":
        yield f"  property: {flow(vector.property)}"
    yield f"  index: {flow({**index, 'dimension': vector.dimension} if vector.dimension else index)}"


def _listed(line: Line) -> str:
    return f"  - {flow(_entry(line))}{_comment(line.note)}"


def _end(end: End) -> dict[str, Any]:
    return {"label": end.label, "key": [_entry(end.key)]}


def _entry(line: Line) -> dict[str, Any]:
    entry: dict[str, Any] = {} if line.property == line.column else {"property": line.property}
    entry |= {"expression": line.expression} if line.expression else {"column": line.column}
    if line.type != "string":
        entry["type"] = line.type
    if line.blank_is_null:
        entry["empty"] = "null"
    if line.null_words:
        entry["null_words"] = list(line.null_words)
    return entry


def _comment(note: str) -> str:
    # A column's name may hold line breaks; a comment is one line.
    return f"  # {' '.join(note.split())}" if note else ""
