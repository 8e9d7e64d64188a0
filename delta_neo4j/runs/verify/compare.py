"""The comparison of expected and found documents: one outcome for each key, and the differences as rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.cypher.common import OWNER
from delta_neo4j.graph.passes.differences import DIFFERENCES, DIFFERENT, EXTRA, MISSING, FindDifferences
from delta_neo4j.source import freeze, ranking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column, DataFrame

    from delta_neo4j.mapping.plan import Edge

# The outcomes of a key that are no differences.
EQUAL, NOTHING, DEAD_LETTERS, FRAMES, UNKNOWN, NOT_OURS = (
    "equal", "nothing", "dead_letters", "frames", "unknown", "not_ours",
)  # fmt: skip
BUCKETS = 16
_WELL_FORMED = "^[0-9a-f]{8}:[0-9a-f]{16}"


@dataclass(frozen=True)
class Owners:
    """
    How a node's version tells who wrote it.

    `tokens`: the source tokens of this table in this state, `frames`: those of its rows that came in frames. `lowest`
    and `highest` bound the versions that the load has written, None if no load has begun.
    """

    tokens: tuple[str, ...]
    frames: tuple[str, ...]
    lowest: str | None = None
    highest: str | None = None

    @property
    def registered(self) -> list[str]:
        """The tokens as the graph's registry has them."""
        return [token.removesuffix(":") for token in self.tokens]

    def fit(self) -> Column:
        """Return whether a row's `version` can be one that the load has written."""
        if self.lowest is None or self.highest is None:
            return _begins(self.tokens)
        return F.coalesce((F.col("version") >= self.lowest) & (F.col("version") <= self.highest), F.lit(False))


def winners(documents: DataFrame, *, several: bool) -> DataFrame:
    """
    Return the documents of the winners, each key once, with the documents that a key may have (`candidates`).

    `several`: whether a key on several rows may have the document of any of them, because no sequence decides.
    """
    if not several:
        of_winner = documents.where(F.col("state") == ranking.WINNER).drop("state")
        return of_winner.withColumns({"candidates": F.array("document"), "rows": F.lit(1)})
    wins = F.col("state") == ranking.WINNER
    names = [name for name in documents.columns if name not in {"key", "state"}]
    columns = [F.max(F.when(wins, F.col(name))).alias(name) for name in names]
    grouped = documents.groupBy("key").agg(
        *columns, F.collect_set("document").alias("candidates"), F.count("*").alias("rows")
    )
    return grouped.where("document IS NOT NULL")


def outcomes(
    expected: DataFrame, found: DataFrame, owners: Owners, *, letters: DataFrame, unsound: DataFrame
) -> DataFrame:
    """
    Return one row for each key: `outcome`, `rows`, `bucket`, `fingerprint`, and if it is not equal `row`, the rest.

    `letters` has the `row_key` of rows that the writer or the embedder made dead letters, `unsound` the `key` of rows
    that validation did. A key that the graph has twice has two rows.
    """
    renamed = found.withColumnsRenamed({"document": "found", "rel_hash": "found_rel_hash"})
    lettered = letters.select("row_key").distinct().withColumn("lettered", F.lit(True))
    joined = expected.join(lettered, "row_key", "left").join(renamed, "key", "full_outer")
    joined = joined.join(unsound.withColumn("unsound", F.lit(True)), "key", "left")
    once = Window.partitionBy("key").orderBy(F.desc(F.col("document").eqNullSafe(F.col("found"))), "id")
    joined = joined.withColumns({"version_fits": owners.fit(), "again": F.row_number().over(once)})
    joined = joined.withColumn("outcome", _outcome(owners))
    names = (
        "key",
        "document",
        "found",
        "others",
        "rel_hash",
        "found_rel_hash",
        "version",
        "version_fits",
        "id",
        "row_key",
    )
    return joined.select(
        "outcome",
        F.coalesce("rows", F.lit(1)).alias("rows"),
        F.pmod(F.xxhash64("key"), F.lit(BUCKETS)).cast("int").alias("bucket"),
        F.when(F.col("document").isNotNull(), F.xxhash64("key", "document")).alias("fingerprint"),
        F.when(F.col("outcome") != EQUAL, F.struct(*names)).alias("row"),
    )


