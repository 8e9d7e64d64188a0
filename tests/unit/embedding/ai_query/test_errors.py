"""What an `ai_query` error asks for, by the platform's conditions and by the status its text carries."""

from __future__ import annotations

import pytest

from delta_neo4j.embedding.ai_query.embedder import AiQueryEmbedder
from delta_neo4j.embedding.ai_query.errors import Nature, nature, raised
from delta_neo4j.embedding.base import Calls
from delta_neo4j.errors import EndpointUnavailableError, NotOfferedError, SettingsError


@pytest.mark.parametrize(
    "fault",
    [
        "429 Too Many Requests",
        "[AI_FUNCTION_HTTP_REQUEST_ERROR] connection reset",
        "[REMOTE_FUNCTION_HTTP_RETRY_TIMEOUT] after retrying 10 times",
        "HTTP status code: 503",
        'HTTP 500 {"message": "out of memory"}',
        "REQUEST_LIMIT_EXCEEDED: slow down",
    ],
)
def test_what_may_pass_is_asked_again(fault):
    """Busy and broken endpoints cost time, not a row."""
    assert nature(fault, "e") is Nature.MAY_PASS


@pytest.mark.parametrize(
    "fault",
    [
        "HTTP 400 BAD_REQUEST",
        "Failed to parse input: REPLACED VALVE 404 ON ENGINE 2",
        "the text's length is 503 characters, the maximum is 500",
        "PART 403-429 does not exist in the vocabulary",
    ],
)
def test_numbers_of_the_text_are_the_texts_own(fault):
    """A status counts only where a status stands."""
    assert nature(fault, "e") is Nature.OF_THE_TEXT


@pytest.mark.parametrize(
    "fault",
    ["404 Not Found", "RESOURCE_DOES_NOT_EXIST: Endpoint with name", "HTTP 403", "PERMISSION_DENIED: CAN QUERY"],
)
def test_what_every_row_would_have_stops_the_run(fault):
    """No endpoint, no grant: one line with the endpoint's name."""
    with pytest.raises(SettingsError, match="my-endpoint"):
        nature(fault, "my-endpoint")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("[AI_FUNCTION_SESSION_PERMISSION_DENIED] not supported for batch inference", NotOfferedError),
        ("[UNRESOLVED_ROUTINE] Cannot resolve function `ai_query`", NotOfferedError),
        ("[AI_FUNCTION_HTTP_PARSE_CAST_ERROR] Failed to parse", SettingsError),
        ("[AI_FUNCTION_UNSUPPORTED_RETURN_TYPE] StringType", SettingsError),
        ("[AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR] more than one column", SettingsError),
        ("[AI_FUNCTION_INVALID_MODEL_PARAMETERS] temperature", SettingsError),
        ("[AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR] any", SettingsError),
        ("[AI_FUNCTION_COMPILATION_ERROR] ai_query", SettingsError),
        ("[REMOTE_FUNCTION_HTTP_RESULT_PARSE_ERROR] predictions", SettingsError),
        ("[REMOTE_FUNCTION_HTTP_FAILED_ERROR] HTTP 404 RESOURCE_DOES_NOT_EXIST", SettingsError),
        ("something nobody has seen", NotOfferedError),
    ],
)
def test_a_failed_query_falls_back_or_stops(message, kind):
    """Before anything worked, what is unknown means that another strategy may."""
    with pytest.raises(kind):
        raised(RuntimeError(message), "e", worked=False)


def test_an_unknown_failure_after_a_success_is_one_to_run_again_after():
    """The strategy works, so what failed is the service."""
    with pytest.raises(EndpointUnavailableError, match="run again"):
        raised(RuntimeError("something nobody has seen"), "e", worked=True)


def test_a_failed_query_that_may_pass_gives_its_reason():
    """Transport errors and 5xx of the whole query are waited out."""
    assert "503" in raised(RuntimeError("[REMOTE_FUNCTION_HTTP_FAILED_ERROR] HTTP 503"), "e", worked=False)
    assert raised(RuntimeError("[AI_FUNCTION_INVALID_HTTP_RESPONSE] x"), "e", worked=False)


def test_without_spark_it_is_not_offered():
    """`ai_query` is SQL: the error names the strategy that needs no Spark."""
    with pytest.raises(NotOfferedError, match="EMBEDDER=rest"):
        AiQueryEmbedder("e", "struct").embed_texts(["a"], Calls())
