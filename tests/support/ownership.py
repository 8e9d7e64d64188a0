"""What others add to a loaded graph, and a mapping that has less than the shipped one."""

from __future__ import annotations

THEIRS = """
MATCH (n:RemovalEvent {removal_id: 'RE000001'}), (c:Component {component_id: 'C1'})
SET n.note = 'mine', n:Checked, c.colour = 'red'
CREATE (n)-[:SEEN_BY {on: 'monday'}]->(:Person {name: 'Ann'})
CREATE (c)-[:HAS_REMOVAL {by: 'hand'}]->(n)
CREATE (:RemovalEvent {removal_id: 'by hand'})
"""


FOUND = """
MATCH (n:RemovalEvent:Checked {removal_id: 'RE000001'})-[:SEEN_BY {on: 'monday'}]->(:Person {name: 'Ann'})
MATCH (c:Component {component_id: 'C1', colour: 'red'})-[:HAS_REMOVAL {by: 'hand'}]->(n)
MATCH (:RemovalEvent {removal_id: 'by hand'})
RETURN n.note AS note
"""


CHANGED = """
tables:
  - name: removals
    source: removals
    labels: [RemovalEvent]
    key: [{property: removal_id, column: ":ID(RemovalEvent)"}]
    properties: [{column: RMV_TRK_NO}, {property: why, column: RMV_REA_TX}]
    relationships:
      - {type: HAS_REMOVAL, direction: in, end: {label: Component, key: [{column: component_id}]}}
"""
