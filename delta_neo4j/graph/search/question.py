"""A search as people ask for it, and the checks that need no graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Mapping, Table

Mode = Literal["vector", "text", "hybrid"]
MODES: tuple[str, ...] = get_args(Mode)
MOST_HITS = 10_000  # rows of one search


@dataclass(frozen=True, kw_only=True)
class Question:
    """
    One search: a text, or the key of a row that the hits shall resemble (`similar_to`, a part for each key column).

    `where`: conditions `NAME OP VALUE`, all of which a hit fulfils. `threshold`: lowest score of a hit. `expand`:
    whether the hits have their neighbours. `lucene`: whether the text is in Lucene's syntax. `table`: the table to
    search, the first one that can be searched in this mode if empty.
    """

    text: str = ""
    similar_to: tuple[str, ...] = ()
    mode: str = "vector"
    where: tuple[str, ...] = ()
    limit: int = 10
    threshold: float | None = None
    expand: bool = False
    lucene: bool = False
    table: str = ""

    def __post_init__(self) -> None:
        """Raise `SettingsError` for a question that no graph can answer."""
        if self.mode not in MODES:
            raise SettingsError(f"there is no mode {self.mode!r}; use one of {', '.join(MODES)}")
        if not 1 <= self.limit <= MOST_HITS:
            raise SettingsError(f"the limit {self.limit:,} is not between 1 and {MOST_HITS:,}")
        if self.threshold is not None and not (math.isfinite(self.threshold) and 0 <= self.threshold <= 1):
            raise SettingsError(f"the threshold {self.threshold} is not between 0 and 1")
        if self.similar_to and (self.text or self.mode != "vector"):
            raise SettingsError("--similar-to takes the vector of a row: leave out the text, and use --mode vector")
        if not self.similar_to and not self.text.strip():
            raise SettingsError("the search text is empty; give a text, or the key of a row with --similar-to")
        if self.lucene and self.mode == "vector":
            raise SettingsError("--lucene is for words: use it with --mode text or hybrid")
        for given in (self.text, *self.similar_to, *self.where):
            if not given.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in given):
                raise SettingsError(f"{given[:60]!r} is not valid UTF-8 text")

    @property
    def unanswered(self) -> str:
        """The line for a question without a hit."""
        if self.threshold is not None:
            return f"no answer has a score of {self.threshold} or more"
        if self.where:
            return f"no answer: nothing that can be found fulfils {' and '.join(self.where)}"
        if self.mode == "text":
            return "no answer: no text has these words"
        return "no answer: the graph holds no vector yet; run delta-neo4j load"

    def table_in(self, mapping: Mapping) -> Table:
        """Return the table to search; raise `SettingsError` if the mapping has none for this mode."""
        if self.table:
            named = [table for table in mapping.tables if table.name == self.table and not table.edge]
            if not named:
                nodes = ", ".join(table.name for table in mapping.tables if not table.edge)
                raise SettingsError(f"mapping {mapping.name} has no table {self.table!r} of nodes; it has {nodes}")
            return named[0]
        fitting = [table for table in mapping.tables if self._fits(table)]
        if fitting:
            return fitting[0]
        lacking = "`fulltext`" if self.mode == "text" else "an embedding"
        if self.mode == "hybrid":
            lacking = "both an embedding and `fulltext`"
        raise SettingsError(f"mapping {mapping.name} has no table with {lacking} to search in mode {self.mode}")

    def _fits(self, table: Table) -> bool:
        has_vector, has_words = table.embedding is not None, table.fulltext is not None
        return {"vector": has_vector, "text": has_words, "hybrid": has_vector and has_words}[self.mode]
