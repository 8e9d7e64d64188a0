"""`mapping check`: check a mapping file, then its tables and the graph; each fault has its line in the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from delta_neo4j.errors import LoaderError, PreflightError
from delta_neo4j.mapping import file, yaml_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.model import MappingModel
    from delta_neo4j.mapping.model_properties import PropertyModel
    from delta_neo4j.mapping.model_table import TableModel
    from delta_neo4j.mapping.plan import Mapping, Property, Table
    from delta_neo4j.mapping.yaml_places import Document, Fault
    from delta_neo4j.settings.connection import Connection

    Path = tuple[int | str, ...]


@dataclass(frozen=True)
class Checked:
    """A mapping file without faults: its plan, its model, and its YAML with the lines for later faults."""

    mapping: Mapping
    model: MappingModel
    document: Document


def read(
    name: str, sources: dict[str, str], located: Callable[[str], str] = str
) -> tuple[str, Checked | None, list[Fault]]:
    """Return the mapping's origin (for messages), the mapping or None, and the faults of the file."""
    text, origin = file.text_of(name)
    model, faults = file.validated(text)
    if model is None:
        return origin, None, faults
    return origin, Checked(file.planned(origin, model, sources, located), model, yaml_places.read(text)), []


def table_faults(spark: SparkSession, checked: Checked) -> list[Fault]:
    """Return the faults of the mapping against its tables; each column, type and expression is checked separately."""
    from delta_neo4j.runs import preflight
    from delta_neo4j.source import delta
    from delta_neo4j.source.session_settings import deciding_values

    faults = []
    for number, (table, model) in enumerate(zip(checked.mapping.tables, checked.model.tables, strict=True)):
        place: Path = ("tables", number)
        try:
            empty = spark.createDataFrame([], delta.describe(spark, table.source).schema)
        except LoaderError as error:
            faults.append(checked.document.fault((*place, "source"), str(error)))
            continue
        try:
            with deciding_values(spark, table.timezone):
                faults += _part_faults(checked, table, model, place, empty)
        except PreflightError as error:
            return [checked.document.fault(("timezone",), str(error))]
    try:
        if any(table.has_text for table in checked.mapping.tables):
            preflight.text_dimension(checked.mapping)
    except PreflightError as error:
        faults.append(checked.document.fault(("tables",), str(error)))
    return faults


def _part_faults(checked: Checked, table: Table, model: TableModel, place: Path, empty: DataFrame) -> Iterator[Fault]:
    from delta_neo4j.source import column_checks, types

    for path, part in _parts(table, model):
        try:
            column_checks.check_columns(part, empty)
            types.check_types(part, empty)
        except LoaderError as error:
            yield checked.document.fault((*place, *path), str(error))


def _parts(table: Table, model: TableModel) -> Iterator[tuple[Path, Table]]:
    """Yield, for each part of a table that names a column, its place in the file and a table with only this part."""
    bare = replace(table.keys_only(), key=(), edge=None)
    for path, prop in _properties(table, model):
        yield path, replace(bare, key=(prop,)) if "key" in path else replace(bare, properties=(prop,))
    if table.embedding and model.embedding:
        input_name = next(n for n in ("text", "template", "vector") if getattr(model.embedding, n) is not None)
        yield ("embedding", input_name), replace(bare, embedding=table.embedding)
    for number, column in enumerate(table.order_by):
        yield ("order_by", number), replace(bare, order_by=(column,))
    for number, column in enumerate(table.sequence_by):
        yield ("sequence_by", number), replace(bare, sequence_by=(column,))
    if table.deleted_when:
        yield ("deleted_when",), replace(bare, deleted_when=table.deleted_when)


def _properties(table: Table, model: TableModel) -> Iterator[tuple[Path, Property]]:
    lists: list[tuple[Path, list[PropertyModel], tuple[Property, ...]]] = [
        (("properties",), model.properties, table.properties)
    ]
    if model.key:
        lists.append((("key",), model.key, table.key))
    if model.relationship and table.edge:
        lists.append((("relationship", "from", "key"), model.relationship.start.key, table.edge.start_key))
        lists.append((("relationship", "to", "key"), model.relationship.end.key, table.edge.end_key))
        lists.append((("relationship", "key"), model.relationship.key, table.edge.key))
    # The plan may have one relationship more than the file: the one to the node of a text.
    for number, (written, planned) in enumerate(zip(model.relationships, table.relationships, strict=False)):
        place: Path = ("relationships", number)
        lists.append(((*place, "end", "key"), written.end.key, planned.end_key))
        lists.append(((*place, "key"), written.key, planned.key))
        lists.append(((*place, "properties"), written.properties, planned.properties))
    for path, models, planned_ones in lists:
        for number, (one, prop) in enumerate(zip(models, planned_ones, strict=True)):
            yield (*path, number, "column" if one.column is not None else "expression"), prop


def graph_faults(connection: Connection, checked: Checked) -> tuple[str, list[Fault]]:
    """Return the server's version, and the faults of the mapping against the graph's constraints and indexes."""
    from delta_neo4j.graph import schema_conflicts

    conflicting = schema_conflicts.find(connection, checked.mapping)
    places = dict(_key_places(checked))
    faults = [
        checked.document.fault(places.get(key, ("tables",)), message) for key, message in conflicting.keys.items()
    ]
    for number, table in enumerate(checked.mapping.tables):
        for path, messages in ((("embedding", "index"), conflicting.indexes), (("fulltext",), conflicting.fulltexts)):
            if table.name in messages:
                faults.append(checked.document.fault(("tables", number, *path), messages[table.name]))
    return conflicting.server_version, faults


def _key_places(checked: Checked) -> Iterator[tuple[tuple[str, tuple[str, ...]], Path]]:
    """Yield (label, key) and the place in the file of each node that the mapping looks up; the last place wins."""
    for number, model in reversed(list(enumerate(checked.model.tables))):
        place: Path = ("tables", number)
        if model.embedding and model.embedding.chunks:
            yield (model.embedding.chunks.label, ("chunk_id",)), (*place, "embedding", "chunks")
        if model.embedding and model.embedding.text_nodes:
            yield (model.embedding.text_nodes.label, ("text_id",)), (*place, "embedding", "text_nodes")
        for at, written in enumerate(model.relationships):
            yield (written.end.label, tuple(p.property for p in written.end.key)), (*place, "relationships", at, "end")
        if model.relationship:
            for name, end in (("to", model.relationship.end), ("from", model.relationship.start)):
                yield (end.label, tuple(p.property for p in end.key)), (*place, "relationship", name)
        if model.key:
            yield (model.labels[0], tuple(p.property for p in model.key)), (*place, "key")
