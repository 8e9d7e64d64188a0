"""From settings to an endpoint: its address, and as whom it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from delta_neo4j.embedding.oauth import Login, ServicePrincipal, workspace
from delta_neo4j.embedding.rest import RestEmbedder
from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import LOOPBACK

if TYPE_CHECKING:
    from delta_neo4j.settings import EmbeddingSettings


def is_named(settings: EmbeddingSettings) -> bool:
    """
    Tell whether an endpoint is meant that has an address: by URL, or by name where there is a workspace.

    `auto` takes the default name only on Databricks itself: elsewhere a workspace's address is there for other tools.
    """
    if settings.url:
        return True
    told = settings.embedder != "auto" or settings.runtime or settings.client_id
    if not told and "endpoint" not in settings.model_fields_set:
        return False
    return settings.databricks_host is not None or workspace() is not None


def rest_embedder(settings: EmbeddingSettings) -> tuple[RestEmbedder, str]:
    """Give the endpoint and, in words, where it is and whose token it is shown."""
    token = settings.token.get_secret_value() if settings.token else None
    # The SDK looks in many places: ask it only where a Databricks address has no login of its own.
    lacking = token is None and settings.client_id is None and (settings.url is None or _in_a_workspace(settings.url))
    found = workspace() if lacking or (settings.url is None and settings.databricks_host is None) else None
    host = settings.databricks_host or (found.host if found else None)
    url = settings.url or _url(host, settings.endpoint)
    login: Login | None = None
    if token is None and settings.client_id is not None:
        login = _principal(settings, url, host)
    elif token is None and found and _is_own(found.host, url):
        login = found
    embedder = RestEmbedder(url, settings.endpoint, token, settings.wait_seconds, login)
    return embedder, f"REST endpoint {embedder.address}, {_as_whom(token, login)}"


def _url(host: str | None, endpoint: str) -> str:
    if host is None:
        raise SettingsError(
            "EMBEDDING_URL is not set; give the endpoint's whole /invocations address, "
            "or DATABRICKS_HOST and --endpoint"
        )
    return f"{host}/serving-endpoints/{endpoint}/invocations"


def _principal(settings: EmbeddingSettings, url: str, host: str | None) -> ServicePrincipal | None:
    """Give the service principal; a server without TLS is shown none, but for a local one that is the host."""
    if settings.client_secret is None:
        raise SettingsError("DATABRICKS_CLIENT_ID is set, but DATABRICKS_CLIENT_SECRET is not")
    if urlsplit(url).scheme != "https" and (host is None or not _is_own(host, url)):
        return None
    parts = urlsplit(url)
    return ServicePrincipal(
        host or f"{parts.scheme}://{parts.netloc}",
        str(settings.client_id),
        settings.client_secret.get_secret_value(),
    )


def _as_whom(token: str | None, login: Login | None) -> str:
    if token:
        return "with EMBEDDING_TOKEN"
    if isinstance(login, ServicePrincipal):
        return f"as service principal {login.client_id}"
    return "with the workspace's login" if login else "without a token"


def _in_a_workspace(url: str) -> bool:
    return "/serving-endpoints/" in urlsplit(url).path


def _is_own(workspace_host: str, url: str) -> bool:
    """Tell whether an address is a workspace's own, and nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    private = parts.scheme == "https" or parts.hostname in LOOPBACK
    return private and urlsplit(workspace_host).hostname == parts.hostname
