"""
The graph that tables of the histories must make, in plain Python.

It imports nothing from the package: it reads the rows of a version with `versionAsOf`, and knows the mapping of
`histories` by heart. What it follows are the promises of docs/changes.md and docs/limits.md.
"""

from __future__ import annotations

import re
from pathlib import Path

KEYS = {"makers": ("id",), "parts": ("id",), "fits": ("part", "model")}
NUMBERS = {"makers": "rank", "parts": "weight", "fits": "since"}  # mapped as integers, texts in the tables
CHUNK_WORDS, OVERLAP = 8, 2


def rows_at(spark, path, version):
    """Give the rows of a version of a Delta table as dictionaries."""
    frame = spark.read.format("delta").option("versionAsOf", version).load(path)
    return [row.asDict() for row in frame.collect()]


def newest_version(path):
    """Give the number of the newest version of a Delta table in a folder."""
    return max(int(file.stem) for file in (Path(path) / "_delta_log").glob("*.json"))


def winners(table, rows, before):
    """
    Give the row that each key of a table has in the graph, by key.

    `before` is what this function gave at the last load: a key that has only rows which are dead letters keeps what it
    had then, and the row has the mark `kept`. A key without rows has nothing.
    """
    by_key = {}
    for row in rows:
        key = tuple(row[name] for name in KEYS[table])
        # A null in a key: a dead letter that no node belongs to, or a row of an edge list without an end.
        if None not in key and row.get("state") != "gone":
            by_key.setdefault(key, []).append(row)
    found = {}
    for key, versions in by_key.items():
        sound = [row for row in versions if _is_sound(table, row)]
        if sound:
            found[key] = max(sound, key=lambda row: row["seq"])
        elif key in before:
            found[key] = before[key] | {"kept": True}
    return found


def _is_sound(table, row):
    text = row[NUMBERS[table]]
    return text is None or re.fullmatch(r"-?\d+", text) is not None


def chunks(text):
    """Cut a text of words that are one token each, as `chunks: {tokens: 8, overlap: 2}` does."""
    words = text.split()
    if len(words) <= CHUNK_WORDS:
        return [text]
    firsts = range(0, len(words) - OVERLAP, CHUNK_WORDS - OVERLAP)
    return [" ".join(words[first : first + CHUNK_WORDS]) for first in firsts]


class Expected:
    """
    The graph of the winners of three tables.

    `nodes`: {identity: (labels, properties)}, `edges`: {(type, identity, identity): properties}; an identity is a label
    and a key. Only what has a value is a property. `before`: the edges after the last load.
    """

    def __init__(self, rows, before):
        self.nodes, self.edges = {}, {}
        for (key,), row in rows["makers"].items():
            self._maker(key, row)
        for (key,), row in rows["parts"].items():
            self._part(key, row)
        for (part, model), row in rows["fits"].items():
            ends = self._stub("Part", part), self._stub("Model", model)
            self.edges["FITS", *ends] = _shown({"since": _number(row["since"]), "seq": row["seq"]})
        # `on_missing: skip`: an edge is there if its end is. A row that is kept gets no edge any more: the table has no
        # such row.
        for (key,), row in rows["parts"].items():
            edge = "CHECKED_BY", ("Part", key), ("Maker", row["maker"])
            if edge[2] in self.nodes and (edge in before or not row.get("kept")):
                self.edges[edge] = {}

    def _maker(self, key, row):
        maker = "Maker", key
        values = {"maker_id": key, "rank": _number(row["rank"]), "extra": row.get("extra")}
        self.nodes[maker] = ("Maker",), _shown(values | {name: row[name] for name in ("story", "state", "seq")})
        if row["story"]:
            for index, text in enumerate(chunks(row["story"])):
                chunk = "Chunk", (key, index)
                self.nodes[chunk] = ("Chunk",), {"index": index, "text": text}
                self.edges["HAS_CHUNK", maker, chunk] = {}

    def _part(self, key, row):
        part = "Part", key
        values = {"part_id": key, "weight": _number(row["weight"]), "note": row["note"], "seq": row["seq"]}
        self.nodes[part] = ("Part", "Thing"), _shown(values)
        if row["city"]:
            self.edges["MADE_IN", part, self._stub("City", row["city"])] = {}
        if row["note"]:
            self.nodes["Note", row["note"]] = ("Note",), {"text": row["note"]}
            self.edges["HAS_NOTE", part, ("Note", row["note"])] = {}

    def _stub(self, label, key):
        """Give the identity of an end, which is there with its key alone if no row has it."""
        self.nodes.setdefault((label, key), ((label,), {f"{label.lower()}_id": key}))
        return label, key


def _number(text):
    return None if text is None else int(text)


def _shown(values):
    return {name: value for name, value in values.items() if value is not None}
