"""The hashes that are compared with those in the graph: a row with equal hashes is unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source.values import JSON_OPTIONS, text

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Property, Relationship
    from delta_neo4j.source.row_columns import RowColumns

HASH_LENGTH = 32  # hex digits, 128 bits: enough that no two rows of a graph have the same hash by accident


def content_hash(columns: RowColumns, model_id: str) -> Column:
    """Return the hash of what a row writes on its own node or edge: labels, names, types, values, text and model id."""
    table = columns.table
    # With labels and types: if another mapping writes the same values, the row has changed.
    shape = [":".join(table.labels), *_named((*table.key, *table.properties))]
    parts = [_shape(*shape), *(columns.value(p) for p in (*table.key, *table.properties))]
    embedding = table.vector_on_row
    if embedding:
        vector = columns.raw(embedding.vector) if embedding.vector else text(table)
        parts += [_shape(embedding.property, model_id), vector]
    return digest(parts)


def relationship_hash(columns: RowColumns, model_id: str) -> Column:
    """Return the hash of a row's relationships, and of its text if text nodes or chunks hold the vector."""
    table, parts = columns.table, []
    for relationship in table.relationships:
        if relationship.retired:
            continue
        kind = (relationship.type, str(relationship.incoming), relationship.end_label, relationship.on_missing)
        parts.append(_shape(*kind))
        parts += [columns.end_key(p) for p in relationship.end_key]
        if relationship.key:
            parts += [_shape("key", *_named(relationship.key)), *map(columns.value, relationship.key)]
        if relationship.properties:
            parts.append(edge_content_hash(columns, relationship))
    if table.embedding and table.embedding.holder:
        # The row also writes the nodes of its text and chunks.
        parts += [_shape(repr(table.embedding.holder), table.embedding.property, model_id), F.col("text_hash")]
    return digest(parts)


def edge_content_hash(columns: RowColumns, relationship: Relationship) -> Column:
    """Return the hash of a relationship's properties (names, types and values) and of what its key consists of."""
    # The key's values find the relationship; its names are here because another key makes another relationship.
    key = [" key ", *_named(relationship.key)] if relationship.key else []
    shape = _shape(*_named(relationship.properties), *key)
    return digest([shape, *(columns.value(p) for p in relationship.properties)])


def _named(properties: tuple[Property, ...]) -> list[str]:
    return [f"{p.name} {p.type}" for p in properties]


def _shape(*words: str) -> Column:
    return F.lit("|".join(words))


def digest(parts: list[Column]) -> Column:
    """Return the hash of values, in their order; "" if there are no values."""
    if not parts:
        return F.lit("")
    # JSON names each value, so (null, 1) and (1, null) differ. Timestamps are in UTC, whatever the session's zone is.
    named = [part.alias(str(number)) for number, part in enumerate(parts)]
    return F.substring(F.sha2(F.to_json(F.struct(*named), JSON_OPTIONS), 256), 1, HASH_LENGTH)
