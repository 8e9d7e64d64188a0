"""A serving endpoint in a Databricks workspace: made or brought up to date, and watched until it answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from delta_neo4j.model.weights import ModelError
from delta_neo4j.model.workspace import BusyError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.model.workspace import Workspace

BUILD_SECONDS: Final = 4_500.0  # a container may take an hour to build, and a machine 15 minutes to come
_POLL_SECONDS = 15.0
_SAY_SECONDS = 60.0
_PATH = "/api/2.0/serving-endpoints"
_NOT_FOUND, _CONFLICT = 404, 409


class Wanted(NamedTuple):
    """What an endpoint is to serve: a model's version on a size and type of machine, gone when nobody asks."""

    name: str
    model: str
    version: str
    workload_type: str = "CPU"
    workload_size: str = "Small"

    @property
    def entity(self) -> dict[str, Any]:
        """The same as the API wants it."""
        return {
            "entity_name": self.model,
            "entity_version": self.version,
            "workload_size": self.workload_size,
            "workload_type": self.workload_type,
            "scale_to_zero_enabled": True,
        }


@dataclass
class Watch:
    """Patience: how to wait and tell the time, what to say meanwhile, when to give up."""

    say: Callable[[str], None]
    seconds: float = BUILD_SECONDS
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Start the clock."""
        self._begun = self.clock()
        self._said, self._said_at = "", self._begun

    def pause(self, state: str, seconds: float = _POLL_SECONDS) -> None:
        """Wait a while, saying a new state at once and an old one every minute; BusyError when time is up."""
        now = self.clock()
        if now + seconds - self._begun > self.seconds:
            raise BusyError(f"not ready after {(now - self._begun) / 60:.0f} minutes, the last state was: {state}")
        if state != self._said or now - self._said_at >= _SAY_SECONDS:
            self.say(f"  {(now - self._begun) / 60:.0f} min: {state}")
            self._said, self._said_at = state, now
        self.wait(seconds)


def find(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """Return what the workspace knows of an endpoint; None when there is none of that name."""
    try:
        return workspace.call("GET", f"{_PATH}/{name}")
    except RefusedError as refused:
        if refused.status == _NOT_FOUND:
            return None
        raise


def deploy(workspace: Workspace, wanted: Wanted, watch: Watch) -> None:
    """Make the endpoint serve what is wanted, and return when it does; nothing happens if it does already.

    Raises ModelError when another model is served under the name, when something is refused, or with the
    reason when the deployment fails; BusyError when it takes longer than the watch lasts. Run again, it goes on.
    """
    found = find(workspace, wanted.name) or _create(workspace, wanted, watch)
    if found is not None:
        _bring_up_to_date(workspace, wanted, watch, found)
    _await_ready(workspace, wanted, watch)


def served_version(found: dict[str, Any], model: str) -> str | None:
    """Return the version that an endpoint serves; None when it serves nothing yet. Another model is a ModelError."""
    entities = [*_entities(found, "config"), *_entities(found, "pending_config")]
    others = sorted({str(entity.get("entity_name")) for entity in entities} - {model})
    if others:
        raise ModelError(
            f"the endpoint {found.get('name')} serves {', '.join(others)}, not {model}: it is somebody else's, "
            "delete it or choose another name"
        )
    return next((str(entity.get("entity_version")) for entity in _entities(found, "config")), None)


def is_ready(found: dict[str, Any]) -> bool:
    """Tell whether an endpoint answers."""
    return bool(found.get("state", {}).get("ready") == "READY")


def _create(workspace: Workspace, wanted: Wanted, watch: Watch) -> dict[str, Any] | None:
    """Create the endpoint, or return the one that somebody made meanwhile."""
    watch.say(f"Creating the endpoint {wanted.name}: {wanted.model} version {wanted.version}, {wanted.workload_type}")
    try:
        workspace.call("POST", _PATH, {"name": wanted.name, "config": {"served_entities": [wanted.entity]}})
    except RefusedError as refused:
        if refused.status == _CONFLICT or refused.code == "RESOURCE_ALREADY_EXISTS":
            return find(workspace, wanted.name)
        raise
    return None


def _bring_up_to_date(workspace: Workspace, wanted: Wanted, watch: Watch, found: dict[str, Any]) -> None:
    while _is_updating(found):
        watch.pause(f"another update is under way, waiting for it ({_state(found)})")
        found = _look(workspace, wanted.name, watch)
    served_version(found, wanted.model)  # refuses somebody else's
    current = [{key: entity.get(key) for key in wanted.entity} for entity in _entities(found, "config")]
    if current == [wanted.entity] and not _failure(found):
        watch.say(f"The endpoint {wanted.name} serves version {wanted.version} already")
        return
    watch.say(f"Updating the endpoint {wanted.name} to version {wanted.version}, {wanted.workload_type}")
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
        found = _look(workspace, wanted.name, watch)
        failure = _failure(found)
        if failure:
            raise ModelError(
                f"the endpoint {wanted.name} does not serve version {wanted.version}: {failure}; "
                f"see Serving → {wanted.name} → Logs for the build"
            )
        served = [entity.get("entity_version") for entity in _entities(found, "config")]
        if is_ready(found) and not _is_updating(found) and served == [wanted.version]:
            watch.say(f"The endpoint {wanted.name} is ready with version {wanted.version}")
            return
        watch.pause(_state(found))


def _look(workspace: Workspace, name: str, watch: Watch) -> dict[str, Any]:
    while True:
        try:
            return find(workspace, name) or {}
        except BusyError as fault:  # the endpoint builds on, whether or not it can be asked
            watch.pause(str(fault), fault.retry_after or _POLL_SECONDS)


def _is_updating(found: dict[str, Any]) -> bool:
    return bool(found.get("state", {}).get("config_update") == "IN_PROGRESS")


def _failure(found: dict[str, Any]) -> str | None:
    """Return why an update failed, None while none did."""
    state = found.get("state", {}).get("config_update")
    if state in {"UPDATE_FAILED", "UPDATE_CANCELED"}:
        return f"{state} {_messages(found)}".strip()
    dead = ("DEPLOYMENT_FAILED", "DEPLOYMENT_ABORTED")
    states = [entity.get("state", {}).get("deployment") for entity in _entities(found, "config")]
    return f"{states[0]} {_messages(found)}".strip() if states and states[0] in dead else None


def _state(found: dict[str, Any]) -> str:
    state = found.get("state", {})
    return f"{state.get('ready')}, {state.get('config_update')} {_messages(found)}".strip()


def _messages(found: dict[str, Any]) -> str:
    entities = [*_entities(found, "pending_config"), *_entities(found, "config")]
    said = [str(entity.get("state", {}).get("deployment_state_message") or "") for entity in entities]
    return " · ".join(dict.fromkeys(" ".join(message.split()) for message in said if message))


def _entities(found: dict[str, Any], config: str) -> list[dict[str, Any]]:
    return list((found.get(config) or {}).get("served_entities") or [])
