"""The part of a text that the model reads, with and without its tokenizer."""

from __future__ import annotations

import pytest

from delta_neo4j.embedding import tokens
from delta_neo4j.embedding.minilm.weights import DIMENSION, MAX_TOKENS


@pytest.mark.parametrize("text", ["", "  ", "a short text ", "word" * 1_000])
def test_without_a_tokenizer_a_text_of_few_words_stays_whole(monkeypatch, text):
    """A word without spaces may be one token, so it is not cut."""
    monkeypatch.setattr(tokens, "token_counter", lambda _: None)
    assert tokens.beginning_of(text, DIMENSION) == text


def test_without_a_tokenizer_as_many_words_stay_as_the_model_reads_tokens(monkeypatch):
    """Each word makes at least one token."""
    monkeypatch.setattr(tokens, "token_counter", lambda _: None)
    words = [f"word{number}" for number in range(MAX_TOKENS + 1)]
    assert tokens.beginning_of(" ".join(words), DIMENSION) == " ".join(words[:-1])


def test_the_text_of_another_model_stays_whole():
    """How much it reads is not known."""
    assert tokens.beginning_of("word " * 10_000, DIMENSION + 1) == "word " * 10_000