def _outcome(owners: Owners) -> Column:
    absent, version = F.col("document").isNull(), F.col("version")
    others = F.col("owner").isNotNull() & (F.col("owner") != OWNER)
    known, in_frame = _begins(owners.tokens), _begins(owners.frames)
    several = F.col("rows") > 1
    same_edges = F.col("found_rel_hash").isNull() | (F.col("found_rel_hash") == F.col("rel_hash")) | several
    fits = F.array_contains("candidates", F.col("found")) & F.col("version_fits") & F.coalesce(same_edges, F.lit(False))
    return (
        F.when(absent & (version.isNull() | F.col("found").isNull()), NOTHING)
        .when(absent & in_frame, FRAMES)
        .when(absent & F.col("unsound"), DEAD_LETTERS)
        .when(absent & ~known, UNKNOWN)
        .when(absent & others, NOT_OURS)
        .when(absent | (F.col("again") > 1), EXTRA)
        .when(F.col("found").isNull(), F.when(F.col("lettered"), DEAD_LETTERS).otherwise(MISSING))
        .when(others, NOT_OURS)
        .when(fits, EQUAL)
        .when(in_frame, FRAMES)
        .when(F.col("lettered"), DEAD_LETTERS)
        .when(version.rlike(_WELL_FORMED) & ~known, UNKNOWN)
        .otherwise(DIFFERENT)
    )


def _begins(tokens: Iterable[str]) -> Column:
    """Return whether `version` begins with one of some source tokens, false if it is null."""
    begins = [F.col("version").startswith(token) for token in tokens]
    return F.coalesce(reduce(or_, begins, F.lit(False)), F.lit(False))


def differences(compared: DataFrame, optional: tuple[tuple[str, str, str, int], ...], edge: Edge | None) -> DataFrame:
    """
    Return the differences (`DIFFERENCES`) in the result of `outcomes`.

    `optional` is as in `FindDifferences`. `edge`: of an edge list, whose missing edges may lack a start or end node.
    """
    names = ("key", F.col("document").alias("expected"), "found", "others", "rel_hash", "found_rel_hash")
    different = compared.where(F.col("outcome") == DIFFERENT).select("row.*")
    explained = different.select(*names, "version", "version_fits").mapInArrow(FindDifferences(optional), DIFFERENCES)
    whole = compared.where(F.col("outcome").isin(MISSING, EXTRA)).select("outcome", "row.key")
    none = F.lit(None).cast("string")
    ends = F.when(F.col("outcome") == MISSING, _ends(edge)).alias("ends")
    return explained.unionByName(
        whole.select(
            F.col("outcome").alias("kind"),
            "key",
            none.alias("what"),
            none.alias("expected"),
            none.alias("found"),
            ends,
        )
    )


def _ends(edge: Edge | None) -> Column:
    """Return (label, key) of the start and of the end node of an edge list's row, null if the row makes its nodes."""
    if edge is None or edge.on_missing == "merge":
        return F.lit(None).cast("array<string>")
    parts, width = F.from_json("key", "array<string>"), len(edge.start_key)
    start, end = F.slice(parts, 1, width), F.slice(parts, width + 1, len(edge.end_key))
    return F.array(F.lit(edge.start_label), F.to_json(start), F.lit(edge.end_label), F.to_json(end))


def without_ends(found: DataFrame, existing: DataFrame) -> DataFrame:
    """
    Return differences without the missing relationships one of whose `ends` is not there.

    `existing` has the `label` and `end_key` of all nodes that may be ends.
    """
    for first in (0, 2):
        label, key = F.col("ends")[first], F.col("ends")[first + 1]
        there = existing.withColumn("there", F.lit(True))
        joined = found.join(there, (label == there["label"]) & (key == there["end_key"]), "left")
        needed = F.col("ends").isNotNull() & (F.size("ends") > first)
        found = joined.where(~needed | F.col("there")).select(*found.columns)
    return found


def frozen(frame: DataFrame, path: str) -> DataFrame:
    """Write a frame to Parquet and return it read back."""
    freeze.overwrite(frame, path)
    return frame.sparkSession.read.schema(frame.schema).parquet(path)
