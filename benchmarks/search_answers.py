"""Queries whose right answers follow from the data, and the share that each mode answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from benchmarks.search_corpora import embedded
from delta_neo4j.graph.search.question import MODES, Question
from delta_neo4j.runs.search import answer

if TYPE_CHECKING:
    from benchmarks.search_corpora import Corpus
    from delta_neo4j.graph.search.opened import OpenedGraph

PARAPHRASES = Path(__file__).with_name("paraphrases.yml")
A_KIND = 50  # queries of each kind, fewer if the data has no more
MOST_RIGHT = 3  # rows that have a quoted phrase
# Part, serial and registration numbers as the narratives write them: PN41834-06, N7930C, 248744006.
_NUMBER = re.compile(
    r"\b(?!\d+(?:FT|KTS?|LBS|MPH|HRS?|YRS)\b)(?!\d+-\d+-\d+\b)(?=[A-Z-]*\d[A-Z-]*\d)[A-Z0-9][A-Z0-9-]{4,}\b(?![/'])"
)


@dataclass(frozen=True)
class Known:
    """A query of a kind, and the keys of the rows that are right."""

    kind: str
    text: str
    right: frozenset[Any]


def known(corpus: Corpus) -> list[Known]:
    """Return the queries of a corpus: part numbers, quoted phrases, paraphrases."""
    random = np.random.default_rng(11)
    order = [corpus.texts[place] for place in random.permutation(len(corpus.texts))]
    numbers = corpus.parts or list(dict.fromkeys(one for text in order for one in _NUMBER.findall(text)))
    numbers = [numbers[place] for place in random.permutation(len(numbers))]
    queries = [_known(corpus, "part_number", one, (one,), 1) for one in numbers[: 4 * A_KIND]]
    phrases = (phrase(text) for text in order[: 4 * A_KIND])
    queries += [_known(corpus, "quoted_phrase", one, (one,), MOST_RIGHT) for one in phrases if one]
    for each in yaml.safe_load(PARAPHRASES.read_text(encoding="utf-8"))[corpus.name]:
        queries.append(_known(corpus, "paraphrase", each["query"], tuple(each["parts"]), len(corpus.rows)))
    found: dict[str, list[Known]] = {}
    for each in queries:
        if each:
            found.setdefault(each.kind, []).append(each)
    return [each for kind in found.values() for each in kind[:A_KIND]]


def _known(corpus: Corpus, kind: str, text: str, parts: tuple[str, ...], most: int) -> Known | None:
    """Return the query whose right rows have all `parts` in their texts; None if no row or more than `most` have."""
    rows = zip(corpus.rows, corpus.texts, strict=True)
    right = frozenset(row[corpus.key] for row, words in rows if all(part in words for part in parts))
    return Known(kind, text, right) if 1 <= len(right) <= most else None


def phrase(text: str) -> str:
    """Return the later half of a text's words, without the last one, as a phrase; empty for a short text."""
    words = text.split()
    later = " ".join(words[len(words) // 2 : -1]).strip(".,;()'\"")
    return later if len(words) >= 10 and not {'"', "\\"} & set(later) else ""


def answered(graph: OpenedGraph, corpus: Corpus, queries: list[Known]) -> dict[str, float]:
    """Return, by `<kind>_<mode>`, the share of queries with a right row among the first ten, and `<kind>_queries`."""
    texts = list(dict.fromkeys(each for query in queries for each in (query.text, f'"{query.text}"')))
    vectors = dict(zip(texts, embedded(texts), strict=True))
    found: dict[str, list[bool]] = {}
    for query in queries:
        for mode in MODES:
            # The vector of a quoted text is that of the text with quotes; only Lucene gives quotes a meaning.
            quoted = query.kind == "quoted_phrase" and mode != "vector"
            text = f'"{query.text}"' if quoted else query.text
            hits = answer(graph, corpus.mapping, Question(text=text, mode=mode, lucene=quoted), vectors)
            found.setdefault(f"{query.kind}_{mode}", []).append(any(hit.key[0] in query.right for hit in hits))
    shares = {name: round(sum(right) / len(right), 3) for name, right in found.items()}
    return shares | {name.replace("_vector", "_queries"): len(found[name]) for name in found if "_vector" in name}
