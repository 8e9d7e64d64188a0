"""`ai_query` through Spark: the exact expression of production against a stand-in of the platform's function."""

from __future__ import annotations

import numpy as np
import pytest

from delta_neo4j.embedding import choose
from delta_neo4j.embedding.ai_query.embedder import AiQueryEmbedder
from delta_neo4j.embedding.base import PROBES, Calls, probe
from delta_neo4j.errors import EndpointUnavailableError, NotOfferedError, SettingsError
from delta_neo4j.runs.run import travel_by_value
from delta_neo4j.settings.values import EmbeddingSettings
from tests.support import ai_query as stand_in
from tests.support.endpoint import DIMENSION, vector_of

pytestmark = pytest.mark.usefixtures("travels")


@pytest.fixture
def travels(spark):
    """The function is gone after each test."""
    travel_by_value()
    yield
    stand_in.forget(spark)


@pytest.fixture
def log(tmp_path):
    """The file in which the stand-in writes the texts that it received."""
    return tmp_path / "asked"


def _embed(spark, texts, *, form="struct", wait=5.0):
    calls = Calls()
    return {a.text: a for a in AiQueryEmbedder("minilm-embedder", form, wait).embed(spark, texts, calls)}, calls


@pytest.mark.named_arguments
@pytest.mark.parametrize("names", [("result", "errorMessage"), ("response", "errorStatus")])
def test_every_text_is_asked_once_and_gets_its_vector(spark, log, names):
    """Both editions' field names are read, one query asks for all, no text twice."""
    stand_in.register(spark, log, names=names)
    texts = [f"text {n} 'quoted' \\ ü" for n in range(40)]
    answers, calls = _embed(spark, texts)
    assert sorted(stand_in.asked(log)) == sorted(texts)
    assert all(np.allclose(answers[text].vector, vector_of(text), atol=1e-6) for text in texts)
    assert (calls.calls, calls.retries) == (1, 0)


@pytest.mark.named_arguments
def test_a_foundation_model_is_asked_with_the_plain_text(spark, log):
    """The request is the string itself."""
    stand_in.register(spark, log, form="string")
    answers, _ = _embed(spark, ["a"], form="string")
    assert answers["a"].fault is None


@pytest.mark.named_arguments
def test_a_poison_text_is_one_fault(spark, log):
    """What the endpoint refuses of one row costs that row alone, with its reason."""
    stand_in.register(spark, log, script={"poison": ["400 BAD_REQUEST: cannot encode"] * 9})
    answers, _ = _embed(spark, ["fine", "poison", "too"])
    assert "cannot encode" in answers["poison"].fault
    assert {text for text, answer in answers.items() if answer.fault is None} == {"fine", "too"}


@pytest.mark.named_arguments
def test_a_busy_endpoint_is_asked_again_for_the_rest_only(spark, log, monkeypatch):
    """A row with a 429 is queried again; rows that were answered are not."""
    monkeypatch.setattr("delta_neo4j.embedding.ai_query.embedder.time.sleep", lambda _: None)
    stand_in.register(spark, log, script={"late": ["429 Too Many Requests", "[AI_FUNCTION_HTTP_REQUEST_ERROR] reset"]})
    answers, calls = _embed(spark, ["soon", "late"])
    assert not [a for a in answers.values() if a.fault]
    assert stand_in.asked(log).count("soon") == 1
    assert calls.retries == 2


@pytest.mark.named_arguments
def test_an_endpoint_that_stays_busy_stops_the_run_and_loses_nothing(spark, log):
    """When patience ends the error is one to run again after, and what was answered was given first."""
    busy = ["503 TEMPORARILY_UNAVAILABLE"] * 99
    stand_in.register(spark, log, script={"never": busy, PROBES[0]: busy})
    answered = []
    embedder = AiQueryEmbedder("minilm-embedder", "struct", 0.0)
    with pytest.raises(EndpointUnavailableError, match="503"):
        answered.extend(answer.text for answer in embedder.embed(spark, ["never", "fine"], Calls()))
    assert answered == ["fine"]


