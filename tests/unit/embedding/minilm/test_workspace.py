"""Whom a Databricks workspace is asked as, and an address that is none."""

from __future__ import annotations

import pytest

from delta_neo4j.embedding.minilm import endpoint
from delta_neo4j.embedding.minilm.weights import ModelError
from delta_neo4j.embedding.minilm.workspace import BusyError, Workspace


def test_no_answer_is_worth_another_run():
    """A workspace that cannot be reached is a fault that may pass."""
    with pytest.raises(BusyError, match=r"did not answer GET .*ConnectionError"):
        endpoint.find(Workspace("http://127.0.0.1:9", dict), "minilm-embedder")


@pytest.mark.parametrize("host", ["http://adb-1.azuredatabricks.net", "ftp://127.0.0.1", "https://", ""])
def test_an_address_that_shows_the_token_is_refused(host):
    """Without TLS a token goes nowhere but to the loopback."""
    with pytest.raises(ModelError, match="https://HOST"):
        Workspace(host, dict)


def test_a_host_without_scheme_is_https():
    """DATABRICKS_HOST is often given as the bare name."""
    assert Workspace("adb-1.azuredatabricks.net/", dict).host == "https://adb-1.azuredatabricks.net"
