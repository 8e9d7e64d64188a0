"""What says how mapping files are written: the JSON schema that editors read, the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

from delta_neo4j.cli import cli
from delta_neo4j.mapping import json_schema, validated

ROOT = Path(__file__).parents[2]
MAPPINGS = ROOT / "mappings"


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


def test_the_docs_pieces_make_one_sound_mapping():
    """Put together, what docs/mapping.md shows is a mapping without a fault, with everything that a table may have."""
    pieces = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8"), re.DOTALL)
    model, faults = validated("".join(pieces))
    assert faults == []
    nodes, edges = model.tables
    assert (bool(nodes.embedding), bool(nodes.relationships), bool(edges.relationship)) == (True, True, True)


def test_the_docs_name_every_shipped_mapping_and_type():
    """Nothing that ships is left for people to find by themselves."""
    told = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    for file in MAPPINGS.glob("*.yml"):
        assert f"| `{file.stem}`" in told
    types = json.loads(json_schema())["$defs"]["PropertyModel"]["properties"]["type"]["enum"]
    for name in types:
        assert f"`{name}`" in told or name.startswith("list<")
