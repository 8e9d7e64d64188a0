"""The request forms of endpoints, and the size of a text in them."""

from __future__ import annotations

import json
from typing import Any

# In the order of the attempts: a model with a column `text`, one with a single unnamed column,
# a foundation model (the OpenAI form).
FORMS = ("dataframe_records", "inputs", "input")
_BYTES_AROUND = len('{"text": }, ')  # of the widest form


def body(form: str, texts: list[str]) -> dict[str, Any]:
    """Return the JSON object that holds the texts."""
    return {form: [{"text": text} for text in texts] if form == "dataframe_records" else texts}


def weight(text: str) -> int:
    """Return the size of a text in bytes of JSON: a character that is not ASCII is escaped and takes six."""
    return len(json.dumps(text)) + _BYTES_AROUND
