from __future__ import annotations

import pytest

from delta_neo4j.embedding.minilm.endpoint import Wanted, Watch, deploy
from delta_neo4j.embedding.minilm.weights import ModelError
from delta_neo4j.embedding.minilm.workspace import BusyError, RefusedError, Workspace
from tests.support.workspace import BUILDING, TOKEN, serving

MODEL = "airline_test.ml.minilm_l6_v2_embedder"
WANTED = Wanted("minilm-embedder", MODEL, "2")


@pytest.fixture
def stand_in():
    """A workspace that refuses what the real one refuses."""
    with serving() as running:
        yield running


class Clock:
    """A clock that moves only while the watch waits."""

    def __init__(self):
        self.now = 0.0
        self.said = []

    def watch(self, seconds=3600.0):
        """Return a watch with this clock; it reports to `said`."""
        return Watch(self.said.append, seconds, self._wait, lambda: self.now)

    def _wait(self, seconds):
        self.now += seconds


def _workspace(stand_in):
    return Workspace(stand_in.host, stand_in.headers)


def _deploy(stand_in, wanted=WANTED, seconds=3600.0):
    clock = Clock()
    deploy(_workspace(stand_in), wanted, clock.watch(seconds))
    return clock


def _served(stand_in):
    (entity,) = stand_in.endpoints["minilm-embedder"]["config"]
    return entity


def test_an_endpoint_is_created_and_waited_for(stand_in):
    """A new endpoint gets version, size, type and scale to zero; each state is reported until it is ready."""
    clock = _deploy(stand_in, WANTED._replace(workload_type="GPU_SMALL"))
    assert _served(stand_in) == {
        "entity_name": MODEL,
        "entity_version": "2",
        "workload_size": "Small",
        "workload_type": "GPU_SMALL",
        "scale_to_zero_enabled": True,
    }
    assert stand_in.changes() == [("POST", "/api/2.0/serving-endpoints")]
    assert f"  0 min: NOT_READY, IN_PROGRESS {BUILDING}" in clock.said
    assert clock.said[-1] == "The endpoint minilm-embedder is ready with version 2"


def test_a_long_build_says_every_minute_that_it_lives(stand_in):
    """The same state is repeated once a minute, no oftener."""
    stand_in.looks = 13
    assert [line for line in _deploy(stand_in).said if BUILDING in line] == [
        f"  {minute} min: NOT_READY, IN_PROGRESS {BUILDING}" for minute in range(4)
    ]


def test_an_endpoint_with_an_older_version_is_updated(stand_in):
    """An existing endpoint gets the new version by an update of its configuration."""
    stand_in.serve("minilm-embedder", MODEL, "1")
    _deploy(stand_in)
    assert stand_in.changes() == [("PUT", "/api/2.0/serving-endpoints/minilm-embedder/config")]
    assert _served(stand_in)["entity_version"] == "2"


def test_an_endpoint_that_serves_it_already_is_left_alone(stand_in):
    """A second run changes nothing: a change would build and bill again."""
    _deploy(stand_in)
    stand_in.asked.clear()
    clock = _deploy(stand_in)
    assert stand_in.changes() == []
    assert clock.said[0] == "The endpoint minilm-embedder serves version 2 already"


def test_another_update_under_way_is_waited_for(stand_in):
    """A change while another one is under way comes after it."""
    stand_in.serve("minilm-embedder", MODEL, "1", looks=3)
    clock = _deploy(stand_in)
    assert "another update is under way" in clock.said[0]
    assert _served(stand_in)["entity_version"] == "2"


def test_an_update_that_begins_in_between_is_waited_for(stand_in):
    """An update that another caller began first (409) is waited for, too."""
    stand_in.serve("minilm-embedder", MODEL, "1")
    look = stand_in._look

    def busy_after_the_first_look(found):
        stand_in._look = look
        answer = look(found)
        found["looks"], found["pending"] = 1, found["config"]
        return answer

    stand_in._look = busy_after_the_first_look
    refused = stand_in._update

    def finished_after_a_refusal(found, body):
        answer = refused(found, body)
        found["looks"] = 0 if answer[0] == 409 else found["looks"]
        return answer

    stand_in._update = finished_after_a_refusal
    _deploy(stand_in)
    assert [method for method, _ in stand_in.changes()] == ["PUT", "PUT"]
    assert _served(stand_in)["entity_version"] == "2"


