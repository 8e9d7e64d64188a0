"""Tokens and logins of an endpoint: fetched once for all threads, renewed in time, sent to no other host."""

from __future__ import annotations

import pickle
import sys
import types
from collections import Counter

import pytest

from delta_neo4j.embedding.base import Calls
from delta_neo4j.embedding.rest import address
from delta_neo4j.embedding.rest import login as logins
from delta_neo4j.embedding.rest.embedder import RestEmbedder
from delta_neo4j.embedding.rest.limits import RestLimits
from delta_neo4j.embedding.rest.login import ServicePrincipal, Tokens, Workspace
from delta_neo4j.errors import EndpointUnavailableError, SettingsError
from delta_neo4j.settings import build, collect
from delta_neo4j.settings.values import EmbeddingSettings
from tests.support.endpoint import PRINCIPAL, serving

TEXTS = [f"text {number}" for number in range(200)]
LIMITS = RestLimits(texts_per_request=10, first_pause=0.01)


@pytest.fixture(autouse=True)
def _no_login(monkeypatch):
    """This process has no login to Databricks."""
    monkeypatch.setitem(sys.modules, "databricks.sdk.core", None)


@pytest.fixture
def endpoint():
    """A server that wants a token and has none out yet."""
    with serving() as running:
        running.tokens = set()
        yield running


def principal_of(endpoint, secret=PRINCIPAL[1]):
    """Return the service principal that the server accepts."""
    return ServicePrincipal(endpoint.host, PRINCIPAL[0], secret)


def embed(endpoint, **options):
    """Embed all texts and return the counts."""
    calls = Calls()
    embedder = RestEmbedder(endpoint.url, "e", **{"wait_seconds": 2.0, "limits": LIMITS, **options})
    answers = list(embedder.embed_texts(TEXTS, calls))
    assert Counter(answer.text for answer in answers) == Counter(TEXTS)
    assert Counter(endpoint.texts) == Counter(TEXTS)
    return calls


def test_a_service_principal_gets_one_token_for_all_requests(endpoint):
    """One token is fetched at the first request and used by every thread."""
    calls = embed(endpoint, login=principal_of(endpoint))
    assert endpoint.minted == 1
    assert (calls.calls, calls.retries) == (20, 0)


def test_a_token_that_expires_is_renewed_once_for_all_threads(endpoint):
    """The server forgets the token in the middle: every request under way is refused, one new token is minted."""

    def answer(batch):
        if endpoint.minted == 1 and len(endpoint.texts) >= 100:
            endpoint.tokens = set()

    endpoint.answer = answer
    endpoint.seconds = 0.01
    calls = embed(endpoint, login=principal_of(endpoint))
    assert endpoint.minted == 2
    assert 1 <= calls.retries <= LIMITS.concurrency + 1


def test_a_token_is_renewed_shortly_before_its_end():
    """A tenth of its life before, a minute at most; no request is lost to an expired one."""
    now, minted = [0.0], []

    def post(url, **content):
        assert content["auth"] == PRINCIPAL
        minted.append(url)
        return types.SimpleNamespace(
            status_code=200,
            ok=True,
            is_redirect=False,
            json=lambda: {"access_token": f"t{len(minted)}", "expires_in": 3600},
        )

    tokens = Tokens(None, ServicePrincipal("https://h", *PRINCIPAL), post, lambda: now[0])
    seen = []
    for now[0] in (0, 3000, 3539, 3541, 7000, 7090):
        seen.append(tokens.current())  # the clock moves in between
    assert seen == ["t1", "t1", "t1", "t2", "t2", "t3"]
    assert set(minted) == {"https://h/oidc/v1/token"}


def test_refused_with_a_fresh_token_stops(endpoint):
    """The token is renewed once; if that is refused too, one line names the missing permission."""
    endpoint.answer = lambda _: (403, {}, "PERMISSION_DENIED")
    with pytest.raises(SettingsError, match=r"refused the token \(HTTP 403 PERMISSION_DENIED\).*CAN QUERY"):
        embed(endpoint, login=principal_of(endpoint))
    assert endpoint.minted == 2


