"""Long texts cut by MiniLM's own tokens: every token is in a chunk, neighbours share the overlap."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest

from delta_neo4j.embedding.chunks import Cutter
from delta_neo4j.embedding.tokens import tokenizer_text

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
    chunks, at = [], 0
    for chunk in Cutter(tokenizer_text(), tokens, overlap).cut(tokenizer, LONG):
        first = LONG.index(chunk, at)
        chunks.append((first, first + len(chunk)))
        at = first
        assert len(_spans(tokenizer, chunk)) <= tokens
    assert (chunks[0][0], chunks[-1][1]) == (spans[0][0], spans[-1][1])
    for (_, end), (start, _) in itertools.pairwise(chunks):
        shared = [span for span in spans if start <= span[0] and span[1] <= end]
        assert len(shared) == overlap
        assert all(span[1] <= end or span[0] >= start for span in spans)


def test_each_piece_says_of_how_many_it_is_one(tokenizer):
    """So that a lost one is missed; a text that fits is its own only chunk."""
    batch = pa.RecordBatch.from_pydict({"text_hash": ["a", "b"], "text": ["brief", LONG[:400]]})
    (found,) = Cutter(tokenizer_text(), 16, 4)([batch])
    rows = found.to_pylist()
    assert rows[0] == {"text_hash": "a", "count": 1, "index": 0, "chunk": "brief"}
    long = rows[1:]
    assert len(long) > 5
    assert [(row["text_hash"], row["count"], row["index"]) for row in long] == [
        ("b", len(long), number) for number in range(len(long))
    ]


def test_no_texts_give_no_pieces():
    """A task may have none."""
    empty = pa.RecordBatch.from_pydict({"text_hash": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    (found,) = Cutter(tokenizer_text(), 16, 4)([empty])
    assert (found.num_rows, found.schema.names) == (0, ["text_hash", "count", "index", "chunk"])
