"""What a request weighs as it is sent."""

from __future__ import annotations

import json

from delta_neo4j.embedding.base import requests_of
from delta_neo4j.embedding.rest import payload


def test_requests_are_cut_by_the_bytes_they_are_sent_as():
    """A letter that JSON escapes weighs six bytes; nothing is lost, one long text travels alone."""
    texts = ["я" * 10, "a" * 10, "a" * 10, "a" * 10, "я" * 100, "a"]
    cut = list(requests_of(texts, 3, 110, payload.weight))
    assert cut == [texts[:2], texts[2:4], texts[4:5], texts[5:]]
    assert all(len(json.dumps(payload.body("dataframe_records", part))) < 150 for part in cut if part != texts[4:5])
    assert list(requests_of(map(str, range(7)), 3, 10_000, payload.weight)) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
