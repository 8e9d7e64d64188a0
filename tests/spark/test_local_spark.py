"""A Spark of this machine."""

from __future__ import annotations

import pytest


@pytest.mark.classic
def test_workers_read_the_archives_on_their_path_once(spark):
    """Spark lets every task look for new modules; an archive would be read anew for each package found in it."""

    def found_anew(batches):
        import importlib
        import zipimport

        import pyarrow as pa

        for _ in batches:
            pass
        before = {path: id(files) for path, files in zipimport._zip_directory_cache.items()}
        importlib.invalidate_caches()
        anew = [path for path, files in zipimport._zip_directory_cache.items() if id(files) != before.get(path)]
        yield pa.RecordBatch.from_pydict({"archives": [len(before)], "anew": [len(anew)]})

    (row,) = spark.range(1).coalesce(1).mapInArrow(found_anew, "archives LONG, anew LONG").collect()
    assert row["archives"]
    assert not row["anew"]
