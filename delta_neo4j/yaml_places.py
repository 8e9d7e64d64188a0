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

    def fault(self, path: Sequence[int | str], message: str, *, at_key: bool = False) -> Fault:
        """Place a message at the deepest node of `path` that the file has; `at_key` at the key before the value."""
        place = self.root
        node = self.root
        for part in path:
            key, node = _below(node, part)
            if node is None:
                break
            place = key if at_key and key else node
        mark = place.start_mark if place is not None else None
        return Fault(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, dotted(path), message)


def read(text: str) -> Document:
    """Read YAML; raises `yaml.YAMLError` with its place, `ValueError` for a date or number that is none."""
    return Document(yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader))


def broken(text: str, error: Exception) -> Fault:
    """Say what kept `read` from reading `text`, and where, as far as that is known."""
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = getattr(error, "problem", None) or error
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position].split("\n")
        line, column = len(before), len(before[-1]) + 1
        problem = f"the character U+{ord(text[error.position]):04X} cannot stand here"
    if isinstance(error, RecursionError):
        problem = "its lists and maps are nested too deeply"
    return Fault(line, column, "the file", f"is not YAML: {' '.join(str(problem).split())}")


def repeated_keys(document: Document) -> Iterator[Fault]:
    """Yield every key that stands twice in one map: YAML would take the last one without a word."""
    yield from _repeated(document.root, [], set())


def dotted(path: Sequence[int | str]) -> str:
    """Write a path as people do: tables[0].key[1].type."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


def _below(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    return None, None


def _repeated(node: yaml.Node | None, path: list[int | str], met: set[int]) -> Iterator[Fault]:
    # An alias leads to a node that was met already, perhaps to the one that it stands in.
    if id(node) in met:
        return
    met.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from _repeated(each, [*path, number], met)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                mark = key.start_mark
                yield Fault(mark.line + 1, mark.column + 1, dotted([*path, name]), "stands twice in one map")
            seen.add(name)
            yield from _repeated(value, [*path, name], met)
