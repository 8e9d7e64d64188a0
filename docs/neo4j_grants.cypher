// The least privileges that a load of the shipped mapping needs, for Neo4j Enterprise and Aura tiers with own roles.
// A test parses the file with Neo4j 5.26 and 2026.x. No Enterprise server has run it yet: Community has no roles.
// Run it as an administrator against the system database; put in your own names for the role, user and password.
// For another mapping write its labels after NODES, and its relationship types after RELATIONSHIPS.

CREATE ROLE delta_loader IF NOT EXISTS;
CREATE USER loader IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED;
GRANT ROLE delta_loader TO loader;

GRANT ACCESS ON DATABASE neo4j TO delta_loader;

// Constraints, the vector index and the full-text index: created before the first row, read at each run.
GRANT CONSTRAINT MANAGEMENT ON DATABASE neo4j TO delta_loader;
GRANT INDEX MANAGEMENT ON DATABASE neo4j TO delta_loader;
// The first load creates the names of labels, types and properties; later loads do not need this privilege.
GRANT NAME MANAGEMENT ON DATABASE neo4j TO delta_loader;

// A load looks up nodes and relationships by key, hash and version before it writes them.
GRANT MATCH {*} ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;
GRANT MATCH {*} ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;

GRANT CREATE ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;
GRANT CREATE ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;
GRANT SET PROPERTY {*} ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;
GRANT SET PROPERTY {*} ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;
GRANT SET LABEL RemovalEvent, Component, Aircraft ON GRAPH neo4j TO delta_loader;
GRANT REMOVE LABEL RemovalEvent, Component, Aircraft ON GRAPH neo4j TO delta_loader;

// A load deletes the relationships that a changed row no longer has, and the nodes of rows that the table has no more.
GRANT DELETE ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_loader;
GRANT DELETE ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_loader;

// The loader's own record of its loads: which state, load and micro-batch the graph holds, and which run may write.
GRANT MATCH {*} ON GRAPH neo4j NODES _DeltaNeo4jLoad TO delta_loader;
GRANT CREATE ON GRAPH neo4j NODES _DeltaNeo4jLoad TO delta_loader;
GRANT SET LABEL _DeltaNeo4jLoad ON GRAPH neo4j TO delta_loader;
GRANT SET PROPERTY {*} ON GRAPH neo4j NODES _DeltaNeo4jLoad TO delta_loader;
GRANT DELETE ON GRAPH neo4j NODES _DeltaNeo4jLoad TO delta_loader;

// A role for `delta-neo4j search` that can only read.
CREATE ROLE delta_searcher IF NOT EXISTS;
GRANT ACCESS ON DATABASE neo4j TO delta_searcher;
GRANT SHOW INDEX ON DATABASE neo4j TO delta_searcher;
GRANT MATCH {*} ON GRAPH neo4j NODES RemovalEvent, Component, Aircraft TO delta_searcher;
GRANT MATCH {*} ON GRAPH neo4j RELATIONSHIPS HAS_REMOVAL, HAS_REMOVAL_EVENT TO delta_searcher;
GRANT EXECUTE PROCEDURE db.index.vector.queryNodes ON DBMS TO delta_searcher;
GRANT EXECUTE PROCEDURE db.index.fulltext.queryNodes ON DBMS TO delta_searcher;

SHOW ROLE delta_loader PRIVILEGES AS COMMANDS;
