"""Mapping files: YAML that says which tables make which part of the graph, validated and turned into a plan."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from delta_neo4j import plan
from delta_neo4j.errors import MappingError
from delta_neo4j.identifiers import property_name, schema_name


def _name_check(check: object) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return check(value)  # type: ignore[operator,no-any-return]
        except MappingError as error:
            raise ValueError(str(error)) from error

    return AfterValidator(validate)


SchemaName = Annotated[str, _name_check(schema_name)]
PropertyName = Annotated[str, _name_check(property_name)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PropertyModel(_Strict):
    """A column as a graph property; the property keeps the column's name unless told."""

    column: str = Field(min_length=1)
    property: PropertyName = ""
    type: plan.PropertyType = "string"

    @model_validator(mode="before")
    @classmethod
    def _named_after_column(cls, data: object) -> object:
        if isinstance(data, dict) and "property" not in data and isinstance(data.get("column"), str):
            return {**data, "property": data["column"]}
        return data

    def planned(self) -> plan.Property:
        """Give the plain form."""
        return plan.Property(self.property, self.column, self.type)


class IndexModel(_Strict):
    """The vector index; unset figures are the server's."""

    name: SchemaName
    dimension: int = Field(384, ge=1, le=4096)
    similarity: Literal["cosine", "euclidean"] = "cosine"
    m: int | None = Field(None, ge=1, le=512)
    ef_construction: int | None = Field(None, ge=1, le=3200)
    quantization: bool | None = None


class EmbeddingModel(_Strict):
    """What is embedded: the text of `text`, or ready vectors from `vector`."""

    text: str | None = None
    vector: str | None = None
    blank_text: Literal["load", "dead_letter"] = "load"
    property: PropertyName = "embedding"
    index: IndexModel

    @model_validator(mode="after")
    def _one_origin(self) -> EmbeddingModel:
        if (self.text is None) == (self.vector is None):
            raise ValueError("give either `text` (a column to embed) or `vector` (a column of ready vectors)")
        return self


class EndModel(_Strict):
    """The node at the other end of a relationship."""

    label: SchemaName
    key: list[PropertyModel] = Field(min_length=1)


class RelationshipModel(_Strict):
    """A relationship from each row; `direction` is seen from the row's node."""

    type: SchemaName
    direction: Literal["in", "out"] = "out"
    end: EndModel
    on_missing: Literal["merge", "skip", "dead_letter"] = "merge"


class TableModel(_Strict):
    """One Delta table."""

    name: SchemaName
    source: str = Field(min_length=1)
    labels: list[SchemaName] = Field(min_length=1)
    key: list[PropertyModel] = Field(min_length=1)
    properties: list[PropertyModel] = []
    embedding: EmbeddingModel | None = None
    relationships: list[RelationshipModel] = []
    order_by: list[str] = []

    @model_validator(mode="after")
    def _no_name_twice(self) -> TableModel:
        names = [p.property for p in (*self.key, *self.properties)]
        if self.embedding:
            names.append(self.embedding.property)
        keys = [*self.key, *(part for r in self.relationships for part in r.end.key)]
        if any(part.type == "float" for part in keys):
            raise ValueError("a key of type float cannot be found again (NaN equals nothing); use string or integer")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"property {twice[0]!r} is filled twice")
        ends = [(r.type, r.direction, r.end.label) for r in self.relationships]
        if len(set(ends)) < len(ends):
            raise ValueError("the same relationship type to the same label stands twice")
        return self

    def planned(self) -> plan.Table:
        """Give the plain form, with a digest over all that decides what is written."""
        settled = self.model_dump_json(exclude={"source"})
        return plan.Table(
            name=self.name,
            source=self.source,
            labels=tuple(self.labels),
            key=tuple(p.planned() for p in self.key),
            properties=tuple(p.planned() for p in self.properties),
            embedding=_embedding_plan(self.embedding),
            relationships=tuple(_relationship_plan(r) for r in self.relationships),
            order_by=tuple(self.order_by),
            digest=hashlib.sha256(settled.encode()).hexdigest()[:16],
        )


class MappingModel(_Strict):
    """A whole mapping file."""

    tables: list[TableModel] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_table_twice(self) -> MappingModel:
        if len({t.name for t in self.tables}) < len(self.tables):
            raise ValueError("two tables have the same name")
        return self


def _embedding_plan(model: EmbeddingModel | None) -> plan.Embedding | None:
    if model is None:
        return None
    index = plan.VectorIndex(**model.index.model_dump())
    return plan.Embedding(model.property, index, model.text, model.vector, model.blank_text == "dead_letter")


def _relationship_plan(model: RelationshipModel) -> plan.Relationship:
    key = tuple(p.planned() for p in model.end.key)
    return plan.Relationship(model.type, model.direction == "in", model.end.label, key, model.on_missing)


def read_mapping(name: str, sources: dict[str, str] | None = None) -> plan.Graph:
    """
    Read the mapping called `name` (a file, or the name of one that ships) into a plan.

    `sources` replaces the tables' sources by table name; the key "" is the source of the only table.
    """
    text, origin = text_of(name)
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MappingError(f"mapping {origin} is not YAML: {' '.join(str(error).split())}") from error
    try:
        model = MappingModel.model_validate(loaded)
    except ValidationError as error:
        raise MappingError(f"mapping {origin}: {_first_fault(error)}") from error
    return _with_sources(plan.Graph(origin, tuple(t.planned() for t in model.tables)), sources or {})


def _with_sources(graph: plan.Graph, sources: dict[str, str]) -> plan.Graph:
    names = [table.name for table in graph.tables]
    if "" in sources and len(names) > 1:
        raise MappingError(f"mapping {graph.name} has {len(names)} tables: say which, as in --source {names[0]}=TABLE")
    strangers = sorted(set(sources) - {"", *names})
    if strangers:
        raise MappingError(f"mapping {graph.name} has no table {strangers[0]!r}; it has {', '.join(names)}")
    tables = []
    for table in graph.tables:
        source = sources.get(table.name) or sources.get("") or table.source
        tables.append(replace(table, source=source))
    return plan.Graph(graph.name, tuple(tables))


def text_of(name: str) -> tuple[str, str]:
    """Give the text of the mapping called `name`, and what to call it in messages."""
    path = Path(name)
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except UnicodeDecodeError as error:
            raise MappingError(f"mapping {path} is not UTF-8 text") from error
    package = resources.files("delta_neo4j")
    # Inside the package in a wheel, beside it in a checkout or a workspace folder.
    for shipped in (package / "mappings" / f"{name}.yml", package / ".." / "mappings" / f"{name}.yml"):
        if re.fullmatch(r"\w+", name) and shipped.is_file():
            return shipped.read_text(encoding="utf-8"), f"{name} (shipped)"
    raise MappingError(f"mapping {name!r} is neither a file nor the name of a mapping that ships with delta-neo4j")


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ""
    for part in fault["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place.lstrip('.') or 'the file'}: {fault['msg'].removeprefix('Value error, ')}{more}"
