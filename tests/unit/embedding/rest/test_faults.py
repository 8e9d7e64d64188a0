"""What an answer's headers ask for."""

from __future__ import annotations

import pytest

from delta_neo4j.embedding.rest.faults import retry_after


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
