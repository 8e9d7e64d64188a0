"""The settings of a Spark session that decide values: time zone, ANSI mode, old ways to read texts."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError, first_line, spark_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

_ZONE, _ANSI = "spark.sql.session.timeZone", "spark.sql.ansi.enabled"
# A session that has changed these reads texts, maps, patterns and JSON in another way. Serverless compute does not show
# some of them: then nobody has changed them either.
_USUAL = {
    "spark.sql.legacy.timeParserPolicy": ("EXCEPTION", "CORRECTED"),
    "spark.sql.mapKeyDedupPolicy": ("EXCEPTION",),
    "spark.sql.parser.escapedStringLiterals": ("false",),
    "spark.sql.jsonGenerator.ignoreNullFields": ("true",),
}


@contextmanager
def deciding_values(spark: SparkSession, timezone: str) -> Iterator[None]:
    """
    Make a row the same values in every session: in this time zone, and with Spark's ANSI mode.

    Without ANSI mode an expression that fails is a null, and an overflow another number. A stream takes the settings
    of its session when it starts. The session's own settings come back after the block. Raises `PreflightError` if
    the session does not take the settings, or Spark does not know the time zone.
    """
    before: dict[str, str] = {}
    try:
        for name, usual in {_ZONE: (timezone,), _ANSI: ("true",), **_USUAL}.items():
            found = _get(spark, name)
            if found is not None and found.lower() not in [value.lower() for value in usual]:
                _set(spark, name, usual[-1])
                before[name] = found
        yield
    finally:
        # An error of a session that has ended must not hide the error of the block.
        with suppress(Exception):
            for name, value in before.items():
                spark.conf.set(name, value)


def _get(spark: SparkSession, name: str) -> str | None:
    try:
        return str(spark.conf.get(name))
    except spark_errors():
        if name not in _USUAL:
            raise
        return None


def _set(spark: SparkSession, name: str, value: str) -> None:
    try:
        spark.conf.set(name, value)
    except spark_errors() as error:
        raise PreflightError(
            f"the session does not take {name} = {value!r}: {first_line(error)}; correct `timezone` in the mapping, or "
            "allow the setting"
        ) from error
