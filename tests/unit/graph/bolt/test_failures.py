"""What passes by itself is retried within a limit and named; what does not is one line with what helps."""

from __future__ import annotations

import pytest
import tenacity
from neo4j.exceptions import ClientError, Neo4jError

from delta_neo4j.errors import GraphRefusedError, GraphUnavailableError, LoaderError, PreflightError, SettingsError
from delta_neo4j.graph.bolt import failures, server
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.bolt.transactions import TooLargeError, open_writing, smallest
from delta_neo4j.graph.passes.base import stopping
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.settings.connection import Connection
from tests.support.bolt_server import HANG_UP, serving

MAPPING = read_mapping("removals")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Let pauses pass at once; gives the seconds that were slept."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    made = Clock()
    monkeypatch.setattr(tenacity, "time", made)
    monkeypatch.setattr(tenacity.nap, "time", made)
    return made


def _reading(connection):
    with open_queries(connection, reading=True) as queries:
        return queries.run("RETURN 1")


def _writing(connection):
    with open_writing(connection, {"app": "test"}) as session:
        return session.run("CREATE (n)", {}), session.effort


DOORS = {
    "version": server.server_version,
    "id": server.database_id,
    "probe": lambda connection: server.check_writes(connection, MAPPING),
    "search": _reading,
    "pass": _writing,
}


def _error(door, running, scheme="bolt"):
    with pytest.raises(LoaderError) as raised:
        DOORS[door](Connection(running.uri(scheme), "u", "pass-word", "neo4j", retry_seconds=10))
    assert "\n" not in str(raised.value)
    assert "pass-word" not in str(raised.value)
    return raised.value


PASSING = [
    ("Neo.TransientError.General.DatabaseUnavailable", "see that the database is started, then run again"),
    ("Neo.TransientError.Transaction.DeadlockDetected", "see that no other program writes the same nodes"),
    ("Neo.TransientError.Transaction.LeaderSwitch", "check that it runs, then run again"),
    ("Neo.TransientError.Request.NoThreadsAvailable", "check that it runs, then run again"),
    ("Neo.TransientError.Nobody.KnowsThisCode", "check that it runs, then run again"),
    ("Neo.ClientError.Transaction.Terminated", "see who ends transactions"),
    ("Neo.ClientError.Security.AuthenticationRateLimit", "dbms.security.auth_lock_time"),
    (HANG_UP, "check that it runs, then run again"),
]


@pytest.mark.parametrize(("code", "words"), PASSING)
def test_what_passes_by_itself_is_waited_for_at_every_door(code, words, clock):
    """Whatever is sent, a passing failure is retried for ten seconds, and is then exit code 3 with what to look at."""
    with serving(lambda name, _: code if name == "RUN" else None) as running:
        for door in DOORS:
            clock.now = 0.0
            error = _error(door, running)
            assert isinstance(error, GraphUnavailableError), (door, error)
            assert words in str(error)
            assert clock.now == pytest.approx(10)


@pytest.mark.parametrize("code", [code for code, _ in PASSING])
def test_what_has_passed_is_forgotten(code):
    """Two failures and then an answer are a success at every door; a commit that broke is sent again."""
    for at in ("RUN", "COMMIT"):
        for door, call in DOORS.items():
            left = [code, code]
            with serving(lambda name, _, at=at, left=left: left.pop() if name == at and left else None) as running:
                answer = call(Connection(running.uri(), "u", "p"))
            if door == "pass":
                assert answer[1].retries == 2
                assert answer[1].deadlocks == (2 if "Deadlock" in code else 0)


@pytest.mark.parametrize("door", DOORS)
def test_a_cluster_without_a_leader_is_read_and_waited_for(door, clock):
    """A routing table without writers stops no search; a write waits for it and names it."""
    with serving(lambda *_: None, roles=("ROUTE", "READ")) as running:
        if door in ("probe", "pass"):
            error = _error(door, running, "neo4j")
            assert isinstance(error, GraphUnavailableError)
            assert "see that the cluster has a leader, then run again" in str(error)
            assert clock.now == pytest.approx(10)
        else:
            DOORS[door](Connection(running.uri("neo4j"), "u", "p"))


def test_a_router_whose_database_is_not_available_says_so(clock):
    """The driver hides the server's answer behind an error of its own; the line has the answer."""
    with serving(lambda name, _: PASSING[0][0] if name == "ROUTE" else None) as running:
        for door in DOORS:
            assert "the server says DatabaseUnavailable" in str(_error(door, running, "neo4j"))


