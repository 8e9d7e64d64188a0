"""A serving endpoint in a Databricks workspace: created or updated, then watched until it is ready.

Databricks' SDK was tried instead and not kept: it drops a workload type that its version does not have, and its wait
neither reports the reason of a failure nor survives a 503.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from delta_neo4j.embedding.minilm.weights import ModelError
from delta_neo4j.embedding.minilm.workspace import BusyError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.embedding.minilm.workspace import Workspace

BUILD_SECONDS: Final = 4_500.0  # a container takes up to an hour to build, a machine up to 15 minutes to start
_POLL_SECONDS = 15.0
_REPORT_SECONDS = 60.0
_PATH = "/api/2.0/serving-endpoints"
_NOT_FOUND, _CONFLICT = 404, 409


class Wanted(NamedTuple):
    """The model version that an endpoint must serve, and the size and type of its machine; it scales to zero."""

    name: str
    model: str
    version: str
    workload_type: str = "CPU"
    workload_size: str = "Small"

    @property
    def entity(self) -> dict[str, Any]:
        """The served entity as the API takes it."""
        return {
            "entity_name": self.model,
            "entity_version": self.version,
            "workload_size": self.workload_size,
            "workload_type": self.workload_type,
            "scale_to_zero_enabled": True,
        }


@dataclass
class Watch:
    """Waits and reports the states meanwhile, for at most `seconds`; tests pass another `wait` and `clock`."""

    report: Callable[[str], None]
    seconds: float = BUILD_SECONDS
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Start the clock."""
        self._begun = self.clock()
        self._reported, self._reported_at = "", self._begun

    def pause(self, state: str, seconds: float = _POLL_SECONDS) -> None:
        """Report a new state at once, an old one every minute; wait; raise BusyError if no time is left for that."""
        now = self.clock()
        if now + seconds - self._begun > self.seconds:
            raise BusyError(f"not ready after {(now - self._begun) / 60:.0f} minutes, the last state was: {state}")
        if state != self._reported or now - self._reported_at >= _REPORT_SECONDS:
            self.report(f"  {(now - self._begun) / 60:.0f} min: {state}")
            self._reported, self._reported_at = state, now
        self.wait(seconds)


def find(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """Return the workspace's record of an endpoint; None if there is none of that name."""
    try:
        return workspace.call("GET", f"{_PATH}/{name}")
    except RefusedError as refused:
        if refused.status == _NOT_FOUND:
            return None
        raise


def deploy(workspace: Workspace, wanted: Wanted, watch: Watch) -> None:
    """Make the endpoint serve `wanted` and return when it is ready; change nothing if it serves `wanted` already.

    Raises ModelError if the endpoint serves another model, if a call is refused, or with the reason if the deployment
    fails; BusyError if the deployment takes longer than `watch.seconds`. Another call continues the wait.
    """
    record = find(workspace, wanted.name) or _create(workspace, wanted, watch)
    if record is not None:
        _bring_up_to_date(workspace, wanted, watch, record)
    _await_ready(workspace, wanted, watch)


def served_version(record: dict[str, Any], model: str) -> str | None:
    """Return the version that an endpoint serves, None if none yet; raise ModelError if it serves another model."""
    entities = [*_entities(record, "config"), *_entities(record, "pending_config")]
    others = sorted({str(entity.get("entity_name")) for entity in entities} - {model})
    if others:
        raise ModelError(
            f"the endpoint {record.get('name')} serves {', '.join(others)}, not {model}: it belongs to "
            "another model; delete it or choose another name"
        )
    return next((str(entity.get("entity_version")) for entity in _entities(record, "config")), None)


def is_ready(record: dict[str, Any]) -> bool:
    """Return whether an endpoint is ready to answer."""
    return bool(record.get("state", {}).get("ready") == "READY")


def _create(workspace: Workspace, wanted: Wanted, watch: Watch) -> dict[str, Any] | None:
    """Create the endpoint and return None, or return the one that another caller created meanwhile."""
    watch.report(
        f"Creating the endpoint {wanted.name}: {wanted.model} version {wanted.version}, {wanted.workload_type}"
    )
    try:
        workspace.call("POST", _PATH, {"name": wanted.name, "config": {"served_entities": [wanted.entity]}})
    except RefusedError as refused:
        if refused.status == _CONFLICT or refused.code == "RESOURCE_ALREADY_EXISTS":
            return find(workspace, wanted.name)
        raise
    return None


def _bring_up_to_date(workspace: Workspace, wanted: Wanted, watch: Watch, record: dict[str, Any]) -> None:
    while _is_updating(record):
        watch.pause(f"another update is under way, waiting for it ({_state(record)})")
        record = _look(workspace, wanted.name, watch)
    served_version(record, wanted.model)  # raises if it serves another model
    current = [{key: entity.get(key) for key in wanted.entity} for entity in _entities(record, "config")]
    if current == [wanted.entity] and not _failure(record):
        watch.report(f"The endpoint {wanted.name} serves version {wanted.version} already")
        return
    watch.report(f"Updating the endpoint {wanted.name} to version {wanted.version}, {wanted.workload_type}")
    while True:
        try:
            workspace.call("PUT", f"{_PATH}/{wanted.name}/config", {"served_entities": [wanted.entity]})
        except RefusedError as refused:
            if refused.status != _CONFLICT:
                raise
            watch.pause("another update is under way, waiting for it")
        else:
            return


def _await_ready(workspace: Workspace, wanted: Wanted, watch: Watch) -> None:
    while True:
        record = _look(workspace, wanted.name, watch)
        failure = _failure(record)
        if failure:
            raise ModelError(
                f"the endpoint {wanted.name} does not serve version {wanted.version}: {failure}; "
                f"see Serving → {wanted.name} → Logs for the build"
            )
        served = [entity.get("entity_version") for entity in _entities(record, "config")]
        if is_ready(record) and not _is_updating(record) and served == [wanted.version]:
            watch.report(f"The endpoint {wanted.name} is ready with version {wanted.version}")
            return
        watch.pause(_state(record))


def _look(workspace: Workspace, name: str, watch: Watch) -> dict[str, Any]:
    while True:
        try:
            return find(workspace, name) or {}
        except BusyError as fault:  # the build goes on although the workspace does not answer
            watch.pause(str(fault), fault.retry_after or _POLL_SECONDS)


def _is_updating(record: dict[str, Any]) -> bool:
    return bool(record.get("state", {}).get("config_update") == "IN_PROGRESS")


def _failure(record: dict[str, Any]) -> str | None:
    """Return the reason of a failed update, None if none failed."""
    state = record.get("state", {}).get("config_update")
    if state in {"UPDATE_FAILED", "UPDATE_CANCELED"}:
        return f"{state} {_messages(record)}".strip()
    dead = ("DEPLOYMENT_FAILED", "DEPLOYMENT_ABORTED")
    states = [entity.get("state", {}).get("deployment") for entity in _entities(record, "config")]
    return f"{states[0]} {_messages(record)}".strip() if states and states[0] in dead else None


def _state(record: dict[str, Any]) -> str:
    state = record.get("state", {})
    return f"{state.get('ready')}, {state.get('config_update')} {_messages(record)}".strip()


def _messages(record: dict[str, Any]) -> str:
    entities = [*_entities(record, "pending_config"), *_entities(record, "config")]
    messages = [str(entity.get("state", {}).get("deployment_state_message") or "") for entity in entities]
    return " · ".join(dict.fromkeys(" ".join(message.split()) for message in messages if message))


def _entities(record: dict[str, Any], config: str) -> list[dict[str, Any]]:
    return list((record.get(config) or {}).get("served_entities") or [])
