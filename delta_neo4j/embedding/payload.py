"""The forms in which endpoints take texts, and a stream of texts cut into requests by rows and bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# In the order in which they are tried: a model with a column `text`, one with a single unnamed column,
# a foundation model (the OpenAI form).
FORMS = ("dataframe_records", "inputs", "input")
_BYTES_AROUND = len('{"text": }, ')  # of the widest form


def body(form: str, texts: list[str]) -> dict[str, Any]:
    """Give the JSON object that carries the texts."""
    return {form: [{"text": text} for text in texts] if form == "dataframe_records" else texts}


def cut(texts: Iterable[str], rows: int, size: int) -> Iterator[list[str]]:
    """
    Cut a stream into requests of at most `rows` texts and `size` bytes of JSON, in their order.

    JSON as it is sent escapes what is not ASCII: a Cyrillic letter is six bytes. One long text may exceed `size`.
    """
    held: list[str] = []
    weight = 0
    for text in texts:
        own = len(json.dumps(text)) + _BYTES_AROUND
        if held and (len(held) >= rows or weight + own > size):
            yield held
            held, weight = [], 0
        held.append(text)
        weight += own
    if held:
        yield held
