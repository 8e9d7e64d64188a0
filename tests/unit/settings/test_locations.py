"""A location has one spelling for every reader: absolute, with a scheme, or a table name."""

from __future__ import annotations

import pytest

from delta_neo4j import api
from delta_neo4j.errors import MappingError, SettingsError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.settings import build, collect
from delta_neo4j.settings.locations import absolute

NEO4J = {"NEO4J_URI": "bolt://127.0.0.1:7687", "NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": "pass-word"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The folder in which the command was started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def _load(**environment):
    found = collect.collect(environment={**NEO4J, **environment}, env_file="")
    return build.load_settings(found)


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("tables/x", "{here}/tables/x"),
        ("./x", "{here}/x"),
        ("../x/", "{above}/x"),
        (".delta-neo4j", "{here}/.delta-neo4j"),
        ("a/./b//c", "{here}/a/b/c"),
        ("~/x", "{here}/home/x"),
        ("./year=2024/x", "{here}/year=2024/x"),
        ("/data/x/", "/data/x"),
        ("//data/x", "/data/x"),
        ("run:5/x", "{here}/run:5/x"),
        ("2024-01-01T10:00/x", "{here}/2024-01-01T10:00/x"),
        ("file:rel/x", "{here}/rel/x"),
        ("s3a://bucket/x/", "s3a://bucket/x"),
        ("dbfs:/x", "dbfs:/x"),
        ("main.sales.t", "main.sales.t"),
        ("t", "t"),
    ],
)
def test_a_path_is_made_absolute_once(here, typed, path):
    """A relative path counts from the folder of the command; addresses with a scheme and table names stay."""
    assert absolute(typed, local=True) == path.format(here=here, above=here.parent)


def test_every_setting_that_is_a_location_is_absolute(here):
    """State, checkpoint and sources; from the environment, from Python, and from the mapping file."""
    settings = _load(SOURCE_TABLE="tables/x", STATE_LOCATION="state/s", CHECKPOINT_LOCATION="./c")
    assert (settings.sources, settings.state, settings.checkpoint) == (
        {"": f"{here}/tables/x"}, f"{here}/state/s", f"{here}/c",
    )  # fmt: skip
    assert _load().state == f"{here}/.delta-neo4j"
    assert _load(STATE_LOCATION="main.state", CHECKPOINT_LOCATION="c").checkpoints == f"{here}/c"
    again = api._settings(settings, None, sources={"removals": "other/y"})
    assert again.sources == {"removals": f"{here}/other/y"}
    (here / "m.yml").write_text("tables: [{name: a, source: data/a, labels: [A], key: [{column: id}]}]")
    assert read_mapping("m.yml", {}, settings.located).tables[0].source == f"{here}/data/a"


@pytest.mark.parametrize("setting", ["STATE_LOCATION", "CHECKPOINT_LOCATION"])
@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("a-file", "a-file is a file; name a folder"),
        ("./a-file/x", "a-file is a file; name a folder"),
        ("file:{here}/a-file", "a-file is a file"),
        ("table/state", "table is a Delta table; name a folder outside of it"),
    ],
)
def test_a_place_that_cannot_be_a_folder_names_its_setting(here, setting, place, line):
    """A file in the way, and a Delta table whose VACUUM would delete what lies in it; before Spark starts."""
    (here / "a-file").write_text("x")
    (here / "table" / "_delta_log").mkdir(parents=True)
    place = place.format(here=here)
    if setting == "STATE_LOCATION" and place == "a-file":
        place = "./a-file"  # without a slash it is a schema
    with pytest.raises(SettingsError, match=f"^{setting}: /.*{line}"):
        _load(**{setting: place})
    if setting == "STATE_LOCATION":
        with pytest.raises(SettingsError, match=f"^{setting}: /.*{line}"):
            build.state_location(collect.collect(environment={setting: place}, env_file=""))


@pytest.mark.parametrize("where", [{"DATABRICKS_RUNTIME_VERSION": "17.3"}, {"SPARK_REMOTE": "sc://h"}])
@pytest.mark.parametrize("setting", ["SOURCE_TABLE", "STATE_LOCATION", "CHECKPOINT_LOCATION"])
def test_a_relative_path_is_refused_where_spark_is_elsewhere(where, setting):
    """A cluster or a Connect server has other folders: the line has the spelling of a Volume."""
    elsewhere = {"STATE_LOCATION": "main.state", "CHECKPOINT_LOCATION": "/Volumes/main/state/c", **where}
    with pytest.raises(SettingsError, match=r"the path \./data/x is relative.*/Volumes/CATALOG/SCHEMA/VOLUME/data/x"):
        _load(**{**elsewhere, setting: "./data/x"})
    with pytest.raises(SettingsError, match="is relative"):
        _load(**elsewhere).located("data/x")


@pytest.mark.parametrize("path", ["/data/{y}", "tables/*", "./a[1]", "/data/day?", "/data/a\\b"])
def test_a_path_that_spark_reads_as_a_pattern_is_refused(path):
    """A stream would look for other folders than the one that was named, and find none for ever."""
    with pytest.raises(SettingsError, match="reads as a pattern"):
        _load(SOURCE_TABLE=path)


def test_a_folder_with_an_equals_sign_is_a_path(here):
    """`year=2024/x` names a table of the mapping only if there is no such folder; otherwise the line says how."""
    with pytest.raises(MappingError, match=r"no table 'year'.*begins with year= needs \./ in front"):
        read_mapping("removals", build.parse_sources("year=2024/x"))
    (here / "year=2024" / "x").mkdir(parents=True)
    assert build.parse_sources("year=2024/x") == {"": "year=2024/x"}
    assert build.parse_sources("year=2024") == {"": "./year=2024"}
