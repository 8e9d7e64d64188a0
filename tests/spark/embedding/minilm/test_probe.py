"""The probe's SQL in a real session, where a stand-in function answers as `ai_query` does."""

from __future__ import annotations

import pytest

from delta_neo4j.embedding.minilm import probe
from delta_neo4j.embedding.minilm.weights import ModelError

STRUCT = "struct<{}: array<double>, {}: string>"


@pytest.fixture
def ai_query(spark):
    """Register a stand-in that answers with the request's length, or with what a test wants."""

    def register(result="result", error="errorMessage", fault=None):
        def answer(endpoint, request, returnType=None, failOnError=True):  # noqa: N803  # the real names
            assert (endpoint, returnType, failOnError) == ("minilm-embedder", "ARRAY<DOUBLE>", False)
            return (None, fault) if fault else ([float(len(request["text"]))] * 384, "")

        spark.udf.register("ai_query", answer, STRUCT.format(result, error))

    yield register
    spark.sql("DROP TEMPORARY FUNCTION IF EXISTS ai_query")


@pytest.mark.named_arguments
@pytest.mark.parametrize("fields", [("result", "errorMessage"), ("response", "errorStatus")])
def test_the_statement_runs_and_its_text_arrives_whole(spark, ai_query, fields):
    """Quotes, backslashes and other scripts reach the function as they are; either name of the fields is read."""
    ai_query(*fields)
    text = 'pilot\'s \\ 燃油 "note"'
    assert probe.over_ai_query(spark, "minilm-embedder", text) == [float(len(text))] * 384


@pytest.mark.named_arguments
def test_a_fault_of_the_endpoint_is_told(spark, ai_query):
    """A fault that comes as a value ends the probe with its reason."""
    ai_query(fault="Endpoint is not supported for batch inference")
    with pytest.raises(ModelError, match="ai_query on minilm-embedder failed: Endpoint is not supported"):
        probe.over_ai_query(spark, "minilm-embedder", "oil")


def test_a_session_without_the_function_says_so(spark):
    """Where there is no ai_query, as on a session of one's own, that is said in one line."""
    with pytest.raises(probe.NotAvailableError, match="ai_query") as missing:
        probe.over_ai_query(spark, "minilm-embedder", "oil")
    assert "\n" not in str(missing.value)
    assert probe.active_session() is not None
