"""
Spark's Python daemon whose workers read an archive once: `spark.python.daemon.module` of a local session.

Before each task a worker asks every importer to look anew, and one of an archive then reads all of its directory, for
every package found in it. pyspark.zip and Spark's jars stand on the path: a third of a second of CPU a task.
"""

from __future__ import annotations

import runpy
import zipimport

if __name__ == "__main__":
    zipimport.zipimporter.invalidate_caches = lambda _: None  # type: ignore[method-assign,assignment]
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
