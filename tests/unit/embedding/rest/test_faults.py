"""What an answer's headers ask for, and what of its words may be shown."""

from __future__ import annotations

from base64 import b64encode

import pytest
import requests

from delta_neo4j.embedding.rest.faults import retry_after, words


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3), ("0.5", 0.5), ("-1", 0), ("", None), ("soon", None), ("nan", None), ("inf", None),
        ("Wed, 21 Oct 2026 07:28:07 GMT", 7), ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
        ("Wednesday, 21-Oct-26 07:28:07 GMT", 7), ("Wed Oct 21 07:28:07 2026", 7),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_moment_of_the_servers_clock(header, seconds):
    """Every form of date that HTTP knows, held against the answer's own."""
    assert retry_after({"Retry-After": header, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}) == seconds


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Bearer dapi123", "no such token: dapi123"),
        (f"Basic {b64encode(b'client:dapi123').decode()}", "client, dapi123"),
        (f"Basic {b64encode(b'client:dapi123').decode()}", f"{b64encode(b'client:dapi123').decode()} is unknown"),
        ("Bearer dapi123", "x" * 296 + "dapi123"),  # cut where the answer is cut
    ],
)
def test_a_credential_that_the_server_repeats_is_shown_as_stars(header, text):
    """Tokens and client secrets, as they are and as they were sent."""
    answer = requests.Response()
    answer._content = text.encode()
    answer.request = requests.Request("POST", "http://127.0.0.1/", headers={"Authorization": header}).prepare()
    shown = words(answer)
    assert "***" in shown
    assert "dapi" not in shown
    assert b64encode(b"client:dapi123").decode() not in shown
