"""A Databricks secret scope, read through `dbutils`."""

from __future__ import annotations

import re
from typing import Any

from delta_neo4j.errors import SettingsError, first_line


class ScopeReader:
    """
    Reads one secret scope: a key that is missing counts as unset, a scope that is missing is an error.

    Keys are compared without case, and a dash counts as an underscore: Azure Key Vault allows no underscores.
    """

    def __init__(self, dbutils: Any, scope: str) -> None:
        self.scope = scope
        self._secrets = (dbutils or databricks_utilities()).secrets
        self._keys: dict[str, str] | None = None  # the scope's spelling of each key

    def get(self, *names: str) -> str | None:
        """Return the value of the first key that the scope has, None without; raise `SettingsError` if unreadable."""
        try:
            if self._keys is None:
                listed = [str(item.key) for item in self._secrets.list(self.scope)]
                # If a scope has both spellings of a key, the one without a dash counts.
                self._keys = {_plain(key): key for key in sorted(listed, key=lambda key: "-" not in key)}
            key = next((self._keys[name] for name in map(_plain, names) if name in self._keys), None)
            # A file written by a Windows editor may have put a byte order mark before the value.
            return key and str(self._secrets.get(scope=self.scope, key=key)).removeprefix("\ufeff")
        except Exception as error:
            # dbutils documents no exception class; any exception means that the scope cannot be read.
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise SettingsError(_scope_fault(self.scope, reason)) from error


def _plain(key: str) -> str:
    return key.lower().replace("-", "_")


def _scope_fault(scope: str, reason: str) -> str:
    # Different people repair a missing grant and a missing scope. The patterns match the texts of the secrets API.
    if re.search(r"PERMISSION_?DENIED|does not have (READ|permission)|\b403\b", reason, re.IGNORECASE):
        return (
            f"Secret scope {scope!r} refuses you ({reason}); whoever manages it runs "
            f"`databricks secrets put-acl {scope} PRINCIPAL READ`, or ./setup_secrets.sh {scope} --reader PRINCIPAL"
        )
    if re.search(r"does ?not ?exist", reason, re.IGNORECASE):
        return f"Secret scope not found: {scope!r} ({reason}); create it with ./setup_secrets.sh {scope}"
    return (
        f"Secret scope {scope!r} cannot be read ({reason}); see `databricks secrets list-scopes`, "
        f"create it with ./setup_secrets.sh {scope}, or ask its owner for READ"
    )


def databricks_utilities() -> Any:
    """Return `dbutils` for a job, which has no notebook to pass it; raise `SettingsError` outside Databricks."""
    try:
        from databricks.sdk.runtime import dbutils
    except Exception as error:
        # Outside a workspace the import itself fails; the SDK documents no exception class for it.
        raise SettingsError(
            "a secret scope is set (--secret-scope or SECRET_SCOPE), but this is not a Databricks workspace; remove "
            "that setting and use .env"
        ) from error
    return dbutils
