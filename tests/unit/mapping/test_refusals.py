"""Refused mappings, which stand as data in `tests/refusals`: the line of each, with its place in the file."""

from __future__ import annotations

import pytest
import yaml

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping.file import read_mapping
from tests.support.places import ROOT


def _mapping(case, base):
    if "change" in case:
        before, after = case["change"]
        assert before in base
        return base.replace(before, after, 1)
    return base + case["more"] if "more" in case else case["mapping"]


def _cases():
    for file in sorted((ROOT / "tests" / "refusals").glob("*.yml")):
        refusals = yaml.safe_load(file.read_text(encoding="utf-8"))
        base = refusals.get("mapping", "")
        for case in refusals["refused"]:
            yield pytest.param(_mapping(case, base), case["line"], id=f"{file.stem}: {case['because']}")


@pytest.mark.parametrize(("mapping", "line"), [*_cases()])
def test_a_refused_mapping_is_one_line_with_its_place(mapping, line, tmp_path):
    """The line names the file, then line, column and path of the first fault, then what is wrong there."""
    file = tmp_path / "graph.yml"
    file.write_text(mapping, encoding="utf-8")
    with pytest.raises(MappingError) as refused:
        read_mapping(str(file))
    start, _, rest = str(refused.value).partition("graph.yml:")
    assert start == f"mapping {tmp_path}/"
    assert rest.startswith(line), rest
    assert "\n" not in rest
