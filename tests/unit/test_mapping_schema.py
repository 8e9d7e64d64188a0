"""The JSON schema of mapping files, which editors read."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from delta_neo4j.cli import cli
from delta_neo4j.mapping import json_schema

MAPPINGS = Path(__file__).parents[2] / "mappings"


def test_the_schema_that_ships_is_up_to_date():
    """`delta-neo4j mapping schema > mappings/mapping.schema.json` changes nothing."""
    printed = CliRunner().invoke(cli, ["mapping", "schema"]).stdout
    assert printed == json_schema() == (MAPPINGS / "mapping.schema.json").read_text(encoding="utf-8")


def test_every_key_is_described():
    """An editor can say of each key what it is for."""
    for name, part in json.loads(json_schema())["$defs"].items():
        for key, told in part["properties"].items():
            assert told.get("description"), f"{name}.{key}"


def test_every_shipped_mapping_names_the_schema():
    """The first line is what editors look for."""
    for file in MAPPINGS.glob("*.yml"):
        assert file.read_text().startswith("# yaml-language-server: $schema=mapping.schema.json\n"), file.name
