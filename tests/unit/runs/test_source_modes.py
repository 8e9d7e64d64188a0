"""Which mode a table is read in, and what is refused before a run writes anything."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.runs import source_modes
from delta_neo4j.source.delta import SourceVersion

THING = {"name": "things", "source": "t", "labels": ["Thing"], "key": [{"column": "id"}]}
OTHER = {**THING, "name": "others"}
AUTO = SimpleNamespace(source_mode=None)
PLAIN, FEED, VIEW = (
    SourceVersion("i", 3, None),
    SourceVersion("i", 3, None, True),
    SourceVersion("relation/t", None, None),
)


def _tables(*models):
    return tuple(table.planned() for table in MappingModel(tables=list(models)).tables)


@pytest.mark.parametrize(
    ("source", "shared", "mode"),
    [(PLAIN, False, "append"), (FEED, False, "cdf"), (FEED, True, "append"), (VIEW, False, "snapshot")],
)
def test_auto_takes_what_the_source_offers(source, shared, mode):
    """The feed, unless another table writes the same nodes; a snapshot of what has no versions."""
    tables = _tables(THING, OTHER) if shared else _tables(THING)
    assert source_modes.chosen(AUTO, tables[0], source, tables) == mode


@pytest.mark.parametrize(
    ("source", "more", "others", "words"),
    [
        (VIEW, {"source_mode": "append"}, (), "is a view or a table of another format .* use --source-mode snapshot"),
        (VIEW, {"source_mode": "cdf"}, (), "which source mode cdf cannot read: use --source-mode snapshot"),
        (PLAIN, {"source_mode": "cdf"}, (), "no change data feed.*or use source mode append or snapshot"),
        (PLAIN, {"source_mode": "snapshot"}, (OTHER,), "tables things and others .* or `deletes: keep` for things"),
        (VIEW, {}, (OTHER,), "write nodes of one label, Thing"),
        (VIEW, {"deletes": "keep"}, (OTHER,), None),
        (PLAIN, {}, (OTHER,), None),
    ],
)
def test_what_a_mode_cannot_read_or_must_not_delete_is_refused(source, more, others, words):
    """The line names the mode that can; tables that share nodes must not delete each other's."""
    tables = _tables({**THING, **more}, *others)
    sources = {"things": source, "others": PLAIN}
    if words is None:
        source_modes.check(AUTO, tables, sources)
    else:
        with pytest.raises(PreflightError, match=words):
            source_modes.check(AUTO, tables, sources)
