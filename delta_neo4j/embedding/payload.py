"""The forms in which endpoints take texts, and what a text weighs in them."""

from __future__ import annotations

import json
from typing import Any

# In the order in which they are tried: a model with a column `text`, one with a single unnamed column,
# a foundation model (the OpenAI form).
FORMS = ("dataframe_records", "inputs", "input")
_BYTES_AROUND = len('{"text": }, ')  # of the widest form


def body(form: str, texts: list[str]) -> dict[str, Any]:
    """Give the JSON object that carries the texts."""
    return {form: [{"text": text} for text in texts] if form == "dataframe_records" else texts}


def weight(text: str) -> int:
    """Give the bytes of JSON that a text is sent as: what is not ASCII is escaped, a Cyrillic letter is six."""
    return len(json.dumps(text)) + _BYTES_AROUND
