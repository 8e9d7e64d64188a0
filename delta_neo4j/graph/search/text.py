"""Full-text search: the rows whose texts have the words of a query, ranked by Lucene."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError, SettingsError
from delta_neo4j.graph.cypher import search as statements
from delta_neo4j.graph.search.hits import Hit, hits_of

if TYPE_CHECKING:
    from delta_neo4j.graph.search.filters import Condition
    from delta_neo4j.graph.search.opened import OpenedGraph

TIES = 5  # hits that Lucene returns for each one wanted: of those with one score, the first keys are taken
MOST_WORDS = 1_000  # Lucene refuses a query of more than 1,024 clauses
_FAULT = re.compile(r"(?:ParseException|TokenMgrError): (?:Cannot parse.*?: )?(.*?)(?: Was expecting| \(in lexical|$)")


def matching(
    graph: OpenedGraph, query: str, limit: int, conditions: tuple[Condition, ...] = (), *, lucene: bool = False
) -> list[Hit]:
    """
    Return the `limit` rows whose texts fit the query best, best first; a score is the part of the best hit's score.

    With `lucene` the query is in Lucene's syntax; without it every word is searched for as it stands. Raises
    `SettingsError` if the table has no full-text index in the mapping or Lucene refuses the query, `PreflightError` if
    the graph has no such index.
    """
    table, index = graph.table, graph.fulltext_index["name"]
    named = tuple((each.name, each.operator) for each in conditions)
    values = {f"c{number}": each.value for number, each in enumerate(conditions)}
    # Conditions, and chunks of one row, drop an unknown number of hits: then Lucene returns all.
    limited = not conditions and graph.fulltext.label == table.labels[0]
    statement = statements.words(table, named, limited=limited)
    written = query if lucene else escaped(query)
    try:
        records = graph.run(statement, index=index, query=written, limit=limit, asked=TIES * limit, **values)
    except PreflightError as error:
        raise _refused(error) from error
    hits = hits_of(table, records)
    return [hit.scored(hit.score / hits[0].score if hits[0].score else 0.0) for hit in hits]


def escaped(query: str) -> str:
    """
    Return a Lucene query for the words of a text, in which no character has a meaning of its own.

    A word with signs in it, such as P/N 4411-7, becomes a phrase of its parts. Raises `SettingsError` for more than
    1,000 different words.
    """
    words = list(dict.fromkeys(query.split()))
    if len(words) > MOST_WORDS:
        raise SettingsError(f"the query has {len(words):,} words; a full-text search takes {MOST_WORDS:,}")
    return " ".join('"' + re.sub(r'([\\"])', r"\\\1", word) + '"' for word in words)


def _refused(error: PreflightError) -> PreflightError | SettingsError:
    told = str(error)
    if fault := _FAULT.search(told):
        return SettingsError(f"Lucene cannot read the query: {fault[1]}; search without --lucene, or correct it")
    if "TooManyClauses" in told:
        return SettingsError("the query has more than 1,024 words or parts, which Lucene refuses; shorten it")
    return error
