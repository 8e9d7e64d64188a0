"""The list of the edges that a delete takes together with their end nodes; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa  # noqa: TC002

from delta_neo4j.errors import travelling
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.passes.deletes import DeletePass
from delta_neo4j.graph.passes.listing import as_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class LostEdgesPass(DeletePass):
    """Lists what `statement` finds for keys, as texts in these `columns`; the keys come as those of `DeletePass`."""

    columns: tuple[str, ...] = ()

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the list (the function of `mapInArrow`); raises as that of `Listing` does."""
        connection = self.connection
        with travelling(), open_queries(connection, retry_seconds=connection.retry_seconds) as queries:
            for batch in batches:
                for at in range(0, batch.num_rows, self.batch_rows):
                    rows = self.rows(batch.slice(at, self.batch_rows))
                    found = queries.run(self.statement, rows=rows, **self.parameters)  # waits for what passes by itself
                    yield from as_texts(iter(found), self.columns)