def test_a_name_taken_between_look_and_creation_is_updated(stand_in):
    """A creation refused because the name exists by now goes on as an update."""
    stand_in.serve("minilm-embedder", MODEL, "1")
    stand_in.answers.append((404, {}, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "does not exist"}))
    _deploy(stand_in)
    assert [method for method, _ in stand_in.changes()] == ["POST", "PUT"]
    assert _served(stand_in)["entity_version"] == "2"


def test_an_endpoint_of_another_model_is_not_touched(stand_in):
    """A name that serves another model is refused."""
    stand_in.serve("minilm-embedder", "main.other.model", "1")
    with pytest.raises(ModelError, match=r"serves main\.other\.model, not airline_test.*belongs to another model"):
        _deploy(stand_in)
    assert stand_in.changes() == []


def test_a_failed_deployment_tells_why(stand_in):
    """A deployment that fails ends the wait with the reason and where to look."""
    stand_in.fails = "Container image creation failed: no matching distribution found for torch==9"
    with pytest.raises(ModelError, match=r"UPDATE_FAILED Container image creation failed.*Logs for the build"):
        _deploy(stand_in)


def test_after_a_failure_it_can_be_tried_again(stand_in):
    """The failed state of an earlier attempt does not end the next one."""
    stand_in.fails = "quota"
    with pytest.raises(ModelError, match="quota"):
        _deploy(stand_in)
    stand_in.fails = None
    _deploy(stand_in)
    assert _served(stand_in)["entity_version"] == "2"


def test_an_unknown_version_is_refused(stand_in):
    """A version that is not registered ends at once, in one line with the workspace's words."""
    with pytest.raises(RefusedError, match=r"HTTP 404 RESOURCE_DOES_NOT_EXIST: Model version .* 9 does not exist"):
        _deploy(stand_in, WANTED._replace(version="9"))


def test_a_missing_permission_is_one_line(stand_in):
    """Without permission nothing is tried again."""
    stand_in.permitted = False
    with pytest.raises(RefusedError, match=r"PERMISSION_DENIED: .*; your login lacks the permission") as refused:
        _deploy(stand_in)
    assert "\n" not in str(refused.value)
    assert len(stand_in.asked) == 2


def test_a_refused_login_shows_no_token(stand_in):
    """The error of a refused login says how to log in; neither it nor the workspace prints the token."""
    workspace = Workspace(stand_in.host, lambda: {"Authorization": "Bearer my-secret"})
    with pytest.raises(RefusedError, match=r"HTTP 401 .*databricks auth login") as refused:
        deploy(workspace, WANTED, Clock().watch())
    assert "my-secret" not in f"{refused.value!r} {workspace!r}"


def test_a_workspace_that_pauses_is_asked_again(stand_in):
    """During a build a 429 is waited for as long as its Retry-After says, and a 503 for the usual pause."""
    stand_in.looks = 1
    look = stand_in._look
    pauses = [(429, {"Retry-After": "7"}, {}), (503, {}, "busy")]
    stand_in._look = lambda found: pauses.pop() if pauses else look(found)
    assert _deploy(stand_in).now == 15 + 7 + 15


def test_a_deployment_that_takes_too_long_ends_with_the_last_state(stand_in):
    """When the time is over, the error has the last state; it can be run again."""
    stand_in.looks = 10**6
    with pytest.raises(BusyError, match=f"not ready after 10 minutes, the last state was: NOT_READY.*{BUILDING}"):
        _deploy(stand_in, seconds=600.0)


def test_a_server_that_is_no_workspace_is_named(stand_in):
    """After an answer that no workspace sends, the error asks whether the host is one."""
    stand_in.answers.append((302, {"Location": "/login"}, "<html>"))
    with pytest.raises(RefusedError, match=f"is {stand_in.host} a Databricks workspace"):
        _deploy(stand_in)
    assert stand_in.headers()["Authorization"] == f"Bearer {TOKEN}"
