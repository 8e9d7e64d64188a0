"""The differences between two documents of one key, each as a row."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIFFERENCES = "kind STRING, key STRING, what STRING, expected STRING, found STRING, ends ARRAY<STRING>"
MISSING, EXTRA, DIFFERENT = "missing", "extra", "different"
VECTOR_MISSING, VECTOR_DIFFERENT = "vector_missing", "vector_different"
CHUNK_MISSING, CHUNK_EXTRA, CHUNK_DIFFERENT = "chunk_missing", "chunk_extra", "chunk_different"
EDGE_MISSING, EDGE_EXTRA, EDGE_DIFFERENT = "relationship_missing", "relationship_extra", "relationship_different"


@dataclass(frozen=True)
class FindDifferences:
    """
    Compares documents (the function of `mapInArrow`).

    Columns: key, expected, found, others, rel_hash, found_rel_hash, version, version_fits.
    `optional` has [type, direction, end label] of the relationships that are written only if their end node exists, and
    the number of columns of that node's key.
    """

    optional: tuple[tuple[str, str, str, int], ...] = ()

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield `DIFFERENCES` rows."""
        for batch in batches:
            found = [difference for row in batch.to_pylist() for difference in self.of(row)]
            columns = list(zip(*found, strict=True)) or [()] * 6
            types = [pa.string()] * 5 + [pa.list_(pa.string())]
            names = [column.split(" ")[0] for column in DIFFERENCES.split(", ")]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, names)

    def of(self, row: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the differences of one key: (kind, key, what, expected, found, end node of a missing relationship)."""
        expected, found, key = json.loads(row["expected"]), json.loads(row["found"]), row["key"]
        for label in sorted(set(expected["labels"]) - set(found["labels"])):
            yield DIFFERENT, key, f"label {label}", label, None, None
        for name in sorted(expected["properties"].keys() | found["properties"].keys()):
            values = expected["properties"].get(name), found["properties"].get(name)
            if values[0] != values[1]:
                yield DIFFERENT, key, name, *values, None
        if expected["vector"] != found["vector"]:
            kind = VECTOR_DIFFERENT if found["vector"] else VECTOR_MISSING
            yield kind, key, "vector", str(expected["vector"]), str(found["vector"]), None
        for name, values in self._hidden(row, expected, found).items():
            yield DIFFERENT, key, name, *values, None
        yield from self._edges(key, expected["edges"], found["edges"], json.loads(row["others"]))

    @staticmethod
    def _hidden(row: dict[str, Any], expected: Any, found: Any) -> dict[str, tuple[Any, Any]]:
        differences = {}
        if expected["hash"] != found["hash"]:
            differences["_dn_hash"] = (expected["hash"], found["hash"])
        # Without this hash the next load looks at the row's relationships again; it is no difference of content.
        if row["found_rel_hash"] not in {None, row["rel_hash"]}:
            differences["_dn_rel_hash"] = (row["rel_hash"], row["found_rel_hash"])
        if not row["version_fits"]:
            differences["_dn_version"] = (None, row["version"])
        return differences

    def _edges(self, key: str, expected: list[Any], found: list[Any], others: list[Any]) -> Iterator[tuple[Any, ...]]:
        wanted, held = Counter(map(json.dumps, expected)), Counter(map(json.dumps, found))
        missing = [json.loads(edge) for edge in (wanted - held).elements()]
        extra = [json.loads(edge) for edge in (held - wanted).elements()]
        for edge in missing:
            changed = next((other for other in extra if other[:4] == edge[:4]), None)
            if changed is not None:
                extra.remove(changed)
                yield EDGE_DIFFERENT, key, _shown(edge), _content(edge), _content(changed), None
            # A relationship without content is not written beside one that somebody else has made.
            elif edge[5] is not None or edge not in others:
                yield EDGE_MISSING, key, _shown(edge), _content(edge), None, self._end(edge)
        for edge in extra:
            yield EDGE_EXTRA, key, _shown(edge), None, _content(edge), None

    def _end(self, edge: list[Any]) -> list[str] | None:
        widths = {(kind, direction, label): width for kind, direction, label, width in self.optional}
        width = widths.get(tuple(edge[:3]))
        if width is None:
            return None
        end = json.dumps(json.loads(edge[3])[:width], ensure_ascii=False, separators=(",", ":"))
        return [edge[2], end]


def _shown(edge: list[Any]) -> str:
    kind, direction, label, key = edge[:4]
    return f"{direction[0] if direction == '<-' else ''}-[:{kind}]-{'>' if direction == '->' else ''}(:{label} {key})"


def _content(edge: list[Any]) -> str:
    return json.dumps(edge[4], ensure_ascii=False)
