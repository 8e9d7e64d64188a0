"""A draft of `mapping init`, edited as a person would: lines replaced, lines put in."""

from __future__ import annotations

# What no table can tell: the name that the index has had so far, and a relationship to a node made of two columns.
FAA_EDITS = (
    ("name: maintenance_event_narrative_embeddings", "name: maintenance_narrative_embeddings"),
    ("", "    relationships:\n"),
    ("", "      - type: CONCERNS\n"),
    ("", "        end: {label: AircraftModel, key: [{column: make}, {column: model}]}\n"),
)


def edited(text, edits):
    """Replace the first of each pair by the second, which must be there; one without a first is put at the end."""
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1) if before else text + after
    return text
