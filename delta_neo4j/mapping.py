"""Mapping files: YAML that says which tables make which part of the graph, found, validated and made a plan."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from delta_neo4j import plan, yaml_places
from delta_neo4j.errors import MappingError
from delta_neo4j.mapping_model import MappingModel


def read_mapping(name: str, sources: dict[str, str] | None = None) -> plan.Graph:
    """
    Read the mapping called `name` (a file, or the name of one that ships) into a plan.

    `sources` replaces the tables' sources by table name; the key "" is the source of the only table. Raises
    `MappingError` with the place of the first fault.
    """
    text, origin = text_of(name)
    model, faults = validated(text)
    if model is None:
        more = f" (and {len(faults) - 1} more: delta-neo4j mapping check lists them)" if len(faults) > 1 else ""
        raise MappingError(f"mapping {origin}:{faults[0]}{more}")
    return planned(origin, model, sources or {})


def planned(origin: str, model: MappingModel, sources: dict[str, str]) -> plan.Graph:
    """Give the plan of a sound mapping, with other sources for the tables that `sources` names."""
    return _with_sources(plan.Graph(origin, tuple(t.planned() for t in model.tables)), sources)


def validated(text: str) -> tuple[MappingModel | None, list[yaml_places.Fault]]:
    """Give the model of a mapping's text, or None and its faults in the order of the file."""
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
            strange = fault["type"] in {"extra_forbidden", "invalid_key"}
            faults.append(document.fault(fault["loc"], _in_words(fault["type"], fault["msg"]), at_key=strange))
    faults.sort(key=lambda fault: (fault.line, fault.column))
    return (None if faults else model), faults


def json_schema() -> str:
    """Give the JSON schema of mapping files, for editors: `mappings/mapping.schema.json`."""
    told = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MappingModel.model_json_schema(by_alias=True),
        "title": "delta-neo4j mapping",
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that can stand here",
    "string_type": "should be text; put it in quotes if it is a name",
    "list_type": "should be a list",
    "model_type": "should be a map of keys and values",
    "invalid_key": "should be text; put it in quotes",
}


def _in_words(kind: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return _WORDS.get(kind) or message[:1].lower() + message[1:]


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
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8"), str(path)
    except UnicodeDecodeError as error:
        raise MappingError(f"mapping {path} is not UTF-8 text") from error
    except OSError as error:  # a name too long for a file, a file that may not be read
        raise MappingError(f"mapping {name[:200]!r} cannot be read: {error.strerror}") from error
    package = resources.files("delta_neo4j")
    # Inside the package in a wheel, beside it in a checkout or a workspace folder.
    for shipped in (package / "mappings" / f"{name}.yml", package / ".." / "mappings" / f"{name}.yml"):
        if re.fullmatch(r"\w+", name) and shipped.is_file():
            return shipped.read_text(encoding="utf-8"), f"{name} (shipped)"
    raise MappingError(f"mapping {name!r} is neither a file nor the name of a mapping that ships with delta-neo4j")
