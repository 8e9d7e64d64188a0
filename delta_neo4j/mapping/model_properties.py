"""The part of a mapping file for properties: of keys, nodes and relationships."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from delta_neo4j.mapping import null_words, plan
from delta_neo4j.mapping.model_parts import ColumnName, Expression, PropertyName, Strict
from delta_neo4j.mapping.types import BY_NAME, KEY_TYPES, PropertyType


class NullWordsModel(Strict):
    """What counts as null in a column, or in every column of a table that does not say it itself."""

    empty: Literal["null", "keep"] = Field(
        "keep", description="null: a blank text counts as null, before it is cast to the property's type"
    )
    null_words: list[str] = Field([], description="words that count as null, as NA or -")


class ColumnsModel(NullWordsModel):
    """The base of a table: its columns take over `empty` and `null_words`."""

    @model_validator(mode="before")
    @classmethod
    def _inherited(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        of_table = {name: data[name] for name in null_words.KEYS if name in data}
        return null_words.inherited(data, of_table) if of_table else data


class PropertyModel(NullWordsModel):
    """A property of the graph, filled from a column or an expression of the row."""

    column: ColumnName | None = Field(None, description="source column, by its exact name")
    expression: Expression | None = Field(None, description="Spark SQL over source columns, instead of `column`")
    property: PropertyName = Field("", description="name of the property in the graph (default the column's name)")
    type: PropertyType = Field("string", description="type of the property; values are cast to it")
    filterable: bool = Field(
        False, description="whether the vector index holds this property too, for SEARCH … WHERE (Neo4j 2026.01)"
    )

    @model_validator(mode="before")
    @classmethod
    def _named_after_column(cls, data: object) -> object:
        if isinstance(data, dict) and "property" not in data and isinstance(data.get("column"), str):
            return {**data, "property": data["column"]}
        return data

    @model_validator(mode="after")
    def _one_origin(self) -> PropertyModel:
        if (self.column is None) == (self.expression is None):
            raise ValueError("give either `column` or `expression`, not both")
        if self.expression and (self.null_words or self.empty == "null"):
            raise ValueError("`empty` and `null_words` belong to a `column`; in an expression write nullif()")
        if not self.property:
            raise ValueError("an expression needs a name: give `property`")
        if self.filterable and not BY_NAME[self.type].is_single:
            raise ValueError(f"a property of type {self.type} cannot be filterable; only a type of single values can")
        return self

    def planned(self) -> plan.Property:
        """Return the property as a value of the plan."""
        if self.expression:
            made_from = plan.Input(self.expression, is_expression=True)
        else:
            made_from = null_words.without(self.column or "", self.null_words, empty=self.empty == "null")
        return plan.Property(self.property, made_from, self.type, self.filterable)


def _usable_as_key(parts: list[PropertyModel]) -> list[PropertyModel]:
    for part in parts:
        if not BY_NAME[part.type].may_be_key:
            raise ValueError(f"a key of type {part.type} cannot be found again; use one of {', '.join(KEY_TYPES)}")
    if len({part.property for part in parts}) < len(parts):
        raise ValueError("a key names one property twice; remove one")
    return parts


def each_once(properties: list[PropertyModel]) -> list[PropertyModel]:
    """Return the properties of a node or relationship; raise `ValueError` if two of them have the same name."""
    names = [each.property for each in properties]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"property {twice[0]!r} is filled twice")
    return properties


def without_maps(properties: list[PropertyModel]) -> list[PropertyModel]:
    """Return the properties of a relationship; raise `ValueError` for one of type map."""
    for each in properties:
        if BY_NAME[each.type].travel == "flattened map":  # only the node pass removes parts that a map no longer has
            raise ValueError(f"property {each.property!r}: a relationship takes no map; type json keeps it as text")
    return properties


Key = Annotated[list[PropertyModel], Field(min_length=1), AfterValidator(_usable_as_key)]
RelationshipKey = Annotated[list[PropertyModel], AfterValidator(_usable_as_key)]
Properties = Annotated[list[PropertyModel], AfterValidator(each_once)]