@pytest.mark.parametrize("code", ["Cluster.NotALeader", "General.ForbiddenOnReadOnlyDatabase"])
def test_a_plain_address_that_leads_to_a_follower_has_its_own_line(code, clock):
    """Waiting does not help: the line has the address with routing. An address with routing finds the next leader."""
    with serving(
        lambda name, text: f"Neo.ClientError.{code}" if (name, "CREATE" in text) == ("RUN", True) else None
    ) as s:
        for door, kind in (("probe", PreflightError), ("pass", SettingsError)):
            error = _error(door, s)
            assert isinstance(error, kind)
            assert "the server is a follower or takes no writes" in str(error)
            assert str(error).endswith(f"an address with bolt leads to no other server: use {s.uri('neo4j')}")
            assert clock.now == 0
            assert isinstance(_error(door, s, "neo4j"), GraphUnavailableError)
            clock.now = 0.0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("Security.CredentialsExpired", "wants a new password for 'u' first; run ALTER CURRENT USER SET PASSWORD FROM"),
        ("Security.Unauthorized", "refused the user name or password of 'u'; check NEO4J_USERNAME and NEO4J_PASSWORD"),
        ("Database.DatabaseNotFound", "check NEO4J_DATABASE"),
    ],
)
def test_what_somebody_must_mend_is_not_waited_for(code, words, clock):
    """A password and a database stay wrong: exit code 2 at once, and the line says what helps."""
    with serving(lambda name, _: f"Neo.ClientError.{code}" if name == "RUN" else None) as running:
        error = _error("version", running)
    assert (type(error), clock.now) == (PreflightError, 0)
    assert words in str(error)


MEMORY = "The allocation of an extra {} would use more than the limit 10.0 MiB. Currently using 4.0 MiB. {}{} reached"
POOL = "Neo.TransientError.General.MemoryPoolOutOfMemoryError"
TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
ONE, ALL = "db.memory.transaction.max", "memory.transaction.total.max"


@pytest.mark.parametrize(
    ("code", "says", "meaning", "remedy"),
    [
        (POOL, MEMORY.format("2.0 MiB", "", ONE), "too large", f"raise {ONE}"),
        (POOL, MEMORY.format("2.0 MiB", "dbms.", ALL), "crowded", f"raise dbms.{ALL}, or run again when the server"),
        (POOL, MEMORY.format("2.0 MiB", "db.", ALL), "crowded", f"raise db.{ALL}, or run again"),
        (POOL, MEMORY.format("0.5 GiB", "dbms.", ALL), "too large", f"raise dbms.{ALL}"),
        (TIMED_OUT, "", "too large", "raise db.transaction.timeout"),
        (f"{TIMED_OUT}ClientConfiguration", "", "too large", "raise db.transaction.timeout"),
        ("Neo.ClientError.Transaction.LockClientStopped", "", "crowded", "raise db.transaction.timeout, or run again"),
        ("Neo.ClientError.General.TransactionOutOfMemoryError", "", "too large", "raise db.memory.transaction.max"),
        ("Neo.ClientError.Statement.TypeError", "", "rows", ""),
        ("Neo.ClientError.Schema.ConstraintValidationFailed", "", "rows", ""),
        ("Neo.DatabaseError.General.StorageDamageDetected", "", "failed", "read the server's log"),
    ],
)  # fmt: skip
def test_a_limit_of_one_transaction_is_told_from_a_limit_that_all_share(code, says, meaning, remedy):
    """The server's text names the setting: what one transaction may use, or what all may use together."""
    failure = failures.of(Neo4jError._hydrate_neo4j(code=code, message=says))
    assert failure.meaning == meaning
    assert remedy in failure.remedy


def test_a_transaction_that_is_too_large_is_not_retried_at_the_commit_either(clock):
    """Neo4j calls it transient, and the driver would repeat it for minutes."""
    for at in ("RUN", "COMMIT"):
        with serving(lambda name, _, at=at: POOL if name == at else None) as running:
            connection = Connection(running.uri(), "u", "p")
            with open_writing(connection, {}) as session, pytest.raises(TooLargeError):
                session.run("CREATE (n)", {})
            assert [name for name, _ in running.asked].count(at) == 1
    assert clock.now == 0


def test_one_row_waits_for_memory_that_all_share(clock):
    """It fits when the others have ended; if they do not end, the run ends with the setting and can be run again."""

    def crowded():
        raise TooLargeError("c", "no memory; raise dbms.memory.transaction.total.max, or run again", shared=True)

    def beyond():
        sent.append(1)
        raise TooLargeError("c", "no memory")

    sent = []

    with pytest.raises(GraphUnavailableError, match="for 30 s: no memory; raise dbms"):
        smallest(crowded, 30)
    assert clock.now == pytest.approx(30)
    with pytest.raises(TooLargeError):
        smallest(beyond, 30)
    assert (clock.now, len(sent)) == (pytest.approx(30), 2)


def test_what_a_run_cannot_go_on_without_and_is_too_large_names_the_setting():
    """A row that cannot be deleted is no dead letter: exit code 2, because only the setting helps."""
    error = stopping(
        "Neo4j refused to delete the row with key ['a']", TooLargeError("c", "slow; raise db.transaction.timeout")
    )
    assert isinstance(error, GraphRefusedError)
    assert str(error).endswith("['a']: slow; raise db.transaction.timeout, then run again")


def test_an_error_that_only_the_driver_knows_is_sorted_by_the_drivers_own_word():
    """A code that is not in the table passes by itself if the driver says so."""
    assert failures.of(Neo4jError._hydrate_neo4j(code="Neo.TransientError.New.Code", message="")).passes
    assert failures.of(ClientError("x")).meaning == "rows"
