"""A refusal of Neo4j's roles: the statement that gives what is missing, from the driver's own exceptions."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
from neo4j.exceptions import Neo4jError

from delta_neo4j.errors import PreflightError, SettingsError
from delta_neo4j.graph import schema
from delta_neo4j.graph.bolt import grants, queries, transactions
from delta_neo4j.graph.cypher import probes
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.settings.connection import Connection
from tests.support.places import ROOT
from tests.support.role_refusals import REFUSALS

USER = "for user 'loader' with roles [PUBLIC, delta_loader]."
CONNECTION = Connection("bolt://h", "u", "p")


def _error(message, code="Neo.ClientError.Security.Forbidden"):
    """Give the exception that the driver makes of a server's answer."""
    return Neo4jError._hydrate_neo4j(code=code, message=message)


class Server:
    """A session and its transaction, on a server that refuses statements which match a pattern."""

    def __init__(self, pattern, error):
        self.pattern, self.error, self.asked, self.rolled_back = pattern, error, [], False

    def session(self, database):
        """Be the session."""
        return self

    def begin_transaction(self):
        """Be the transaction."""
        return self

    def __enter__(self):  # noqa: D105
        return self

    def __exit__(self, *_):  # noqa: D105
        pass

    def rollback(self):
        """Note it."""
        self.rolled_back = True

    def run(self, statement, *_, **__):
        """Refuse, or be the result."""
        self.asked.append(statement)
        if re.search(self.pattern, statement):
            raise self.error
        return self

    def consume(self):
        """Be consumed."""

    def data(self):
        """Give no records."""
        return []


@pytest.mark.parametrize(("says", "statement"), REFUSALS)
def test_a_refusal_names_the_statement_and_the_role(says, statement):
    """The privilege, the database and the user's own role."""
    assert grants.remedy(_error(f"{says} {USER}"), "neo4j") == f"{statement} TO delta_loader"


def test_what_is_no_refusal_of_a_privilege_has_no_statement():
    """Another code, or another kind of error, is not about grants."""
    assert grants.remedy(_error("x", "Neo.ClientError.Database.DatabaseNotFound"), "neo4j") is None
    assert grants.remedy(OSError("x"), "neo4j") is None
    assert "neo4j_grants.cypher" in grants.remedy(_error("something else"), "neo4j")


def test_names_that_want_quotes_get_them():
    """A database or role with a hyphen is quoted, a back-tick ends no quote, and no name is the home database."""
    error = _error("ACCESS on database 'my-db' is not allowed for user 'u' with roles [PUBLIC, my`role].")
    assert grants.remedy(error, "my-db") == "GRANT ACCESS ON DATABASE `my-db` TO `my``role`"
    assert grants.remedy(error, "") == "GRANT ACCESS ON HOME DATABASE TO `my``role`"
    assert grants.remedy(_error("Delete node is not allowed"), "") == "GRANT DELETE ON HOME GRAPH TO ROLE"


@pytest.mark.parametrize(
    ("pattern", "says", "statement"),
    [
        (
            "CREATE",
            "Create node with labels 'RemovalEvent' on database 'neo4j' is not allowed",
            "GRANT CREATE ON GRAPH",
        ),
        (
            "DELETE",
            "Delete relationship with type 'X' on database 'neo4j' is not allowed",
            "GRANT DELETE ON GRAPH neo4j TO",
        ),
    ],
)
def test_a_user_who_may_not_write_is_told_before_anything_is(pattern, says, statement):
    """The probe is refused, the line has the statement, and the transaction is rolled back."""
    stand_in = Server(pattern, _error(f"{says} {USER}"))
    with pytest.raises(PreflightError, match=rf"may not write to database 'neo4j'.*{statement}") as refused:
        grants.check_writes(stand_in, "neo4j", read_mapping("removals"))
    assert stand_in.rolled_back
    assert "\n" not in str(refused.value)


def test_a_database_that_takes_no_writes_is_told(tmp_path):
    """A read-only database has no missing grant; the line says what the server says."""
    error = _error("No write operations are allowed", "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase")
    with pytest.raises(PreflightError, match="No write operations are allowed; see that the database takes writes"):
        grants.check_writes(Server("CREATE", error), "neo4j", read_mapping("removals"))


