"""
Which version of a key wins a micro-batch, and the hashes that tell whether it is news to the graph.

Order: (version, the mapping's `order_by`, content hash). The hashes are over the mapped output and nothing
else, so a replay on another machine, in another time zone, gives the same ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source import raw_column
from delta_neo4j.validation import FAULT, JSON_OPTIONS, end_key, text, typed

if TYPE_CHECKING:
    from delta_neo4j.plan import Relationship, Table

STATE = "state"
UNSOUND, SUPERSEDED, WINNER = "unsound", "superseded", "winner"
HASH_LENGTH = 32  # hex digits, 128 bits: no accidental twin in any table that fits a graph


def ranked(table: Table, rows: DataFrame, model_id: str, partitions: int) -> DataFrame:
    """
    Add `state`, `content_hash`, `rel_hash` and `text_hash` to validated rows.

    Each row gets one state: `unsound` (it has a fault), `winner`, or `superseded` (another row of its key won).
    """
    told = rows.withColumn("text_hash", F.sha2(text(table), 256))  # of the exact text sent; null where there is none
    hashed = told.withColumns(
        {"content_hash": _content_hash(table, model_id), "rel_hash": _relationship_hash(table, model_id)}
    )
    # Unsound rows have no key to meet under: each stands alone, spread by content so that a million null
    # keys do not end in one task.
    spread = F.xxhash64(*[F.col(raw_column(table, each)).cast("string") for each in table.inputs])
    keys = {f"key{i}": F.when(F.col(FAULT).isNull(), typed(table, p)) for i, p in enumerate(table.key)}
    keyed = hashed.withColumns({**keys, "alone": F.when(F.col(FAULT).isNotNull(), spread)})
    # Columns, not expressions: so the window finds the rows where the repartition put them, without moving them again.
    together = [*keys, "alone"]
    newest_first = [F.col(raw_column(table, c)).desc_nulls_last() for c in table.order_by]
    window = Window.partitionBy(*together).orderBy(*newest_first, F.desc("content_hash"), F.desc("rel_hash"))
    rank = F.row_number().over(window)
    state = F.when(F.col(FAULT).isNotNull(), UNSOUND).when(rank == 1, WINNER).otherwise(SUPERSEDED)
    return keyed.repartition(partitions, *together).withColumn(STATE, state).drop(*together)


def _content_hash(table: Table, model_id: str) -> Column:
    # Labels and types are part of what a row makes: another mapping of the same values is other content.
    shape = [":".join(table.labels), *(f"{p.name} {p.type}" for p in (*table.key, *table.properties))]
    parts = [_shape(*shape), *(typed(table, p) for p in (*table.key, *table.properties))]
    embedding = table.vector_on_row
    if embedding:
        vector = F.col(raw_column(table, embedding.vector)) if embedding.vector else text(table)
        parts += [_shape(embedding.property, model_id), vector]
    return digest(parts)


def _relationship_hash(table: Table, model_id: str) -> Column:
    parts = []
    for relationship in table.relationships:
        if relationship.retired:
            continue
        kind = (relationship.type, str(relationship.incoming), relationship.end_label, relationship.on_missing)
        parts.append(_shape(*kind))
        parts += [end_key(table, p) for p in relationship.end_key]
        if relationship.properties:
            parts.append(edge_content_hash(table, relationship))
    if table.embedding and table.embedding.holder:
        # What the nodes of texts and chunks hold is of the row's making, too.
        parts += [_shape(repr(table.embedding.holder), table.embedding.property, model_id), F.col("text_hash")]
    return digest(parts)


def edge_content_hash(table: Table, relationship: Relationship) -> Column:
    """Hash the properties of a row's relationship: names, types and values."""
    shape = _shape(*(f"{p.name} {p.type}" for p in relationship.properties))
    return digest([shape, *(typed(table, p) for p in relationship.properties)])


def _shape(*words: str) -> Column:
    return F.lit("|".join(words))


def digest(parts: list[Column]) -> Column:
    """Hash values; "" where there are none."""
    if not parts:
        return F.lit("")
    # JSON names each value, so a null here and a null there cannot look alike; UTC keeps zones out.
    named = [part.alias(str(number)) for number, part in enumerate(parts)]
    return F.substring(F.sha2(F.to_json(F.struct(*named), JSON_OPTIONS), 256), 1, HASH_LENGTH)
