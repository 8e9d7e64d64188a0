"""The graph that every writer of a benchmark makes: its keys, its relationships, its indexes.

The indexes are those that the product makes from `mappings/removals.yml`. Neo4j maintains each of them during a load,
so a writer without one of them would have less work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neo4j import Driver

TEXT, KEY = "RMV_REA_TX", "removal_id"


@dataclass(frozen=True)
class Hub:
    """A relationship from a hub node, found or made by the value of `column`, to the removal."""

    label: str
    column: str
    relationship: str

    @property
    def statement(self) -> str:
        """Cypher that merges hub and relationship for each of $rows (`hub`, `id`)."""
        return (
            "UNWIND $rows AS row MATCH (n:RemovalEvent {removal_id: row.id}) "
            f"MERGE (hub:{self.label} {{{self.column}: row.hub}}) MERGE (hub)-[:{self.relationship}]->(n)"
        )


HUBS = (Hub("Component", "component_id", "HAS_REMOVAL"), Hub("Aircraft", "aircraft_id", "HAS_REMOVAL_EVENT"))
REASON = Hub("RemovalReason", TEXT, "HAS_REASON")  # holds the vector if there is one vector a text


def create_schema(driver: Driver, database: str, hubs: tuple[Hub, ...], *, dimension: int = 384) -> None:
    """Create the key constraints, the vector index and the full-text index, and wait until all are ONLINE."""
    keys = [("RemovalEvent", KEY), *((hub.label, hub.column) for hub in hubs)]
    holder = REASON.label if REASON in hubs else "RemovalEvent"
    for label, key in keys:
        driver.execute_query(
            f"CREATE CONSTRAINT IF NOT EXISTS FOR (n:{label}) REQUIRE n.{key} IS UNIQUE", database_=database
        )
    driver.execute_query(
        f"CREATE VECTOR INDEX {holder}_embedding IF NOT EXISTS FOR (n:{holder}) ON n.embedding OPTIONS "
        f"{{indexConfig: {{`vector.dimensions`: {dimension}, `vector.similarity_function`: 'cosine'}}}}",
        database_=database,
    )
    driver.execute_query(
        f"CREATE FULLTEXT INDEX {holder}_texts IF NOT EXISTS FOR (n:{holder}) ON EACH [n.{TEXT}]", database_=database
    )
    driver.execute_query("CALL db.awaitIndexes(300)", database_=database)
