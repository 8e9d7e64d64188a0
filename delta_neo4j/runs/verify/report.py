"""The report of `verify`: the counts of each table, and examples of differences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from delta_neo4j.graph.passes import differences as kinds
from delta_neo4j.runs.verify import compare

LISTED = 10_000  # differences of a table that a report lists
_SHOWN = 20
APART = (compare.DEAD_LETTERS, compare.FRAMES, compare.UNKNOWN, compare.NOT_OURS)


@dataclass
class TableCheck:
    """The comparison of one table: number of keys by outcome, number of differences by kind, some of them."""

    name: str
    source_version: int | None
    load_id: str | None
    mapping_digest: str
    checked: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    ambiguous: int = 0  # keys on several rows, which are equal if one of them fits
    pending: int = 0  # rows of newer versions
    differences: dict[str, int] = field(default_factory=dict)
    listed: list[dict[str, Any]] = field(default_factory=list)  # at most `LISTED` differences
    digests: list[str] = field(default_factory=list)
    moved: bool = False  # whether a load wrote during both comparisons

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not any(self.differences.values())

    def as_dict(self, most: int = LISTED) -> dict[str, Any]:
        """Return the comparison as values for JSON, with at most so many of the differences."""
        found = self.differences
        return {
            "name": self.name,
            "source_version": self.source_version,
            "load_id": self.load_id,
            "checked": self.checked,
            "pending": self.pending,
            "moved": self.moved,
            "missing": found.get(kinds.MISSING, 0),
            "extra": found.get(kinds.EXTRA, 0),
            "different": found.get(kinds.DIFFERENT, 0),
            "vectors": {
                "missing": found.get(kinds.VECTOR_MISSING, 0),
                "different": found.get(kinds.VECTOR_DIFFERENT, 0),
            },
            "chunks": {
                "missing": found.get(kinds.CHUNK_MISSING, 0),
                "extra": found.get(kinds.CHUNK_EXTRA, 0),
                "different": found.get(kinds.CHUNK_DIFFERENT, 0),
            },
            "relationships": {
                "missing": found.get(kinds.EDGE_MISSING, 0),
                "extra": found.get(kinds.EDGE_EXTRA, 0),
                "different": found.get(kinds.EDGE_DIFFERENT, 0),
            },
            "apart": {**{name: self.keys.get(name, 0) for name in APART}, "ambiguous": self.ambiguous},
            "differences": self.listed[:most],
        }


@dataclass
class VerifyReport:
    """The comparison of all tables of a mapping."""

    tables: list[TableCheck] = field(default_factory=list)
    with_vectors: bool = False
    repaired: int | None = None  # keys that were written again or deleted
    before: list[TableCheck] = field(default_factory=list)  # what a repair found

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs in any table."""
        return all(table.is_equal for table in self.tables)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as values for JSON (docs/verify.md)."""
        return {
            "equal": self.is_equal,
            "vectors_compared": self.with_vectors,
            "tables": [table.as_dict() for table in self.tables],
            "repaired": self.repaired,
            "found": [table.as_dict() for table in self.before],
        }

    def lines(self) -> list[str]:
        """Return the report as lines of text; the verdict is the last line."""
        found = [f"found: {line}" for table in self.before if not table.is_equal for line in _table_lines(table)]
        found += [line for table in self.tables for line in _table_lines(table)]
        total = sum(sum(table.differences.values()) for table in self.tables)
        checked = sum(table.checked for table in self.tables)
        verdict = f"equal: {checked:,} keys" if self.is_equal else f"different: {total:,} differences"
        return [*found, verdict if self.repaired is None else f"{verdict}, {self.repaired:,} keys repaired"]


def _table_lines(table: TableCheck) -> list[str]:
    counts = [f"{count:,} {kind.replace('_', ' ')}" for kind, count in sorted(table.differences.items()) if count]
    apart = [f"{table.keys[name]:,} {name.replace('_', ' ')}" for name in APART if table.keys.get(name)]
    apart += [f"{table.ambiguous:,} keys on several rows"] if table.ambiguous else []
    apart += [f"{table.pending:,} rows pending"] if table.pending else []
    version = "" if table.source_version is None else f", version {table.source_version}"
    head = f"{table.name}{version}: {table.checked:,} keys, {', '.join(counts) or 'equal'}"
    lines = [head + (f"; apart: {', '.join(apart)}" if apart else "")]
    lines += ["  a load wrote meanwhile: compare again when it has ended"] if table.moved and not table.is_equal else []
    lines += [f"  {each['kind'].replace('_', ' ')} {each['key']}{_what(each)}" for each in table.listed[:_SHOWN]]
    more = sum(table.differences.values()) - _SHOWN
    return [*lines, f"  … and {more:,} more (--json lists them)"] if more > 0 else lines


def _what(each: dict[str, Any]) -> str:
    if each["what"] is None:
        return ""
    if each["kind"] not in {kinds.DIFFERENT, kinds.CHUNK_DIFFERENT, kinds.EDGE_DIFFERENT}:
        return f" {each['what']}"
    expected, found = ("nothing" if each[side] is None else each[side] for side in ("expected", "found"))
    return f" {each['what']}: {expected} in the table, {found} in the graph"
