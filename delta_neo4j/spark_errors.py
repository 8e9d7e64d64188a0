"""What Spark raises, whatever the way it runs, as one tuple to catch."""

from __future__ import annotations

from pyspark.errors import PySparkException

SPARK_ERRORS: tuple[type[Exception], ...] = (PySparkException,)

try:
    # Of a job that failed on classic Spark; Connect has no py4j.
    from py4j.protocol import Py4JJavaError
except ImportError:
    pass
else:
    SPARK_ERRORS += (Py4JJavaError,)
