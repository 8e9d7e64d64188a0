"""Which relationships go with a deleted end node."""

from __future__ import annotations

import pytest

from delta_neo4j.graph.cypher import lost_edges
from delta_neo4j.mapping.leads import leads
from delta_neo4j.mapping.model import MappingModel

MAKER = {"label": "Maker", "key": [{"property": "maker_id", "column": "maker"}]}
PART = {"label": "Part", "key": [{"property": "part_id", "column": "part"}]}
KEYED = {"source": "s", "key": [{"property": "maker_id", "column": "id"}]}
MAKERS = {**KEYED, "name": "makers", "labels": ["Maker", "Firm"]}


def _leads(*tables, known=("parts", "fits", "makers")):
    """Give what leads to makers from these tables."""
    makers, *others = (table.planned() for table in MappingModel(tables=[MAKERS, *tables]).tables)
    return leads(makers, [makers, *others], dict.fromkeys(known, ("t:",)))


def _parts(*relationships):
    key = [{"property": "part_id", "column": "id"}]
    return {"name": "parts", "source": "p", "labels": ["Part"], "key": key, "relationships": list(relationships)}


@pytest.mark.parametrize(("on_missing", "count"), [("merge", 0), ("skip", 1), ("dead_letter", 1)])
def test_only_relationships_that_wait_for_their_end_go_with_it(on_missing, count):
    """Own relationships and edge lists; those with `merge` keep the node."""
    listed = {"type": "FITS", "from": PART, "to": MAKER, "on_missing": on_missing}
    fits = {"name": "fits", "source": "f", "relationship": listed}
    found = _leads(_parts({"type": "MADE_BY", "end": MAKER, "on_missing": on_missing}), fits)
    assert [(lead.kind.type, lead.far_label) for lead in found] == [("MADE_BY", "Part"), ("FITS", "Part")][: 2 * count]


def test_a_relationship_that_another_one_would_merge_keeps_the_node():
    """Two of one type, to two labels of the node: the graph cannot tell whose the edge is."""
    merged = {"type": "MADE_BY", "end": {**MAKER, "label": "Firm"}, "on_missing": "merge"}
    assert not _leads(_parts({"type": "MADE_BY", "end": MAKER, "on_missing": "skip"}, merged))


def test_rows_whose_table_the_run_does_not_know_keep_the_node():
    """Their edges could not be told from those of frames."""
    assert not _leads(_parts({"type": "MADE_BY", "end": MAKER, "on_missing": "skip"}), known=("makers",))


def test_the_list_of_lost_edges_has_the_rows_key_and_the_ends():
    """An edge list's row has both ends in its key, in their order."""
    listed = {"type": "FITS", "from": MAKER, "to": PART, "on_missing": "skip"}
    (lead,) = _leads({"name": "fits", "source": "f", "relationship": listed})
    assert lost_edges.columns(lead) == ("r0", "r1", "t0", "t1", "v", "h", "r")
    text = lost_edges.read(lead, 0)
    assert text.startswith("MATCH (n)-[led:`FITS`]->(far:`Part`)")
    assert "RETURN toString(n.`maker_id`) AS r0, toString(far.`part_id`) AS r1" in text
