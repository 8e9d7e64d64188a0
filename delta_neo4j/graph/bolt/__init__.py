"""Connections, transactions and the meaning of Neo4j's errors; only this folder imports the `neo4j` driver."""
