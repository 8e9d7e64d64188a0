"""A mapping file held against itself, its tables and the graph: every fault at its line, and nothing made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from delta_neo4j import mapping, yaml_places
from delta_neo4j.errors import LoaderError, PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping_model import MappingModel, PropertyModel, TableModel
    from delta_neo4j.plan import Connection, Graph, Property, Table
    from delta_neo4j.yaml_places import Document, Fault

    Path = tuple[int | str, ...]


@dataclass(frozen=True)
class Checked:
    """A sound mapping: its plan, and its file's places, for what tables and graph have against it."""

    graph: Graph
    model: MappingModel
    document: Document


def read(name: str, sources: dict[str, str]) -> tuple[str, Checked | None, list[Fault]]:
    """Give what to call the mapping, the mapping when the file is sound, and the file's faults when it is not."""
    text, origin = mapping.text_of(name)
    model, faults = mapping.validated(text)
    if model is None:
        return origin, None, faults
    return origin, Checked(mapping.planned(origin, model, sources), model, yaml_places.read(text)), []


def table_faults(spark: SparkSession, checked: Checked) -> list[Fault]:
    """Hold the mapping against its tables: columns, types and expressions, each by itself."""
    from delta_neo4j import preflight, source

    faults = []
    for number, (table, model) in enumerate(zip(checked.graph.tables, checked.model.tables, strict=True)):
        place: Path = ("tables", number)
        try:
            empty = spark.createDataFrame([], source.describe(spark, table.source).schema)
        except LoaderError as error:
            faults.append(checked.document.fault((*place, "source"), str(error)))
            continue
        faults += _part_faults(checked, table, model, place, empty)
    try:
        if any(table.has_text for table in checked.graph.tables):
            preflight.text_dimension(checked.graph)
    except PreflightError as error:
        faults.append(checked.document.fault(("tables",), str(error)))
    return faults


def _part_faults(checked: Checked, table: Table, model: TableModel, place: Path, empty: DataFrame) -> Iterator[Fault]:
    from delta_neo4j import source, source_types

    for path, part in _parts(table, model):
        try:
            source.check_columns(part, empty)
            source_types.check_types(part, empty)
        except LoaderError as error:
            yield checked.document.fault((*place, *path), str(error))


def _parts(table: Table, model: TableModel) -> Iterator[tuple[Path, Table]]:
    """Yield every place of a table that names a column, with a table that has nothing else."""
    bare = replace(table, key=(), properties=(), embedding=None, relationships=(), order_by=(), edge=None)
    for path, prop in _properties(table, model):
        yield path, replace(bare, key=(prop,))
    if table.embedding and model.embedding:
        told = next(name for name in ("text", "template", "vector") if getattr(model.embedding, name) is not None)
        yield ("embedding", told), replace(bare, embedding=table.embedding)
    for number, column in enumerate(table.order_by):
        yield ("order_by", number), replace(bare, order_by=(column,))


def _properties(table: Table, model: TableModel) -> Iterator[tuple[Path, Property]]:
    lists: list[tuple[Path, list[PropertyModel], tuple[Property, ...]]] = [
        (("properties",), model.properties, table.properties)
    ]
    if model.key:
        lists.append((("key",), model.key, table.key))
    if model.relationship and table.edge:
        lists.append((("relationship", "from", "key"), model.relationship.start.key, table.edge.start_key))
        lists.append((("relationship", "to", "key"), model.relationship.end.key, table.edge.end_key))
    # The plan may have more: the relationship to the node of a text is its own.
    for number, (told, planned) in enumerate(zip(model.relationships, table.relationships, strict=False)):
        place: Path = ("relationships", number)
        lists.append(((*place, "end", "key"), told.end.key, planned.end_key))
        lists.append(((*place, "properties"), told.properties, planned.properties))
    for path, models, planned_ones in lists:
        for number, (one, prop) in enumerate(zip(models, planned_ones, strict=True)):
            yield (*path, number, "column" if one.column is not None else "expression"), prop


def graph_faults(connection: Connection, checked: Checked) -> tuple[str, list[Fault]]:
    """Hold the mapping against the graph's constraints and indexes; give the server's version and the faults."""
    from delta_neo4j import graph_conflicts

    found = graph_conflicts.find(connection, checked.graph)
    places = dict(_key_places(checked))
    faults = [checked.document.fault(places.get(key, ("tables",)), message) for key, message in found.keys.items()]
    for number, table in enumerate(checked.graph.tables):
        if table.name in found.indexes:
            path = ("tables", number, "embedding", "index")
            faults.append(checked.document.fault(path, found.indexes[table.name]))
    return found.server_version, faults


def _key_places(checked: Checked) -> Iterator[tuple[tuple[str, tuple[str, ...]], Path]]:
    """Yield (label, key) of every node that the mapping finds, and where in the file; the last place wins."""
    for number, model in reversed(list(enumerate(checked.model.tables))):
        place: Path = ("tables", number)
        if model.embedding and model.embedding.chunks:
            yield (model.embedding.chunks.label, ("chunk_id",)), (*place, "embedding", "chunks")
        if model.embedding and model.embedding.text_nodes:
            yield (model.embedding.text_nodes.label, ("text_id",)), (*place, "embedding", "text_nodes")
        for at, told in enumerate(model.relationships):
            yield (told.end.label, tuple(p.property for p in told.end.key)), (*place, "relationships", at, "end")
        if model.relationship:
            for name, end in (("to", model.relationship.end), ("from", model.relationship.start)):
                yield (end.label, tuple(p.property for p in end.key)), (*place, "relationship", name)
        if model.key:
            yield (model.labels[0], tuple(p.property for p in model.key)), (*place, "key")
