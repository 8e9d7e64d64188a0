"""Mapping files: from YAML to a plan of frozen values, with names and expressions that are safe in Cypher and SQL."""