def test_a_token_is_renewed_each_time_that_it_expires_but_not_when_the_new_one_is_refused():
    """An accepted token may be renewed; a replacement of a refused one must be accepted first."""
    minted = []

    def post(url, **content):
        minted.append(url)
        answer = {"access_token": f"t{len(minted)}"}
        return types.SimpleNamespace(status_code=200, ok=True, is_redirect=False, json=lambda: answer)

    tokens = Tokens(None, ServicePrincipal("https://h", *PRINCIPAL), post)
    assert tokens.current() == "t1"
    assert tokens.renewed("t1") == "t2"
    assert tokens.renewed("t1") == "t2"  # a slower thread's
    tokens.accepted("t2")
    assert tokens.renewed("t2") == "t3"
    assert tokens.renewed("t3") is None
    assert len(minted) == 3


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_given_token_cannot_be_renewed(endpoint, token):
    """Without a login a refusal stops at once and names the settings."""
    with pytest.raises(SettingsError, match=r"EMBEDDING_TOKEN.*DATABRICKS_CLIENT_ID"):
        embed(endpoint, token=token)
    assert endpoint.minted == 0


def test_a_given_token_wins_over_the_service_principal(endpoint):
    """EMBEDDING_TOKEN is sent as it is and no token is fetched."""
    endpoint.tokens = {"given"}
    embed(endpoint, token="given", login=principal_of(endpoint))
    assert endpoint.minted == 0


def test_a_wrong_secret_is_said_and_not_shown(endpoint):
    """OAuth's own word and the settings to look at."""
    with pytest.raises(SettingsError, match=r"HTTP 401 invalid_client.*DATABRICKS_CLIENT_SECRET") as caught:
        embed(endpoint, login=principal_of(endpoint, "not-the-secret"))
    assert "not-the-secret" not in str(caught.value)


def test_a_token_service_that_is_down_is_retried_then_named(endpoint):
    """Its address is in the line: it is not the endpoint that fails."""
    login = ServicePrincipal("http://127.0.0.1:1", *PRINCIPAL)
    with pytest.raises(EndpointUnavailableError, match=r"no token from http://127\.0\.0\.1:1/oidc/v1/token"):
        embed(endpoint, login=login)


def test_secrets_print_nowhere_and_travel():
    """No form of an embedder shows token or secret; its copy still has them."""
    login = ServicePrincipal("https://h", "id", "client-secret")
    for embedder in (
        RestEmbedder("https://h/i", "e", "tok-en", login=login),
        RestEmbedder("https://h/i", "e", login=Workspace("https://h", "tok-en")),
    ):
        assert "tok-en" not in repr(embedder)
        assert "client-secret" not in repr(embedder)
        assert pickle.loads(pickle.dumps(embedder)) == embedder  # noqa: S301


class Sdk:
    """A stand-in for `databricks.sdk.core`, with the answers of the real one."""

    host, token = "https://ws.example/", "w1"

    def Config(self, **options):
        """Return the configuration; check that a host that is down is not waited for."""
        assert options["retry_timeout_seconds"] <= 10
        return self

    def authenticate(self):
        """Return the headers of a request."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def sdk(monkeypatch):
    """A process that is logged in to a workspace."""
    module = Sdk()
    for name in ("databricks", "databricks.sdk"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "databricks.sdk.core", module)
    return module


def chosen(**values):
    """Return the embedder for these settings."""
    return address.rest_embedder(EmbeddingSettings(**values))[0]


def test_an_endpoints_name_is_enough_in_a_workspace(sdk):
    """The address is the workspace's, and so is the login."""
    embedder = chosen(endpoint="mini")
    assert embedder.url == "https://ws.example/serving-endpoints/mini/invocations"
    assert embedder.login == Workspace("https://ws.example", "w1")


