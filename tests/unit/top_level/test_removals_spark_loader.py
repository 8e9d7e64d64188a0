"""The job file as text: what people edit at its top."""

from __future__ import annotations

import re

from tests.support.places import ROOT


def test_the_jobs_knobs_stand_at_the_top_of_its_file():
    """The four constants, before anything is defined, and the function for `foreachBatch`."""
    text = (ROOT / "removals_spark_loader.py").read_text()
    top = text[: text.index("\ndef ")]
    for name in ("BATCH_SIZE", "BYTES_PER_ROW", "WRITE_PARTITIONS", "CHECKPOINT_LOCATION"):
        assert re.search(rf"^{name} = ", top, re.MULTILINE), name
    assert "def process_batch(batch_df: DataFrame, batch_id: int)" in text
