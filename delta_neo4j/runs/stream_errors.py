"""
Spark's and Delta's error classes that end a stream or a read, as data: what each means, and what helps.

A class that is not in the table promises nothing. Sources: the files `delta-error-classes.json` of Delta 4.0 and 3.3,
and `error-conditions.json` of Spark 4.0 and 3.5.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from delta_neo4j.errors import CheckpointHeldError, LoaderError, SourceError, TransientError

_FRESH = (
    "run `load` with --reset-checkpoint: every row is read again from the table as it is now and written if its hash "
    "differs from the one on its node (edits of the graph by hand are not seen), what the table has no more is deleted "
    "from the graph, and no text is embedded twice"
)


class StreamError(NamedTuple):
    """One of `classes` in an error's text means `kind`; `sentence` says what happened, and what helps."""

    classes: tuple[str, ...]
    kind: type[LoaderError]
    sentence: str
    quoted: bool = False  # whether Spark's own words follow the sentence: they name the value and a function


STREAM_ERRORS = (
    StreamError(
        ("CONCURRENT_STREAM_LOG_UPDATE", "CONCURRENT_QUERY", "DELTA_CONCURRENT_TRANSACTION"),
        CheckpointHeldError,
        "another run works on this checkpoint; wait until it ends, then run again",
    ),
    StreamError(
        ("DELTA_SOURCE_TABLE_IGNORE_CHANGES", "DELTA_SOURCE_IGNORE_DELETE"),
        SourceError,
        "the source table was updated, deleted from or overwritten, which source mode append cannot follow; switch on "
        "its change data feed (ALTER TABLE … SET TBLPROPERTIES (delta.enableChangeDataFeed = true)) and run with "
        "--source-mode cdf --reset-checkpoint, which follows such changes from now on; or run with --source-mode "
        f"snapshot --reset-checkpoint, which reads all rows at each run; or {_FRESH}",
    ),
    StreamError(
        ("DELTA_MISSING_CHANGE_DATA", "DELTA_REMOVE_FILE_CDC_MISSING_EXTENDED_METADATA"),
        SourceError,
        "the change data feed of the source table has a gap: it was switched off for a while, or its files are gone "
        f"(VACUUM); if it is off, switch it on again (delta.enableChangeDataFeed = true); then {_FRESH}",
    ),
    StreamError(
        (
            "DELTA_LOG_FILE_NOT_FOUND_FOR_STREAMING_SOURCE", "DELTA_LOG_FILE_NOT_FOUND",
            "DELTA_MISSING_FILES_UNEXPECTED_VERSION", "DELTA_TRUNCATED_TRANSACTION_LOG",
            "DELTA_VERSIONS_NOT_CONTIGUOUS", "DELTA_MISSING_PART_FILES", "DELTA_STATE_RECOVER_ERROR",
            "DELTA_CANNOT_RESTORE_TABLE_VERSION", "DELTA_FAILED_SCAN_WITH_HISTORICAL_VERSION",
        ),
        SourceError,
        "the source's log has lost the versions after the last one read (log retention, or files deleted by hand); "
        + _FRESH,
    ),
    StreamError(
        (
            "FAILED_READ_FILE.FILE_NOT_EXIST", "DELTA_FILE_NOT_FOUND", "DELTA_FILE_OR_DIR_NOT_FOUND",
            "the underlying files have been updated",  # Spark 3.5 has no class for it
        ),
        SourceError,
        f"data files that were not read yet are gone (VACUUM, or deleted by hand); {_FRESH}",
    ),
    StreamError(
        (
            "DELTA_STREAMING_INCOMPATIBLE_SCHEMA_CHANGE", "DELTA_STREAMING_CANNOT_CONTINUE_PROCESSING_POST_SCHEMA",
            "DELTA_STREAMING_METADATA_EVOLUTION", "DELTA_STREAMING_CHECK_COLUMN_MAPPING_NO_SNAPSHOT",
            "DELTA_STREAMING_SCHEMA_L", "DELTA_SCHEMA_CHANGED", "DELTA_CHANGE_DATA_FEED_INCOMPATIBLE",
            "DELTA_BLOCK_COLUMN_MAPPING_AND_CDC_OPERATION",
        ),
        SourceError,
        "a column of the source table was renamed, dropped or retyped, or the table was overwritten with other "
        f"columns, which a stream cannot follow; {_FRESH}",
    ),
    StreamError(
        ("DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE",),
        SourceError,
        f"the source table was dropped and created again, or another table is at its place; {_FRESH}",
    ),
    StreamError(
        (
            "DELTA_INVALID_SOURCE_VERSION", "DELTA_INVALID_SOURCE_OFFSET_FORMAT", "DELTA_CANNOT_FIND_VERSION",
            "DELTA_INVALID_FORMAT_FROM_SOURCE_VERSION", "INVALID_LOG_VERSION", "MALFORMED_LOG_FILE",
            "BATCH_METADATA_NOT_FOUND", "STDS_OFFSET_LOG_UNAVAILABLE", "STDS_COMMITTED_BATCH_UNAVAILABLE",
        ),
        SourceError,
        f"the checkpoint is damaged, or was written by a newer Spark or Delta; {_FRESH}",
    ),
    StreamError(
        ("DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "DELTA_PATH_DOES_NOT_EXIST"),
        SourceError,
        "the source table is gone, or its folder holds no Delta table now; restore it, or name another with --source",
    ),
    StreamError(
        (
            "DELTA_INVALID_PROTOCOL_VERSION", "DELTA_UNSUPPORTED_FEATURES_FOR_READ",
            "DELTA_UNSUPPORTED_FEATURES_IN_CONFIG", "DELTA_FEATURES_PROTOCOL_METADATA_MISMATCH",
        ),
        SourceError,
        "the source table uses features that this Delta cannot read; use a newer Spark with its delta-spark, or a "
        "newer Databricks Runtime",
    ),
    StreamError(
        (
            "CAST_INVALID_INPUT", "CAST_OVERFLOW", "CANNOT_PARSE_TIMESTAMP", "CANNOT_PARSE_DECIMAL", "DIVIDE_BY_ZERO",
            "ARITHMETIC_OVERFLOW", "INVALID_ARRAY_INDEX", "NUMERIC_VALUE_OUT_OF_RANGE", "DATETIME_OVERFLOW",
            "INVALID_FRACTION_OF_SECOND", "CONVERSION_INVALID_INPUT", "USER_RAISED_EXCEPTION",
        ),
        SourceError,
        "a column that the source itself computes (a view, a generated column, a frame's own expression) fails on a "
        "row; correct it there, for example with the try_ function that Spark names",
        quoted=True,
    ),
    StreamError(
        ("STREAMING_PYTHON_RUNNER_INITIALIZATION_FAILURE",),
        SourceError,
        "the Spark Connect server could not start Python for the micro-batches; give it the Python version and the "
        "libraries of this process",
    ),
    StreamError(
        (
            "DELTA_PROTOCOL_CHANGED", "DELTA_METADATA_CHANGED", "DELTA_CONCURRENT_WRITE", "DELTA_CONCURRENT_APPEND",
            "DELTA_CONCURRENT_DELETE", "ProtocolChangedException", "MetadataChangedException",
        ),
        TransientError,
        "another run wrote the state's tables at the same moment; run again to resume",
    ),
    StreamError(
        ("SparkContext was shut down", "SparkContext has been shutdown", "ExecutorLostFailure"),
        TransientError,
        "Spark ended while the stream ran; run again to resume",
    ),
)  # fmt: skip


# The last is Spark's own check, which comes first if the stream reads the table for the first time.
_COLUMNS_CHANGED = ("DELTA_SCHEMA_CHANGED", "DELTA_STREAMING_METADATA_EVOLUTION", "assertion failed: Invalid batch")


def known(text: str) -> StreamError | None:
    """Return the row for the error class in a text, None if the table has none."""
    return next((row for row in STREAM_ERRORS if any(each in text for each in row.classes)), None)


def told(row: StreamError, text: str) -> str:
    """Return the line for a row, with Spark's words from the error's text if the row quotes them."""
    # The first class may be that of the task, which says only that it failed.
    classes = "|".join(map(re.escape, row.classes))
    words = re.search(rf"\[(?:{classes})[A-Z0-9_.]*\][^\n]*", text) if row.quoted else None
    return f"{row.sentence}: {words[0]}" if words else row.sentence


def may_be_a_new_column(text: str) -> bool:
    """Return whether the columns changed while the stream read: starting it again reads on if one was only added."""
    return any(words in text for words in _COLUMNS_CHANGED)
