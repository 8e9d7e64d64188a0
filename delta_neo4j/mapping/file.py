"""Read a mapping file: find it by name, parse its YAML, validate it, and turn it into a plan."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping import plan, yaml_places
from delta_neo4j.mapping.model import MappingModel

if TYPE_CHECKING:
    from collections.abc import Callable


def read_mapping(name: str, sources: dict[str, str] | None = None, located: Callable[[str], str] = str) -> plan.Mapping:
    """
    Return the plan of the mapping `name`: a file, or the name of a shipped mapping.

    `sources` replaces sources by table name; the key "" is the mapping's only table. `located` spells the other
    sources as Spark's readers need them. Raises `MappingError` with the place of the first fault.
    """
    text, origin = text_of(name)
    model, faults = validated(text)
    if model is None:
        more = f" (and {len(faults) - 1} more: delta-neo4j mapping check lists them)" if len(faults) > 1 else ""
        raise MappingError(f"mapping {origin}:{faults[0]}{more}")
    return planned(origin, model, sources or {}, located)


def planned(
    origin: str, model: MappingModel, sources: dict[str, str], located: Callable[[str], str] = str
) -> plan.Mapping:
    """Return the plan of a valid mapping; `sources` and `located` are as in `read_mapping`."""
    return _with_sources(plan.Mapping(origin, model.planned()), sources, located)


def validated(text: str) -> tuple[MappingModel | None, list[yaml_places.Fault]]:
    """Return the model of a mapping's text and no faults; or None and the faults, in the order of the file."""
    try:
        document = yaml_places.read(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return None, [yaml_places.broken(text, error)]
    faults = list(yaml_places.repeated_keys(document))
    model = None
    try:
        model = MappingModel.model_validate(document.values)
    except ValidationError as error:
        for fault in error.errors(include_input=False):
            of_key = fault["type"] in {"extra_forbidden", "invalid_key"}
            faults.append(document.fault(fault["loc"], _in_words(fault["type"], fault["msg"]), at_key=of_key))
    faults.sort(key=lambda fault: (fault.line, fault.column))
    return (None if faults else model), faults


def json_schema() -> str:
    """Return the JSON schema of mapping files, the text of `mappings/mapping.schema.json`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MappingModel.model_json_schema(by_alias=True),
        "title": "delta-neo4j mapping",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that can stand here; delta-neo4j mapping schema lists the keys",
    "string_type": "should be text; put it in quotes if it is a name",
    "list_type": "should be a list",
    "model_type": "should be a map of keys and values",
    "invalid_key": "should be text; put it in quotes",
}


def _in_words(kind: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return _WORDS.get(kind) or message[:1].lower() + message[1:]


def _with_sources(mapping: plan.Mapping, sources: dict[str, str], located: Callable[[str], str]) -> plan.Mapping:
    names = [table.name for table in mapping.tables]
    if "" in sources and len(names) > 1:
        raise MappingError(
            f"mapping {mapping.name} has {len(names)} tables; name one of them, as in --source {names[0]}=TABLE"
        )
    unknown = sorted(set(sources) - {"", *names})
    if unknown:
        raise MappingError(
            f"mapping {mapping.name} has no table {unknown[0]!r}; it has {', '.join(names)}. A path that begins with "
            f"{unknown[0]}= needs ./ in front of it"
        )
    tables = []
    for table in mapping.tables:
        source = sources.get(table.name) or sources.get("") or located(table.source)
        tables.append(replace(table, source=source))
    return plan.Mapping(mapping.name, tuple(tables))


def text_of(name: str) -> tuple[str, str]:
    """Return the text of the mapping `name`, and its name for messages; raise `MappingError` if it does not exist."""
    path = Path(name)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8"), str(path)
    except UnicodeDecodeError as error:
        raise MappingError(f"mapping {path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:  # a name too long for a file, or a file without read permission
        raise MappingError(f"mapping {name[:200]!r} cannot be read: {error.strerror}") from error
    package = resources.files("delta_neo4j")
    # A wheel has the folder `mappings` inside the package; a checkout or a workspace folder has it beside the package.
    folders = [each for each in (package / "mappings", package / ".." / "mappings") if each.is_dir()]
    files = [each for folder in folders for each in folder.iterdir() if each.name.endswith(".yml")]
    shipped = {each.name.removesuffix(".yml"): each for each in files}
    if name in shipped:
        return shipped[name].read_text(encoding="utf-8"), f"{name} (shipped)"
    raise MappingError(
        f"mapping {name!r} is neither a file nor the name of a shipped mapping ({', '.join(sorted(shipped))})"
    )
