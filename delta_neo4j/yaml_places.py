"""YAML with places: where in the file a value stands, so that a fault can be shown at its line and column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: line and column count from one."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Give it as compilers do, without the file's name."""
        return f"{self.line}:{self.column}: {self.path}: {self.message}"


@dataclass(frozen=True)
class Document:
    """A YAML document: its values, and its nodes with their marks."""

    values: Any
    root: yaml.Node | None

    def fault(self, path: Sequence[int | str], message: str) -> Fault:
        """Place a message at the deepest node of `path` that the file has."""
        node = self.root
        for part in path:
            below = _below(node, part)
            if below is None:
                break
            node = below
        mark = node.start_mark if node is not None else None
        return Fault(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, dotted(path), message)


def read(text: str) -> Document:
    """Read YAML; raises `yaml.YAMLError` with its place."""
    return Document(yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader))


def repeated_keys(document: Document) -> Iterator[Fault]:
    """Yield every key that stands twice in one map: YAML would take the last one without a word."""
    yield from _repeated(document.root, [])


def dotted(path: Sequence[int | str]) -> str:
    """Write a path as people do: tables[0].key[1].type."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


def _below(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                below: yaml.Node = value
                return below
    return None


def _repeated(node: yaml.Node | None, path: list[int | str]) -> Iterator[Fault]:
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from _repeated(each, [*path, number])
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                mark = key.start_mark
                yield Fault(mark.line + 1, mark.column + 1, dotted([*path, name]), "stands twice in one map")
            seen.add(name)
            yield from _repeated(value, [*path, name])
