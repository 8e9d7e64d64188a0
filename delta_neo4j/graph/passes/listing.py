"""What a statement finds in the graph, as record batches of texts; one Spark task reads it, or the driver."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from delta_neo4j.errors import travelling
from delta_neo4j.graph.bolt.queries import open_queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.settings.connection import Connection

ROWS = 20_000  # of a record batch: the most that the task or the driver holds at a time


@dataclass(frozen=True)
class Listing:
    """The records of `statement` with `parameters`, of which `columns` are texts."""

    connection: Connection
    statement: str
    parameters: dict[str, Any]
    columns: tuple[str, ...]
    batch_rows: int = 1

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """
        Yield the list once for each row of the record batches (the function of `mapInArrow`).

        Raises `FarSideError` with the class and message of a `LoaderError`.
        """
        with travelling(), open_queries(self.connection, retry_seconds=self.connection.retry_seconds) as queries:
            for batch in batches:
                for _ in range(batch.num_rows):
                    yield from as_texts(queries.stream(self.statement, **self.parameters), self.columns)


def as_texts(records: Iterator[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Yield the texts in these columns of records as record batches of at most `ROWS` rows."""
    while found := list(islice(records, ROWS)):
        texts = [pa.array([each[name] for each in found], pa.string()) for name in columns]
        yield pa.RecordBatch.from_arrays(texts, names=list(columns))
