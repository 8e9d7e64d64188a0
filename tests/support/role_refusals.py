"""What an Enterprise server says where a role lacks a privilege, and the statement that grants it."""

from __future__ import annotations

REFUSALS = [
    ("Schema operation 'create_constraint' is not allowed", "GRANT CONSTRAINT MANAGEMENT ON DATABASE neo4j"),
    ("Schema operation 'create_index' is not allowed", "GRANT INDEX MANAGEMENT ON DATABASE neo4j"),
    ("Creating new node label on database 'neo4j' is not allowed", "GRANT NAME MANAGEMENT ON DATABASE neo4j"),
    ("Creating new property name on database 'neo4j' is not allowed", "GRANT NAME MANAGEMENT ON DATABASE neo4j"),
    ("ACCESS on database 'neo4j' is not allowed", "GRANT ACCESS ON DATABASE neo4j"),
    ("Create node with labels 'RemovalEvent' on database 'neo4j' is not allowed", "GRANT CREATE ON GRAPH neo4j"),
    ("Create relationship with type 'X' on database 'neo4j' is not allowed", "GRANT CREATE ON GRAPH neo4j"),
    ("Set property for property 'p' on database 'neo4j' is not allowed", "GRANT SET PROPERTY {*} ON GRAPH neo4j"),
    ("Set label for label 'X' on database 'neo4j' is not allowed", "GRANT SET LABEL * ON GRAPH neo4j"),
    ("Delete relationship with type 'X' on database 'neo4j' is not allowed", "GRANT DELETE ON GRAPH neo4j"),
]
