"""The quick start's `Neo4jConnection` without a server."""

from __future__ import annotations

import pytest

from neo4j_connection import Neo4jConnection


@pytest.mark.parametrize("uri", ["bolt://127.0.0.1:abc", "host", "bolt://127.0.0.1:1?policy=x", "", None])
def test_an_address_that_is_none_is_said_in_the_same_words(uri):
    """What the driver would raise for it differs; a notebook waits for one error."""
    with pytest.raises(RuntimeError, match=r"Driver not initialized: .*looks like neo4j\+s://HOST"):
        Neo4jConnection(uri=uri, user="neo4j", pwd="x")
