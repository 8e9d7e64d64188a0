"""The versions of a micro-batch's rows, as texts whose order is the order of the versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source.change_feed import COMMIT
from delta_neo4j.source.sequences import SEQUENCE

if TYPE_CHECKING:
    from pyspark.sql import Column

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.state.checkpoint import Load

_COMMIT_DIGITS, _LIFE_DIGITS = 12, 11  # hex


@dataclass(frozen=True)
class BatchVersion:
    """The one version of a micro-batch's appended rows: `number` (epoch and batch id) after the source token."""

    token: str
    number: int

    def column(self) -> Column:
        """Return the version of a frozen row."""
        return F.lit(f"{self.token}:{self.number:016x}")


@dataclass(frozen=True)
class SequenceVersion:
    """
    The versions of appended rows with a sequence: (the load, the sequence, the hashes of the row).

    So a new load wins over an earlier one, and inside a load the row of the highest sequence, whatever order the rows
    are read in. `number` is the load's first version.
    """

    token: str
    number: int

    def column(self) -> Column:
        """Return the version of a frozen row."""
        hashes = [F.substring(name, 1, 16) for name in ("content_hash", "rel_hash")]
        return F.concat(F.lit(f"{self.token}:{self.number:016x}"), SEQUENCE, *hashes)


@dataclass(frozen=True)
class CommitVersion:
    """
    The versions of a change feed's rows: (table version of the commit, when the load began, sequence, content hash).

    So a new load wins over an earlier one at the same commit, and of two rows of one key in one commit the same one
    wins, whatever order they are read in.
    """

    token: str
    life: int
    has_sequence: bool = False

    def column(self) -> Column:
        """Return the version of a frozen row."""
        commit = F.lower(F.lpad(F.hex(COMMIT), _COMMIT_DIGITS, "0"))
        life = F.lit(f"{self.life:0{_LIFE_DIGITS}x}")
        # A row that says that its key is gone may have no sequence.
        last = [F.coalesce(SEQUENCE, F.lit(""))] if self.has_sequence else []
        return F.concat(F.lit(f"{self.token}:"), commit, life, *last, F.col("content_hash"))


@dataclass(frozen=True)
class StoredVersion:
    """The versions that rows were written with, in the column `name`."""

    name: str

    def column(self) -> Column:
        """Return the version of a row."""
        return F.col(self.name)


Versions = BatchVersion | SequenceVersion | CommitVersion | StoredVersion


def bounds(token: str, load: Load, commit: int | None, table: Table) -> tuple[str, str]:
    """
    Return texts that no version of a load's rows is below or above.

    `commit`: the table version that the load has reached, None unless it reads a change feed.
    """
    if commit is not None:
        return f"{token}:", f"{token}:{commit:0{_COMMIT_DIGITS}x}~"
    first = f"{token}:{load.first_version:016x}"
    if table.sequence_by:
        return first, f"{first}~"
    return first, f"{token}:{load.version(0):016x}~"


def row_versions(token: str, load: Load, batch_id: int, commit: int | None, table: Table) -> Versions:
    """Return the versions of a micro-batch's rows; `commit` is None unless they are those of a change feed."""
    if commit is not None:
        return CommitVersion(token, load.life, bool(table.sequence_by))
    if table.sequence_by:
        return SequenceVersion(token, load.first_version)
    return BatchVersion(token, load.version(batch_id))
