"""An error of Spark becomes one line for the user, and its own trace stays behind that line."""

from __future__ import annotations

import traceback
from types import SimpleNamespace

import pytest
from pyspark.errors import PySparkException, StreamingQueryException

from delta_neo4j.errors import (
    CheckpointHeldError,
    DeadLetterGateError,
    FarSideError,
    LoaderError,
    MappingError,
    PreflightError,
    SettingsError,
    SourceError,
    TransientError,
    travelling,
)
from delta_neo4j.runs import error_translation
from delta_neo4j.runs.report.summary import TableRun
from delta_neo4j.runs.run import reported
from delta_neo4j.state.account import Account

TEXTS = [
    ("[CONCURRENT_QUERY] Another instance of this query", CheckpointHeldError, "another run works on this checkpoint"),
    ("io: CONCURRENT_STREAM_LOG_UPDATE", CheckpointHeldError, "another run works on this checkpoint"),
    ("[DELTA_SOURCE_TABLE_IGNORE_CHANGES] Detected a data update", SourceError, "was updated, deleted from"),
    ("[DELTA_SOURCE_IGNORE_DELETE] Detected deleted data", SourceError, "was updated, deleted from"),
    ("[DELTA_STREAMING_INCOMPATIBLE_SCHEMA_CHANGE] x", SourceError, "renamed, dropped or retyped"),
    ("[DELTA_SCHEMA_CHANGED_WITH_VERSION] x", SourceError, "--reset-checkpoint"),
    ("[FAILED_READ_FILE.FILE_NOT_EXIST] x", SourceError, "VACUUM"),
    ("[DELTA_MISSING_CHANGE_DATA] x", SourceError, "--reset-checkpoint"),
    ("File f.parquet. It is possible the underlying files have been updated.", SourceError, "VACUUM"),
    ("[DELTA_LOG_FILE_NOT_FOUND_FOR_STREAMING_SOURCE] x", SourceError, "log retention"),
    ("[TASK_WRITE_FAILED] x: [CAST_INVALID_INPUT] The value 'a'", SourceError, "names: [CAST_INVALID_INPUT] The value"),
    ("[DELTA_CONCURRENT_WRITE] x", TransientError, "run again to resume"),
    ("PERMISSION_DENIED: User does not have SELECT on Table 'a.b.c'.", PreflightError, "GRANT SELECT ON TABLE"),
    ("[DELTA_CANNOT_CREATE_LOG_PATH] Cannot create file:/a/b at x", SettingsError, "cannot create file:/a/b: a file"),
    ("fs.ParentNotDirectoryException: Parent path is not a directory: file:/a", SettingsError, "--state or --check"),
    ("java.io.IOException: Mkdirs failed to create file:/p/x (exists=false, cwd)", SettingsError, "create file:/p/x:"),
    ("out of memory", LoaderError, "Spark failed: out of memory"),
]


def _raised(error):
    """Return an error with the trace of this place."""
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(("text", "kind", "words"), TEXTS, ids=[text for text, *_ in TEXTS])
def test_a_translated_error_keeps_its_cause(text, kind, words):
    """`--debug` prints the trace of what Spark raised, whatever the error was translated into."""
    error = _raised(PySparkException(text))
    translated = error_translation.as_loader_error(error)
    assert type(translated) is kind
    assert words in str(translated)
    assert translated.__cause__ is error
    assert "in _raised" in "".join(traceback.format_exception(translated))


@pytest.mark.parametrize(
    ("kind", "translated_kind"), [(DeadLetterGateError, DeadLetterGateError), (MappingError, MappingError)]
)
def test_an_error_of_a_micro_batch_keeps_its_cause(kind, translated_kind):
    """It comes back out of Spark's text; what Spark raised is behind it."""
    with pytest.raises(FarSideError) as sent, travelling():
        raise kind("too many")
    error = StreamingQueryException(f"[STREAM_FAILED] {sent.value}")
    translated = error_translation.as_loader_error(error)
    assert (type(translated), str(translated)) == (translated_kind, "too many")
    assert translated.__cause__ is error


def test_a_loader_error_is_not_translated():
    """It is what the user reads already."""
    error = MappingError("no")
    assert error_translation.as_loader_error(error) is error
    assert error.__cause__ is None


def test_a_refusal_after_the_first_row_says_that_something_was_written(monkeypatch):
    """Exit code 2 means that the user must act; the line tells what stays, the refusal itself is the cause."""
    monkeypatch.setattr("delta_neo4j.runs.run._store", lambda *_: None)
    refusal = SourceError("the table was overwritten")

    def work(_, report):
        report.tables.append(TableRun("removals", None, "append", 0, batches=2, account=Account(rows_read=1)))
        raise refusal

    report = reported(None, SimpleNamespace(state="/none"), work, command="load")
    assert type(report.error) is SourceError
    assert str(report.error).endswith("overwritten (before that, this run recorded 2 micro-batches, which stay)")
    assert report.error.__cause__ is refusal


def test_what_is_not_in_the_table_promises_nothing():
    """An unknown failure of the stream is exit code 1, and no line says that running again helps."""
    failure = error_translation.as_loader_error(StreamingQueryException("[SOMETHING_NEW] nobody knows"))
    assert failure.exit_code == 1
    assert "run again to resume" not in str(failure)
    assert "SOMETHING_NEW" in str(failure)


def test_an_unknown_error_inside_a_micro_batch_shows_its_innermost_cause():
    """Spark prints the whole trace of Python; its last line has the class."""
    trace = """[STREAM_FAILED] Query [id = 1] terminated: Traceback (most recent call last):
  File "/a/b.py", line 1, in call
    raise e
pyspark.errors.exceptions.captured.AnalysisException: [UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE] column `c1`: VOID
SQLSTATE: XXKST"""
    told = str(error_translation.as_loader_error(_raised(StreamingQueryException(trace))))
    assert "[UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE] column `c1`: VOID" in told
    assert "Traceback" not in told