def test_the_workspaces_token_is_lent_again_when_it_has_expired(endpoint, sdk):
    """The process's login has a new token; if it has none, the run stops."""
    endpoint.tokens = {"w2"}
    login = logins.workspace()
    sdk.token = "w2"
    embed(endpoint, login=login)
    endpoint.tokens = {"w3"}
    with pytest.raises(SettingsError, match="refused the token"):
        embed(endpoint, login=login)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5001/invocations",
        "https://elsewhere.example/serving-endpoints/mini/invocations",
        "http://ws.example/serving-endpoints/mini/invocations",
    ],
)
def test_the_workspaces_token_is_shown_to_nobody_else(sdk, url):
    """Another host gets no token that was not meant for it, and none goes where anybody can read it."""
    assert chosen(url=url).login is None


@pytest.mark.parametrize(
    ("values", "login"),
    [
        ({"url": "https://h/x", "databricks_host": "w.example"}, ServicePrincipal("https://w.example", "i", "s")),
        ({"url": "https://h/serving-endpoints/e/invocations"}, ServicePrincipal("https://h", "i", "s")),
        ({"databricks_host": "https://w/"}, ServicePrincipal("https://w", "i", "s")),
        ({"url": "http://127.0.0.1:5001/invocations", "databricks_host": "https://w"}, None),
        ({"url": "http://w/invocations", "databricks_host": "https://w"}, None),
        ({"url": "https://h/x", "token": "t"}, None),
    ],
)
def test_where_a_service_principal_gets_its_token(values, login):
    """The workspace is DATABRICKS_HOST, else the endpoint's host; a local server gets no service principal."""
    embedder = chosen(client_id="i", client_secret="s", **values)
    assert embedder.login == login
    assert embedder.url == values.get("url", "https://w/serving-endpoints/minilm-embedder/invocations")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "EMBEDDING_URL is not set"),
        ({"url": "https://h/x", "client_id": "i"}, "DATABRICKS_CLIENT_SECRET is not"),
    ],
)
def test_half_an_address_or_login_is_named(values, words):
    """One line with the setting that is missing."""
    with pytest.raises(SettingsError, match=words):
        chosen(**values)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, False),
        ({"EMBEDDING_URL": "http://127.0.0.1:5001/invocations"}, True),
        ({"DATABRICKS_HOST": "https://w"}, False),
        ({"DATABRICKS_HOST": "https://w", "EMBEDDING_ENDPOINT": "mini"}, True),
        ({"EMBEDDING_ENDPOINT": "mini"}, False),
        ({"DATABRICKS_HOST": "https://w", "DATABRICKS_RUNTIME_VERSION": "17.3"}, True),
        ({"DATABRICKS_HOST": "https://w", "EMBEDDER": "rest"}, True),
        ({"DATABRICKS_HOST": "w", "DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"}, True),
    ],
)
def test_a_workspace_alone_names_no_endpoint(environment, named):
    """Variables that other tools use for their own do not turn an in-process run into one over REST."""
    settings = build.embedding_settings(collect.collect(environment=environment, env_file=""))
    assert address.is_named(settings) is named


@pytest.mark.parametrize("host", ["http://w.example", "ftp://w.example", "https://user:pw-word@w.example", "https://"])
def test_a_workspace_is_reached_by_tls(host):
    """A secret goes there; the line names the variable and not what was in it."""
    with pytest.raises(SettingsError, match="DATABRICKS_HOST") as caught:
        build.embedding_settings(collect.collect(environment={"DATABRICKS_HOST": host}, env_file=""))
    assert "pw-word" not in str(caught.value)


def test_the_client_secret_prints_as_stars():
    """No form of the settings shows it, nor does what a run keeps of them."""
    environment = {"DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "client-secret", "DATABRICKS_HOST": "w"}
    found = collect.collect(environment=environment, env_file="")
    settings = build.embedding_settings(found)
    assert "client-secret" not in repr(found) + repr(settings) + settings.model_dump_json()
