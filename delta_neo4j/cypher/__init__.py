"""From a mapping to Cypher: pure text, no I/O. Names pass `identifiers`; values always bind."""
