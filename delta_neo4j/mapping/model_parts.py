"""Types that all parts of a mapping file use: checked names, and a base model that refuses unknown keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping import expressions
from delta_neo4j.mapping.identifiers import property_name, schema_name


def _name_check(check: Any) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            check(value)
        except MappingError as error:
            raise ValueError(str(error)) from error
        return value

    return AfterValidator(validate)


SchemaName = Annotated[str, _name_check(schema_name)]
PropertyName = Annotated[str, _name_check(property_name)]
ColumnName = Annotated[str, Field(min_length=1)]
Expression = Annotated[str, Field(min_length=1), _name_check(expressions.stable)]


class Strict(BaseModel):
    """The base of every part of a mapping file; an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
