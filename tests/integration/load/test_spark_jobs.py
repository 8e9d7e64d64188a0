"""How many Spark jobs a micro-batch takes: each costs the same time for ten rows as for ten thousand."""

import pytest

from tests.support.tables import removal, write

FILES, ROWS = 3, 30
WITH_NEW_TEXTS, WITHOUT = 9, 7  # before the ledger row, which takes two


@pytest.mark.classic
def test_a_micro_batch_takes_so_many_spark_jobs_and_no_more(spark, newest_graph, loads):
    """The first micro-batch embeds all texts; the later ones take the same number of jobs, and append no vectors."""
    runs = loads(newest_graph, bytes_per_row=1, batch_size=1)
    for file in range(FILES):
        write(spark, runs.source, [removal(file * ROWS + n) for n in range(ROWS)])
    scheduler, begun, ended = spark.sparkContext._jsc.sc().dagScheduler(), [], []

    def count(step, value):
        if step == "read":
            begun.append(scheduler.numTotalJobs())
        if step == "ledger":
            ended.append(scheduler.numTotalJobs())
        return value

    report = runs.run(count)
    assert report.error is None, report.error
    jobs = [after - before for before, after in zip(begun, ended, strict=True)]
    assert jobs == [WITH_NEW_TEXTS] + [WITHOUT] * (FILES - 1)
