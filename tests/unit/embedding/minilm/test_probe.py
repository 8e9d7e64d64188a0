from __future__ import annotations

import pytest

from delta_neo4j.embedding.minilm import probe
from delta_neo4j.embedding.minilm.endpoint import Watch
from delta_neo4j.embedding.minilm.weights import ModelError
from delta_neo4j.embedding.minilm.workspace import BusyError, Workspace
from tests.support.endpoint import vector_of
from tests.support.workspace import serving

TEXTS = ("oil leak", "")


@pytest.fixture
def stand_in():
    """A workspace whose endpoint answers with true vectors."""
    with serving() as running:
        running.predict = lambda texts: [vector_of(text).tolist() for text in texts]
        yield running


def _ask(stand_in, seconds=600.0):
    waited = []
    watch = Watch(lambda _: None, seconds, waited.append, lambda: sum(waited))
    workspace = Workspace(stand_in.host, stand_in.headers)
    return probe.over_rest(workspace, "minilm-embedder", TEXTS, watch), waited


def test_rest_gives_the_vectors_in_order(stand_in):
    """The endpoint gets one request, at the address that the loader uses."""
    found, _ = _ask(stand_in)
    assert probe.require_same(found, [vector_of(text) for text in TEXTS], "it") > 0.999999
    assert [path for _, path, _ in stand_in.asked] == ["/serving-endpoints/minilm-embedder/invocations"]


def test_an_endpoint_that_wakes_up_is_waited_for(stand_in):
    """An endpoint scaled to zero answers 503 for a while."""
    stand_in.answers += [(503, {"Retry-After": "3"}, ""), (429, {}, {"error_code": "REQUEST_LIMIT_EXCEEDED"})]
    assert _ask(stand_in)[1] == [3.0, 5.0]


def test_an_endpoint_that_never_wakes_up_is_given_up(stand_in):
    """When time is up the error names the last answer."""
    stand_in.answers += [(503, {}, "starting")] * 9
    with pytest.raises(BusyError, match=r"not ready after 0 minutes, the last state was: .*HTTP 503: starting"):
        _ask(stand_in, seconds=20.0)


def test_an_answer_without_predictions_is_another_kind_of_model(stand_in):
    """An answer of another form is refused, not misread."""
    stand_in.answers.append((200, {}, {"data": []}))
    with pytest.raises(ModelError, match="without predictions"):
        _ask(stand_in)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param([[1.0] * 384], "in the shape", id="another count"),
        pytest.param([[1.0] * 3] * 2, "in the shape", id="another dimension"),
        pytest.param([[1.0] * 384, [1.0]], "other values than lists of numbers", id="ragged"),
        pytest.param([{"embedding": []}, {"embedding": []}], "other values than lists", id="objects"),
        pytest.param([[float("nan")] * 384] * 2, "another model: worst cosine nan", id="no numbers"),
        pytest.param([[0.0] * 384] * 2, "another model: worst cosine 0", id="zeros"),
    ],
)
def test_other_vectors_are_refused(found, words):
    """Vectors of another model or shape fail with the reason."""
    with pytest.raises(ModelError, match=words):
        probe.require_same(found, [vector_of(text) for text in TEXTS], "it")


def test_the_statement_is_the_one_that_ai_query_takes():
    """Endpoint as a literal, one named field, the type, and faults as values; quotes and backslashes survive."""
    assert probe.ai_query_statement("minilm-embedder", "pilot's \\ note") == (
        "SELECT ai_query('minilm-embedder', named_struct('text', text), returnType => 'ARRAY<DOUBLE>', "
        "failOnError => false) FROM (SELECT 'pilot\\'s \\\\ note' AS text)"
    )


@pytest.mark.parametrize("name", ["", "a'b", "a b", "x" * 64])
def test_a_name_that_is_no_endpoints_never_reaches_sql(name):
    """Names are checked before they become part of a statement."""
    with pytest.raises(ModelError, match="is not a name of an endpoint"):
        probe.ai_query_statement(name, "text")
