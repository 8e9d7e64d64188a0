"""What keeps a key from becoming unique has a statement that can be pasted; after it the constraint is made."""

from __future__ import annotations

import re
from itertools import chain

import pytest
from neo4j import GraphDatabase

from delta_neo4j.errors import GraphUnavailableError, PreflightError
from delta_neo4j.graph import key_types, schema, schema_conflicts
from delta_neo4j.graph.bolt import server
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.settings.connection import Connection
from tests.support.neo4j_servers import PASSWORD

VECTORS = "OPTIONS {indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'cosine'}}"
# What stands in the graph for each label of a mapping, whose key is (id, part), and the statements that remove it.
OBSTACLES = {
    "A": ("CREATE INDEX plain FOR (n:A) ON (n.id, n.part)", ["DROP INDEX plain"]),
    "B": ("CREATE INDEX `my index` FOR (n:B) ON (n.id, n.part)", ["DROP INDEX `my index`"]),
    "C": ("CREATE INDEX `a``b\\u005Cu0041` FOR (n:C) ON (n.id, n.part)", ["DROP INDEX `a``b\\u005Cu0041`"]),
    "D": ("CREATE INDEX d_id_part_unique FOR (n:D) ON (n.id, n.part)", ["DROP INDEX d_id_part_unique"]),
    "E": ("CREATE INDEX e_id_part_unique FOR (n:Else) ON (n.e)", ["DROP INDEX e_id_part_unique"]),
    "F": ("CREATE TEXT INDEX f_id_part_unique FOR (n:Else) ON (n.f)", ["DROP INDEX f_id_part_unique"]),
    "G": (
        "CREATE CONSTRAINT g_id_part_unique FOR (n:Else) REQUIRE n.g IS UNIQUE",
        ["DROP CONSTRAINT g_id_part_unique"],
    ),
    "H": (
        "CREATE INDEX h_id_part_unique FOR (n:Else) ON (n.h); CREATE INDEX `2` FOR (n:H) ON (n.id, n.part)",
        ["DROP INDEX h_id_part_unique", "DROP INDEX `2`"],
    ),
    "I": ("CREATE INDEX i_vectors FOR (n:Else) ON (n.i)", ["DROP INDEX i_vectors"]),
    "J": ("CREATE CONSTRAINT j_vectors FOR (n:Else) REQUIRE n.j IS UNIQUE", ["DROP CONSTRAINT j_vectors"]),
    "K": (f"CREATE VECTOR INDEX `old-one` FOR (n:K) ON (n.embedding) {VECTORS}", ["DROP INDEX `old-one`"]),
    # None of these is in the way.
    "L": ("CREATE INDEX other FOR (n:L) ON (n.part, n.id)", []),
    "M": ("CREATE TEXT INDEX text FOR (n:M) ON (n.id)", []),
    "N": ("CREATE INDEX related FOR ()-[n:N]-() ON (n.id, n.part)", []),
    "O": ("CREATE CONSTRAINT reversed FOR (n:O) REQUIRE (n.part, n.id) IS UNIQUE", []),
}  # fmt: skip
TABLE = """
  - name: {label}
    source: t
    labels: [{label}]
    key: [{{column: id}}, {{column: part}}]
"""
EMBEDDING = "    embedding: {{text: words, index: {{name: {index}}}}}\n"
DROP = re.compile(r"DROP (?:INDEX|CONSTRAINT) (?:`(?:[^`]|``)+`|\w+)")


def test_each_obstacle_has_the_statements_that_remove_it(newest_graph, tmp_path):
    """`mapping check` and the load name the same statements; they run as they are, and then all is made."""
    graph = newest_graph
    tables = [
        (TABLE + (EMBEDDING if label in "IJK" else "")).format(label=label, index=f"{label.lower()}_vectors")
        for label in OBSTACLES
    ]
    (tmp_path / "things.yml").write_text("tables:" + "".join(tables))
    mapping, connection = read_mapping(str(tmp_path / "things.yml")), Connection(graph.uri, "neo4j", PASSWORD)
    for made, _ in OBSTACLES.values():
        for statement in made.split("; "):
            graph.query(statement)
    wanted = {label: statements for label, (_, statements) in OBSTACLES.items() if statements}
    found = schema_conflicts.find(connection, mapping)
    lines = {**{label: line for (label, _), line in found.keys.items()}, **found.indexes}
    assert {label: DROP.findall(line) for label, line in lines.items()} == wanted
    dropped = []
    for _ in OBSTACLES:
        try:
            schema.ensure(connection, mapping)
        except PreflightError as error:
            for statement in DROP.findall(str(error)):
                graph.query(statement)
                dropped.append(statement)
        else:
            break
    assert sorted(dropped) == sorted(chain.from_iterable(wanted.values()))


def test_a_password_that_has_expired_and_too_many_wrong_ones_are_named(lts_graph, monkeypatch):
    """A new user must set a password first; after wrong attempts the loader waits, and names the pause."""
    monkeypatch.setattr(server, "RETRY_SECONDS", 0.2)
    with (
        GraphDatabase.driver(lts_graph.uri, auth=("neo4j", PASSWORD)) as driver,
        driver.session(database="system") as s,
    ):
        s.run("CREATE OR REPLACE USER fresh SET PLAINTEXT PASSWORD 'password-one' CHANGE REQUIRED").consume()
    for scheme in ("bolt", "neo4j"):
        uri = lts_graph.uri.replace("bolt", scheme)
        with pytest.raises(PreflightError, match="new password for 'fresh' first; run ALTER CURRENT USER SET PASSWORD"):
            server.server_version(Connection(uri, "fresh", "password-one"))
    wrong = Connection(lts_graph.uri, "fresh", "a-wrong-password")
    for _ in range(3):
        with pytest.raises(PreflightError, match="check NEO4J_USERNAME and NEO4J_PASSWORD"):
            server.server_version(wrong)
    with pytest.raises(GraphUnavailableError, match=r"dbms\.security\.auth_lock_time.*then run again"):
        server.server_version(wrong)


def test_keys_of_another_type_are_refused_before_the_first_row(graph, tmp_path):
    """Each row would make a second node: `mapping check` and preflight say so. One node that fits is enough."""
    file = tmp_path / "typed.yml"
    integer = TABLE.format(label="B").replace("{column: part}", "{column: part, type: integer}")
    file.write_text("tables:" + TABLE.format(label="A") + integer + TABLE.format(label="C") + TABLE.format(label="D"))
    file.write_text(file.read_text() + integer.replace("B", "E"))
    mapping = read_mapping(str(file), {})
    graph.query(
        "CREATE (:A {id: 'a', part: 1}), (:B {id: 'b', part: 1}), (:C {id: 1}), (:D {id: 'd', part: 'x'}), "
        "(:D {id: 'd', part: 7}), (:E {id: 'e', part: 2.0})"
    )
    # A whole float is found by its integer.
    assert graph.value("MERGE (n:E {id: 'e', part: 2}) RETURN valueType(n.part) AS found") == "FLOAT NOT NULL"
    connection = Connection(graph.uri, "neo4j", PASSWORD, "neo4j")
    found = schema_conflicts.find(connection, mapping).keys
    assert found.keys() == {("A", ("id", "part"))}
    with pytest.raises(PreflightError, match=r"A nodes have part as INTEGER \(1\).*writes string.*type integer"):
        key_types.check(connection, mapping.tables)
