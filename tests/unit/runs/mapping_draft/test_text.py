"""Names in the drafted file."""

from __future__ import annotations

import pytest
import yaml

from delta_neo4j.runs.mapping_draft.text import flow


@pytest.mark.parametrize(
    "name", ["no", "y", "null", "1", "1e3", "2024-01-01", "a, b", "a: b", "#a", "- a", "{a}", "&a", "'"]
)
def test_names_that_yaml_would_take_for_something_else_stay_text(name):
    """YAML's own words, numbers, dates and signs are quoted."""
    assert yaml.safe_load(f"[{flow(name)}]") == [name]
