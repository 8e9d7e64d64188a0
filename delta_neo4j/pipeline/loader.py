"""The function that a stream calls for each micro-batch of a table."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from delta_neo4j.errors import travelling
from delta_neo4j.pipeline.batch import Batch
from delta_neo4j.state.account import Account

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.pipeline.step import Step

log = logging.getLogger(__name__)


class BatchLoader:
    """
    The `foreachBatch` function of one table's stream.

    Spark may call it more than once for a micro-batch; a repeated call leaves the graph as one call would. The object
    is pickled to the process that runs the micro-batches. There it keeps for the next micro-batch where passes run and
    whether the nodes that a killed attempt may have left are deleted, and the sum of the accounts that it has recorded.

    `batches`, `account`: the micro-batches recorded in this process, and the sum of their accounts. `first_row`: when
    it began to read the first one, by the monotonic clock.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self._swept, self.batches, self.account = False, 0, Account()
        self.first_row: float | None = None

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        """
        Write `rows` to the graph and append the micro-batch's ledger row; do nothing if the ledger has recorded it.

        Raises `FarSideError` with the class and message of a `LoaderError`. The micro-batch is then not recorded, and
        Spark passes the same rows to the next run.
        """
        step = self.step
        if batch_id <= step.position.last_recorded:
            log.info("batch.known", extra={"table": step.table.name, "batch": batch_id})
            return
        self.first_row = self.first_row or time.monotonic()
        try:
            with travelling():
                batch = Batch(step, batch_id, first=not self._swept, so_far=self.account)
                batch.load(rows)
        except BaseException:
            self.step, self._swept = replace(step, failed=True), False
            raise
        if batch.account.rows_read:
            self.batches += 1
            self.account.add(batch.account)
        self.step, self._swept = replace(step, target=batch.target), self._swept or batch.account.rows_read > 0
