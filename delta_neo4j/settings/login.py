"""The login to a Databricks workspace, as Databricks' SDK finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.errors import SettingsError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def databricks_login() -> tuple[str, Callable[[], Mapping[str, str]]]:
    """
    Return a workspace's address and a function that returns fresh headers for one request.

    The SDK uses the notebook's own login, the login of `databricks auth login`, or DATABRICKS_*. Raises
    `SettingsError` if the SDK is not installed or finds no login that works.
    """
    try:
        from databricks.sdk.core import Config

        # With its default limits the SDK retries a host that does not answer for five minutes.
        config = Config(http_timeout_seconds=5, retry_timeout_seconds=10)
        config.authenticate()  # an unusable login fails here, before any work is done
    except Exception as error:
        # Each kind of login has its own errors, from ImportError and ValueError to a failed subprocess.
        raise SettingsError(
            f"no Databricks login found ({first_line(error)}): run `databricks auth login`, "
            "or set DATABRICKS_HOST and DATABRICKS_TOKEN (both need the package databricks-sdk)"
        ) from error
    return str(config.host).rstrip("/"), config.authenticate
