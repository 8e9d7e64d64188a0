"""Every statement that the loader can send for a mapping."""

from __future__ import annotations

from delta_neo4j.graph.cypher import deletes as delete_text
from delta_neo4j.graph.cypher import edge_lists as edge_list_text
from delta_neo4j.graph.cypher import look_up as look_up_text
from delta_neo4j.graph.cypher import nodes as node_text
from delta_neo4j.graph.cypher import relationships as relationship_text
from delta_neo4j.graph.cypher import schema as schema_text
from delta_neo4j.graph.cypher import search as search_text
from delta_neo4j.graph.cypher import texts as text_text
from delta_neo4j.mapping.model import MappingModel


def mapping_of(label, kind, prop, index, column):
    """Give a mapping of two tables of nodes and an edge list, with everything a mapping can have, from five names."""
    key = [{"column": column, "property": prop}]
    end = {"label": label, "key": key}
    day = {"column": column, "property": prop + "d", "type": "date"}
    flat = {"column": "m", "property": prop + "m", "type": "map"}
    own_key = [{"column": column, "property": prop + "k"}]
    related = {"type": kind, "end": end, "key": own_key, "properties": [{"column": column, "property": prop}]}

    def node(name, holder):
        embedding = {"text": column, "property": prop + "v", "index": {"name": index + name}, **holder}
        labels = [label, label + "2"]
        shared = {"labels": labels, "key": key, "properties": [day, flat], "relationships": [related]}
        shared["fulltext"] = {"index": index + name + "w", "properties": [prop]}
        return {"name": name, "source": "t", **shared, "embedding": embedding}

    texts = {"text_nodes": {"label": label + "T", "relationship": kind + "T"}}
    chunks = {"chunks": {"label": label + "C", "relationship": kind + "C"}}
    listed = {"name": "c", "source": "t", "relationship": {"type": kind + "E", "from": end, "to": end, "key": own_key}}
    return {"tables": [node("a", texts), node("b", chunks), listed]}


def statements(mapping):
    """Give every statement that the loader can send for a mapping."""
    texts, chunks, listed = (table.planned() for table in MappingModel.model_validate(mapping).tables)
    yield text_text.upsert_texts(texts.text_nodes, texts.embedding.property)
    yield text_text.upsert_chunks(chunks, chunks.chunks, chunks.embedding.property)
    yield edge_list_text.merge_edges(listed)
    for table in (texts, chunks):
        key = tuple(p.name for p in table.key)
        yield from (schema_text.create_constraint(table.labels[0], key), schema_text.duplicates(table.labels[0], key))
        yield schema_text.create_vector_index(table.labels[0], table.embedding.property, table.embedding.index, key)
        yield from (
            node_text.upsert_nodes(table),
            look_up_text.keep_unchanged(table),
            delete_text.sweep(table.labels[0]),
        )
        yield from (
            relationship_text.merge_relationships(table, position) for position in range(len(table.relationships))
        )
        yield from _searches(table)
    for table in (texts, chunks, listed):
        yield from (delete_text.delete_rows(table), delete_text.clear_rows(table), delete_text.count_rows(table))


def _searches(table):
    """Give every statement that searches a table, with a condition on its key."""
    embedding, (key,) = table.embedding, [p.name for p in table.key]
    given = ((key, "!="), (key, "in"))
    related = table.relationships[0]
    edge = (related.type, related.incoming, related.end_label, tuple(p.name for p in related.end_key))
    yield schema_text.create_fulltext_index(table.fulltext)
    yield search_text.nearest(table, embedding, given)
    yield search_text.nearest_inside(table, embedding, embedding.index.name, (1,), given)
    yield from (search_text.compare_all(table, embedding, conditions) for conditions in ((), given))
    yield search_text.words(table, given, limited=True)
    yield search_text.holders(table)
    yield search_text.fulfilling(table, given)
    yield search_text.vectors_of(table, embedding)
    yield search_text.neighbours(table.labels[0], (key,), edge, ("embedding",))
