"""A mapping that changed between two loads: what it has no more goes, what it gains is written."""

from __future__ import annotations

from delta_neo4j.runs import upsert
from tests.support.graph_dump import dump
from tests.support.ownership import CHANGED, FOUND
from tests.support.tables import frame, removal, write


def test_a_changed_mapping_takes_away_what_it_no_longer_has(spark, lts_graph, loaded, tmp_path):
    """Properties, the vector and a relationship type go from the loader's own nodes; a third run is quiet."""
    changed = tmp_path / "changed.yml"
    changed.write_text(CHANGED)
    lts_graph.query("MATCH (n:RemovalEvent {removal_id: 'by hand'}) SET n.supplier_code = 'theirs'")
    summary = loaded.succeed(mapping=str(changed), reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["written"] == 30
    assert summary["totals"]["relationships"]["HAS_REMOVAL_EVENT"]["removed"] == 30
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["unchanged"] == 30
    names = lts_graph.query(
        "MATCH (n:RemovalEvent) WHERE n._dn_version IS NOT NULL UNWIND keys(n) AS name "
        "WITH DISTINCT name WHERE NOT name STARTS WITH '_dn_' RETURN name ORDER BY name"
    )
    assert [row["name"] for row in names] == ["RMV_TRK_NO", "note", "removal_id", "why"]
    assert lts_graph.value("MATCH (n:RemovalEvent {removal_id: 'by hand'}) RETURN n.supplier_code AS c") == "theirs"
    assert lts_graph.query(FOUND) == [{"note": "mine"}]
    again = loaded.succeed(mapping=str(changed), reset_checkpoint=True)
    assert again["totals"]["outcomes"]["unchanged"] == 30


LISTED = """
  - name: component_removal
    source: component_removal
    relationship:
      type: HAS_REMOVAL
      from: {label: Component, key: [{column: component_id}]}
      to: {label: RemovalEvent, key: [{column: removal_id}]}
"""


def test_a_relationship_that_moves_to_an_edge_list_stays(spark, lts_graph, loads, tmp_path):
    """The rows' own pass takes none of the list's edges away, neither after the reset nor when a row comes anew."""
    runs, mapping = loads(lts_graph), tmp_path / "graph.yml"
    write(spark, runs.source, [removal(n) for n in range(20)])
    ends = [(f"C{n % 11}", f"RE{n:06d}") for n in range(20)]
    listed = str(tmp_path / "component_removal")
    spark.createDataFrame(ends, "component_id STRING, removal_id STRING").write.format("delta").save(listed)
    mapping.write_text(CHANGED)
    runs.succeed(mapping=str(mapping))
    at = CHANGED.index("    relationships:")
    made_by = "      - {type: MADE_BY, end: {label: Supplier, key: [{column: supplier_code}]}}\n"
    rows = CHANGED[:at] + "    relationships:\n" + made_by
    head, body = rows.split("tables:\n")
    mapping.write_text(f"{head}tables:{LISTED}{body}")  # the list first: the rows' pass comes after it
    sources = {"removals": runs.source, "component_removal": listed}
    runs.succeed(mapping=str(mapping), sources=sources, reset_checkpoint=True)
    count = "MATCH (c:Component)-[e:HAS_REMOVAL]->(n:RemovalEvent) RETURN count(e) AS c"
    assert lts_graph.value(count) == 20
    write(spark, runs.source, [removal(3, supplier_code="S9")])
    runs.succeed(mapping=str(mapping), sources=sources)
    assert lts_graph.value(count) == 20
    settings = runs.settings(mapping=str(mapping), sources=sources)
    report = upsert.upsert(spark, settings, frame(spark, [removal(4, supplier_code="S8")]), "removals")
    assert report.summary()["totals"]["relationships"]["MADE_BY"]["written"] == 1
    assert lts_graph.value(count) == 20


def test_an_edge_that_went_with_its_end_comes_back_with_the_next_load(spark, lts_graph, loads, tmp_path):
    """A component is deleted with its edges: what a reload says of the removals' edges is what the graph then has."""
    mapping = tmp_path / "graph.yml"
    components = """
  - {name: components, source: components, labels: [Component], key: [{column: component_id}]}
"""
    mapping.write_text(CHANGED + components.lstrip("\n"))
    runs = loads(lts_graph, mapping=str(mapping))
    write(spark, runs.source, [removal(n) for n in range(20)])
    held = str(tmp_path / "components")
    spark.createDataFrame([(f"C{n}",) for n in range(11)], "component_id STRING").write.format("delta").save(held)
    sources = {"removals": runs.source, "components": held}
    runs.succeed(sources=sources)
    before = dump(lts_graph.driver)
    report = upsert.delete(spark, runs.settings(sources=sources), ["C1", "C2"], "components")
    assert report.summary()["totals"]["outcomes"]["deleted"] == 2
    assert lts_graph.value("MATCH (:Component)-[e:HAS_REMOVAL]->() RETURN count(e) AS c") == 16
    again = runs.succeed(sources=sources, reset_checkpoint=True)
    terms = again["totals"]["relationships"]["HAS_REMOVAL"]
    assert (terms["written"], terms["unchanged"]) == (4, 16)
    assert dump(lts_graph.driver) == before


def test_a_mapping_that_gains_a_relationship_rewrites_no_node(spark, lts_graph, loads, tmp_path):
    """After a reset only what changed is written: here the edges."""
    less = tmp_path / "less.yml"
    less.write_text(CHANGED)
    runs = loads(lts_graph, mapping=str(less))
    write(spark, runs.source, [removal(n) for n in range(10)])
    runs.succeed()
    more = CHANGED + "      - {type: MADE_BY, end: {label: Supplier, key: [{column: work_order_number}]}}\n"
    less.write_text(more.replace("work_order_number", "aircraft_id"))
    summary = runs.succeed(reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["unchanged"] == 10
    assert summary["totals"]["relationships"]["MADE_BY"]["written"] == 10
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["unchanged"] == 10
