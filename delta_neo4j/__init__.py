"""
Keeps a Neo4j graph, with a vector on what has text, equal to Delta tables.

The way of a row: `source` → `validation` → `embedding` → `writer` → `ledger`; the order of a micro-batch
stands in `pipeline`. Import from the module that owns the name.
"""

__version__ = "0.1.0"
