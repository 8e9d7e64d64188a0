"""A draft as the text of a mapping file: names quoted as YAML wants them, guesses explained in comments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from delta_neo4j.drafting import names
from delta_neo4j.drafting.decide import Edges, Nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.drafting.decide import End, Line, Vector

SCHEMA_LINE = "# yaml-language-server: $schema=mapping.schema.json"


def text(name: str, source: str, rows: int, draft: Nodes | Edges) -> str:
    """Give the file for a table that is called `name` in it."""
    body = _edges(draft) if isinstance(draft, Edges) else _nodes(draft)
    lines = [
        SCHEMA_LINE,
        f"# A draft from the table's columns and {rows:,} rows; look it over, then: delta-neo4j mapping check FILE",
        "tables:",
        f"  - name: {flow(name)}",
        f"    source: {flow(source)}",
        *(f"    {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"


class _OneLine(yaml.SafeDumper):
    """Writes a text that holds line breaks with escapes, where YAML would break the line."""


def _written(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if "".join(value.splitlines()) != value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_OneLine.add_representer(str, _written)


def flow(value: Any) -> str:
    """Write a value on one line, so that it may stand in a list or map in brackets."""
    shown = yaml.dump(
        [value], Dumper=_OneLine, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf
    )
    return str(shown).strip()[1:-1]


def _nodes(draft: Nodes) -> Iterator[str]:
    yield f"labels: [{flow(draft.label)}]"
    yield "key:"
    yield _listed(draft.key)
    yield from _properties(draft.properties)
    if draft.vector:
        yield from _embedding(draft.vector)
    if draft.related:
        yield "# These columns look like keys of other nodes; take the # away from those that are."
        yield "# relationships:"
        for end in draft.related:
            told = {"type": f"HAS_{names.type_of(end.label)}", "end": _end(end)}
            yield f"#   - {flow(told)}"


def _edges(draft: Edges) -> Iterator[str]:
    yield "relationship:"
    yield f"  type: {flow(draft.type)}{_comment(draft.note)}"
    yield f"  from: {flow(_end(draft.start))}"
    yield f"  to: {flow(_end(draft.end))}"
    yield from _properties(draft.properties)


def _properties(lines: tuple[Line, ...]) -> Iterator[str]:
    if any(line.type for line in lines):
        yield "properties:"
    for line in lines:
        # What stands before the list's first line would belong to what is above it.
        yield _listed(line) if line.type else f"  # left out: {flow(line.column)}{_comment(line.note)}"


def _embedding(vector: Vector) -> Iterator[str]:
    index: dict[str, Any] = {"name": vector.index}
    yield "embedding:"
    yield f"  {'vector' if vector.dimension else 'text'}: {flow(vector.column)}{_comment(vector.note)}"
    if vector.property != "embedding":
        yield f"  property: {flow(vector.property)}"
    yield f"  index: {flow({**index, 'dimension': vector.dimension} if vector.dimension else index)}"


def _listed(line: Line) -> str:
    return f"  - {flow(_told(line))}{_comment(line.note)}"


def _end(end: End) -> dict[str, Any]:
    return {"label": end.label, "key": [_told(end.key)]}


def _told(line: Line) -> dict[str, Any]:
    told: dict[str, Any] = {} if line.property == line.column else {"property": line.property}
    told["column"] = line.column
    if line.type != "string":
        told["type"] = line.type
    return told


def _comment(note: str) -> str:
    # A column's name may hold anything, a comment one line.
    return f"  # {' '.join(note.split())}" if note else ""
