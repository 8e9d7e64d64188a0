"""Every statement that the loader can send for a mapping."""

from __future__ import annotations

from delta_neo4j.cypher import edges, nodes, removal, schema
from delta_neo4j.mapping_model import MappingModel


def mapping_of(label, kind, prop, index, column):
    """Give a mapping of two tables of nodes and an edge list, with everything a mapping can have, from five names."""
    key = [{"column": column, "property": prop}]
    end = {"label": label, "key": key}
    day = {"column": column, "property": prop + "d", "type": "date"}
    flat = {"column": "m", "property": prop + "m", "type": "map"}
    related = {"type": kind, "end": end, "properties": [{"column": column, "property": prop}]}

    def node(name, holder):
        embedding = {"text": column, "property": prop + "v", "index": {"name": index + name}, **holder}
        labels = [label, label + "2"]
        shared = {"labels": labels, "key": key, "properties": [day, flat], "relationships": [related]}
        return {"name": name, "source": "t", **shared, "embedding": embedding}

    texts = {"text_nodes": {"label": label + "T", "relationship": kind + "T"}}
    pieces = {"chunks": {"label": label + "C", "relationship": kind + "C"}}
    listed = {"name": "c", "source": "t", "relationship": {"type": kind + "E", "from": end, "to": end}}
    return {"tables": [node("a", texts), node("b", pieces), listed]}


def statements(mapping):
    """Give every statement that the loader can send for a mapping."""
    texts, pieces, listed = (table.planned() for table in MappingModel.model_validate(mapping).tables)
    yield nodes.upsert_texts(texts.text_nodes, texts.embedding.property)
    yield nodes.upsert_chunks(pieces, pieces.chunks, pieces.embedding.property)
    yield edges.merge_edges(listed)
    for table in (texts, pieces):
        key = tuple(p.name for p in table.key)
        yield from (schema.create_constraint(table.labels[0], key), schema.duplicates(table.labels[0], key))
        yield schema.create_vector_index(table.labels[0], table.embedding.property, table.embedding.index, key)
        yield from (nodes.upsert_nodes(table), nodes.keep_unchanged(table), removal.sweep(table.labels[0]))
        yield from (edges.merge_relationships(table, position) for position in range(len(table.relationships)))
    for table in (texts, pieces, listed):
        yield from (removal.delete_rows(table), removal.clear_rows(table), removal.count_rows(table))