@pytest.mark.parametrize(
    ("pattern", "says", "statement"),
    [
        ("CREATE CONSTRAINT", "Schema operation 'create_constraint' is not allowed", "GRANT CONSTRAINT MANAGEMENT"),
        ("SHOW CONSTRAINTS", "Show constraint is not allowed", "GRANT CONSTRAINT MANAGEMENT"),
    ],
)
def test_a_user_who_may_not_make_constraints_is_told_how_to_be_allowed(pattern, says, statement, monkeypatch):
    """The refusal is not taken for duplicates in the graph, whose search would be refused too."""
    stand_in = Server(pattern, _error(f"{says} {USER}"))
    monkeypatch.setattr(queries, "open_driver", lambda _: nullcontext(stand_in))
    with pytest.raises(PreflightError, match=rf"{statement} ON DATABASE neo4j TO delta_loader"):
        schema.ensure(CONNECTION, read_mapping("removals"))


def test_the_probe_has_every_label_and_type_of_the_mapping():
    """What a load writes and takes away is what is asked for: no node needs to be deleted."""
    (probe,) = probes.writes(read_mapping("removals"))
    assert probe == (
        "CREATE (row:`RemovalEvent`) SET row.`_dn_version` = 0 "
        "CREATE (row)-[edge0:`HAS_REMOVAL` {`_dn_owner`: ''}]->(:`Component`) "
        "CREATE (row)-[edge1:`HAS_REMOVAL_EVENT` {`_dn_owner`: ''}]->(:`Aircraft`) DELETE edge0, edge1"
    )


PIECES = """
tables:
  - name: notes
    source: notes
    labels: [Note]
    key: [{column: id}]
    embedding: {text: words, index: {name: notes}, chunks: {label: Piece, relationship: HAS_PIECE}}
  - name: ties
    source: ties
    relationship:
      type: NEAR
      from: {label: Note, key: [{property: id, column: a}]}
      to: {label: Place, key: [{property: id, column: b}]}
"""


def test_the_probe_has_pieces_of_texts_and_edge_lists(tmp_path):
    """A missing grant for either would show in the middle of a load."""
    (tmp_path / "notes.yml").write_text(PIECES)
    assert list(probes.writes(read_mapping(str(tmp_path / "notes.yml")))) == [
        (
            "CREATE (row:`Note`) SET row.`_dn_version` = 0 "
            "CREATE (row)-[edge0:`HAS_PIECE` {`_dn_owner`: ''}]->(:`Piece`) DELETE edge0"
        ),
        (
            "CREATE (row:`Note`) SET row.`_dn_version` = 0 "
            "CREATE (row)-[edge0:`NEAR` {`_dn_owner`: ''}]->(:`Place`) DELETE edge0"
        ),
    ]


def test_a_full_aura_tier_stops_the_run_with_the_way_on():
    """Aura's limit of nodes is nobody's row's fault."""
    says = "You have exceeded the logical size limit of 200000 nodes in your database (attempt to add 2 nodes …)"
    error = _error(says, "Neo.ClientError.Transaction.TransactionHookFailed")
    told = transactions.WriteSession(None, {}, 5)._sorted(error)
    assert isinstance(told, SettingsError)
    assert "the Aura tier is full" in str(told)


def test_the_grant_script_covers_the_shipped_mapping_and_every_remedy():
    """`docs/neo4j_grants.cypher` names the labels and types of the mapping, and each privilege a refusal may name."""
    script = (ROOT / "docs" / "neo4j_grants.cypher").read_text()
    for table in read_mapping("removals").tables:
        for name in (
            *table.labels,
            *(r.end_label for r in table.relationships),
            *(r.type for r in table.relationships),
        ):
            assert re.search(rf"\b{name}\b", script), name
    for privilege in ("ACCESS", "CONSTRAINT MANAGEMENT", "INDEX MANAGEMENT", "NAME MANAGEMENT", "CREATE", "DELETE"):
        assert f"GRANT {privilege} ON" in script
    assert "GRANT MATCH {*}" in script
    assert "GRANT SET PROPERTY {*}" in script
