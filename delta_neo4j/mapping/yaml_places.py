"""Read YAML and keep the line and column of each value, so that a fault is reported at its place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Fault:
    """A fault of a mapping file; line and column count from 1, `path` looks like tables[0].key."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Return the fault as one line in the form of compilers, without the name of the file."""
        return f"{self.line}:{self.column}: {self.path}: {self.message}"


@dataclass(frozen=True)
class Document:
    """A YAML document: its values, and its nodes with line and column."""

    values: Any
    root: yaml.Node | None

    def fault(self, path: Sequence[int | str], message: str, *, at_key: bool = False) -> Fault:
        """Return a fault at the deepest node of `path` that exists: at its value, or with `at_key` at its key."""
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
    """Return the document; raise `yaml.YAMLError` for broken YAML, `ValueError` for an impossible date or number."""
    return Document(yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader))


def broken(text: str, error: Exception) -> Fault:
    """Return the fault for an error that `read` raised for `text`; its place is 1:1 if the error has none."""
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
    """Yield a fault for every key that stands twice in one map; YAML itself silently keeps the last one."""
    yield from _repeated(document.root, [], set())


def dotted(path: Sequence[int | str]) -> str:
    """Return a path as text: tables[0].key[1].type."""
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


def _repeated(node: yaml.Node | None, path: list[int | str], visited: set[int]) -> Iterator[Fault]:
    # An alias leads to a node that was already visited, perhaps to a node that contains the alias.
    if id(node) in visited:
        return
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from _repeated(each, [*path, number], visited)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                mark = key.start_mark
                yield Fault(mark.line + 1, mark.column + 1, dotted([*path, name]), "stands twice in one map")
            seen.add(name)
            yield from _repeated(value, [*path, name], visited)
