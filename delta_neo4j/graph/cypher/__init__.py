"""All Cypher text, built from a mapping without I/O; names are quoted, and values are always parameters."""
