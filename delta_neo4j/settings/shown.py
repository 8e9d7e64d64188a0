"""The rows of `status --settings`: every setting with its value and origin, without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from delta_neo4j.settings.names import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from delta_neo4j.settings.names import Found, Setting

NOT_SET = "not set"
_ADDRESSES = {"uri", "host", "url", "databricks_host"}
_SECRETS = {setting.name for setting in SETTINGS if setting.secret}


def settings(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """Return each setting as `{setting, variable, value, source}`: a secret as stars, an unset value as None."""
    return [_row(setting, found.get(setting.name)) for setting in SETTINGS]


def redacted(name: str, value: Any) -> Any:
    """Return the value of the setting or field `name` as it may be shown: a secret as stars, an address without one."""
    if name in _SECRETS and value is not None:
        return "***"
    return _shown(value, address=name in _ADDRESSES)


def _row(setting: Setting, hit: Found | None) -> dict[str, Any]:
    if hit:
        value, source = hit.value, hit.origin
    else:
        value, source = setting.absent or setting.default, "default"
    if value is None:
        source = NOT_SET
    shown = redacted(setting.name, value)
    return {"setting": setting.name, "variable": setting.variables[0], "value": shown, "source": source}


def _shown(value: Any, *, address: bool) -> Any:
    if isinstance(value, tuple):
        return [_shown(item, address=address) for item in value]
    if not isinstance(value, str):
        return value
    # An address may hold a password, which may have slashes, or a token after its question mark.
    user = r"^(\w[\w+.-]*://)?.*@" if address else r"(://)[^/\s]*@"
    return re.sub(r"(://\S*?)\?.*", r"\1?***", re.sub(user, r"\1***@", value))