@pytest.mark.named_arguments
@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("500 INTERNAL_ERROR: CUDA error", "fails at this text alone: 500 INTERNAL_ERROR"),
        ("HTTP 403 blocked by policy", "HTTP 403 blocked"),
        ("cannot tokenize 'page shows HTTP 404'", "cannot tokenize"),
    ],
)
def test_one_row_that_always_fails_is_a_fault_of_its_own(spark, log, message, said):
    """Rows beside it, or a probe, are answered, so it is not the endpoint."""
    stand_in.register(spark, log, script={"poison": [message] * 99})
    answers, _ = _embed(spark, ["fine", "poison", "too"], wait=0.0)
    assert said in answers["poison"].fault
    assert {text for text, answer in answers.items() if answer.fault is None} == {"fine", "too"}


@pytest.mark.named_arguments
@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("[REMOTE_FUNCTION_HTTP_FAILED_ERROR] 404 RESOURCE_DOES_NOT_EXIST", SettingsError),
        ("403 PERMISSION_DENIED: no CAN QUERY", SettingsError),
    ],
)
def test_a_fault_of_every_row_stops_the_run(spark, log, message, error):
    """An absent endpoint and a missing grant are not the texts' fault."""
    stand_in.register(spark, log, script={"a": [message] * 9})
    with pytest.raises(error, match="minilm-embedder"):
        _embed(spark, ["a"])


@pytest.mark.named_arguments
def test_auto_takes_ai_query_where_it_answers(spark, log):
    """The probe uses the expression of a load; the reason names the strategy."""
    stand_in.register(spark, log)
    settings = EmbeddingSettings(runtime="17.3")
    embedder, reason = choose.first_usable(settings, 1, spark, lambda e: probe(e, spark, DIMENSION))
    assert embedder.strategy == "ai_query"
    assert "ai_query on endpoint minilm-embedder" in reason


@pytest.mark.named_arguments
def test_auto_tries_the_other_form_of_request(spark, log):
    """An endpoint that takes plain strings is found out by the probe."""
    stand_in.register(spark, log, form="string")
    embedder, _ = choose.first_usable(EmbeddingSettings(), 1, spark, lambda e: probe(e, spark, DIMENSION))
    assert (embedder.strategy, embedder.request) == ("ai_query", "string")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"runtime": "14.3"}, "14.3, ai_query needs 15.4", marks=pytest.mark.needs_model),
        ({"url": "http://localhost:1/invocations"}, "EMBEDDING_URL names an endpoint"),
        pytest.param({}, "does not have the function", marks=pytest.mark.needs_model),
    ],
)
def test_auto_passes_ai_query_over_and_says_why(spark, log, settings, words):
    """`ai_query` is not called on an old runtime or with EMBEDDING_URL; without the function the reason says so."""
    if settings:
        stand_in.register(spark, log)
    embedder, reason = choose.first_usable(
        EmbeddingSettings(**settings), 1, spark, lambda e: probe(e, spark, DIMENSION) if e.strategy == "ai_query" else 0
    )
    assert embedder.strategy in {"rest", "in_process"}
    assert words in reason
    assert not log.exists()


def test_ai_query_alone_says_why_it_cannot(spark):
    """With EMBEDDER=ai_query no other strategy is tried."""
    with pytest.raises(SettingsError, match="no way to embed: no ai_query"):
        choose.first_usable(EmbeddingSettings(embedder="ai_query"), 1, spark, lambda e: probe(e, spark, DIMENSION))


def test_a_function_without_fail_on_error_is_not_offered(spark):
    """A runtime that answers with the bare vector would fail a batch for one row."""
    spark.udf.register("ai_query", lambda *_, **__: [0.5], "array<double>")
    with pytest.raises(NotOfferedError):
        _embed(spark, ["a"])
