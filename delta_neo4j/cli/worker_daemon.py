"""
Spark's Python daemon for a local session (`spark.python.daemon.module`): its workers read each archive only once.

Before each task a worker clears the caches of Python's importers. The importer of an archive then reads the archive's
whole directory again, once for every package in it. pyspark.zip and Spark's jars are on the path, so each task would
spend a third of a second of CPU on it.
"""

from __future__ import annotations

import runpy
import zipimport

if __name__ == "__main__":
    zipimport.zipimporter.invalidate_caches = lambda _: None  # type: ignore[method-assign,assignment]
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
