"""From settings to an endpoint: its address, and the token or login that it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from delta_neo4j.embedding.rest.embedder import RestEmbedder
from delta_neo4j.embedding.rest.login import Login, ServicePrincipal, workspace
from delta_neo4j.errors import SettingsError
from delta_neo4j.settings.values import LOOPBACK

if TYPE_CHECKING:
    from delta_neo4j.settings.values import EmbeddingSettings


def is_named(settings: EmbeddingSettings) -> bool:
    """
    Return whether the settings name an endpoint: by its URL, or by its name if there is a workspace.

    `auto` takes the default name on Databricks alone: elsewhere DATABRICKS_HOST may be set for other tools.
    """
    if settings.url:
        return True
    by_intent = settings.embedder != "auto" or settings.runtime or settings.client_id
    if not by_intent and "endpoint" not in settings.model_fields_set:
        return False
    return settings.databricks_host is not None or workspace() is not None


def rest_embedder(settings: EmbeddingSettings) -> tuple[RestEmbedder, str]:
    """
    Return the endpoint and one line on its address and its login.

    Raises SettingsError if the address or one half of the service principal is missing.
    """
    token = settings.token.get_secret_value() if settings.token else None
    # The SDK looks in many places: use it only if a Databricks address has no login in the settings.
    needs_login = (
        token is None and settings.client_id is None and (settings.url is None or _in_a_workspace(settings.url))
    )
    needs_host = settings.url is None and settings.databricks_host is None
    own = workspace() if needs_login or needs_host else None
    host = settings.databricks_host or (own.host if own else None)
    url = settings.url or _url(host, settings.endpoint)
    login: Login | None = None
    if token is None and settings.client_id is not None:
        login = _principal(settings, url, host)
    elif token is None and own and _is_private(own.host, url):
        login = own
    embedder = RestEmbedder(url, settings.endpoint, token, settings.wait_seconds, login)
    return embedder, f"REST endpoint {embedder.address}, {_login_words(token, login)}"


def _url(host: str | None, endpoint: str) -> str:
    if host is None:
        raise SettingsError(
            "EMBEDDING_URL is not set; give the endpoint's whole /invocations address, "
            "or DATABRICKS_HOST and --endpoint"
        )
    return f"{host}/serving-endpoints/{endpoint}/invocations"


def _principal(settings: EmbeddingSettings, url: str, host: str | None) -> ServicePrincipal | None:
    """Return the service principal; None for a server without TLS, unless it is this machine and the host."""
    if settings.client_secret is None:
        raise SettingsError("DATABRICKS_CLIENT_ID is set, but DATABRICKS_CLIENT_SECRET is not")
    parts = urlsplit(url)
    if parts.scheme != "https" and (host is None or not _is_private(host, url)):
        return None
    return ServicePrincipal(
        host or f"{parts.scheme}://{parts.netloc}",
        str(settings.client_id),
        settings.client_secret.get_secret_value(),
    )


def _login_words(token: str | None, login: Login | None) -> str:
    if token:
        return "with EMBEDDING_TOKEN"
    if isinstance(login, ServicePrincipal):
        return f"as service principal {login.client_id}"
    return "with the workspace's login" if login else "without a token"


def _in_a_workspace(url: str) -> bool:
    return "/serving-endpoints/" in urlsplit(url).path


def _is_private(workspace_host: str, url: str) -> bool:
    """Return whether an address is the workspace's own and what it is sent cannot be read on the way."""
    parts = urlsplit(url)
    unreadable = parts.scheme == "https" or parts.hostname in LOOPBACK
    return unreadable and urlsplit(workspace_host).hostname == parts.hostname
