"""Long texts cut by MiniLM's own tokens: every token is in a piece, neighbours share the overlap."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest

from delta_neo4j.embedding.tokens import tokenizer_text
from delta_neo4j.pieces import Cutter

pytestmark = pytest.mark.needs_model
LONG = " ".join(f"Word{number} means résumé-like things, §{number}.\n" for number in range(400))


@pytest.fixture(scope="module")
def tokenizer():
    """MiniLM's."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer_text())


def _spans(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).offsets


@pytest.mark.parametrize(("tokens", "overlap"), [(16, 4), (16, 0), (256, 32), (7, 3)])
def test_pieces_hold_every_token_and_share_the_overlap(tokenizer, tokens, overlap):
    """Each is an exact part of the text, none longer than the model reads."""
    spans = _spans(tokenizer, LONG)
    assert len(spans) > 3_000  # beyond what the tokenizer itself would cut at
    pieces, at = [], 0
    for piece in Cutter(tokenizer_text(), tokens, overlap).cut(tokenizer, LONG):
        first = LONG.index(piece, at)
        pieces.append((first, first + len(piece)))
        at = first
        assert len(_spans(tokenizer, piece)) <= tokens
    assert (pieces[0][0], pieces[-1][1]) == (spans[0][0], spans[-1][1])
    for (_, end), (start, _) in itertools.pairwise(pieces):
        shared = [span for span in spans if start <= span[0] and span[1] <= end]
        assert len(shared) == overlap
        assert all(span[1] <= end or span[0] >= start for span in spans)


def test_each_piece_says_of_how_many_it_is_one(tokenizer):
    """So that a lost one is missed; a text that fits is its own only piece."""
    batch = pa.RecordBatch.from_pydict({"text_hash": ["a", "b"], "text": ["brief", LONG[:400]]})
    (found,) = Cutter(tokenizer_text(), 16, 4)([batch])
    rows = found.to_pylist()
    assert rows[0] == {"text_hash": "a", "count": 1, "index": 0, "piece": "brief"}
    long = rows[1:]
    assert len(long) > 5
    assert [(row["text_hash"], row["count"], row["index"]) for row in long] == [
        ("b", len(long), number) for number in range(len(long))
    ]


def test_no_texts_give_no_pieces():
    """A task may have none."""
    empty = pa.RecordBatch.from_pydict({"text_hash": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    (found,) = Cutter(tokenizer_text(), 16, 4)([empty])
    assert (found.num_rows, found.schema.names) == (0, ["text_hash", "count", "index", "piece"])
