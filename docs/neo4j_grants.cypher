// The least that a load of the shipped mapping needs, for Neo4j Enterprise and Aura tiers with roles of one's own.
// Parsed by Neo4j 5.26 and 2026.x (a test does it), but not run on an Enterprise server yet: Community has no roles.
// Run it as an administrator against the system database; put your own names for the role, user and password.
// Another mapping: its labels behind NODES, its types behind RELATIONSHIPS.

CREATE ROLE delta_loader IF NOT EXISTS;
CREATE USER loader IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED;
GRANT ROLE delta_loader TO loader;

GRANT ACCESS ON DATABASE neo4j TO delta_loader;

// Constraints and the vector index: made before the first row, looked up at each run.
GRANT CONSTRAINT MANAGEMENT ON DATABASE neo4j TO delta_loader;
GRANT INDEX MANAGEMENT ON DATABASE neo4j TO delta_loader;
// The first load makes the names of labels, types and properties; later ones may go without.
GRANT NAME MANAGEMENT ON DATABASE neo4j TO delta_loader;

// What is there is looked up by key, hash and version before it is written.
GRANT MATCH {*} ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;
GRANT MATCH {*} ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;

GRANT CREATE ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;
GRANT CREATE ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;
GRANT SET PROPERTY {*} ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;
GRANT SET PROPERTY {*} ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;
GRANT SET LABEL RemovalEvent, Component, Aircraft ON GRAPH neo4j TO delta_loader;
GRANT REMOVE LABEL RemovalEvent, Component, Aircraft ON GRAPH neo4j TO delta_loader;

// Edges that a changed row no longer has.
GRANT DELETE ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;

// For `delta-neo4j search`: a role of its own reads, and no more.
CREATE ROLE delta_searcher IF NOT EXISTS;
GRANT ACCESS ON DATABASE neo4j TO delta_searcher;
GRANT SHOW INDEX ON DATABASE neo4j TO delta_searcher;
GRANT MATCH {*} ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_searcher;
GRANT MATCH {*} ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_searcher;
GRANT EXECUTE PROCEDURE db.index.vector.queryNodes ON DBMS TO delta_searcher;

SHOW ROLE delta_loader PRIVILEGES AS COMMANDS;
