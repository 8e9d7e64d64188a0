"""
Histories of three Delta tables, as values that can be printed and replayed: commits, and loads between them.

A row has a number of its own in `seq`, which grows with the commits. So of several rows of a key the one that was
changed last is also the one with the highest sequence, and every source mode must choose it. Only `late` histories have
rows with a number below those of their key; a change feed, where the commit decides first, never gets them.

An update that makes a row unsound meets only keys that nothing has touched since the last load: what the node holds
is then the same however the commits are cut into micro-batches (docs/limits.md, "If the row after …").
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

MAPPING = """
tables:
  - name: makers
    source: makers
    labels: [Maker]
    key: [{property: maker_id, column: id}]
    properties: [{column: rank, type: integer}, {column: story}, {column: state}, {column: seq, type: integer}]
    sequence_by: [seq]
    new_columns: add
    deleted_when: state = 'gone'
    embedding:
      text: story
      index: {name: maker_stories, dimension: 384}
      chunks: {tokens: 8, overlap: 2}
  - name: parts
    source: parts
    labels: [Part, Thing]
    key: [{property: part_id, column: id}]
    properties: [{column: weight, type: integer}, {column: note}, {column: seq, type: integer}]
    sequence_by: [seq]
    embedding:
      text: note
      index: {name: part_notes, dimension: 384}
      text_nodes: {label: Note, relationship: HAS_NOTE}
    relationships:
      - {type: MADE_IN, end: {label: City, key: [{property: city_id, column: city}]}, on_missing: merge}
      - {type: CHECKED_BY, end: {label: Maker, key: [{property: maker_id, column: maker}]}, on_missing: skip}
  - name: fits
    source: fits
    relationship:
      type: FITS
      from: {label: Part, key: [{property: part_id, column: part}]}
      to: {label: Model, key: [{property: model_id, column: model}]}
      on_missing: merge
    properties: [{column: since, type: integer}, {column: seq, type: integer}]
    sequence_by: [seq]
"""
COLUMNS = {  # the last column of makers comes later
    "makers": ("id", "rank", "story", "state", "seq", "extra"),
    "parts": ("id", "city", "maker", "weight", "note", "seq"),
    "fits": ("part", "model", "since", "seq"),
}
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"] * 2
# Where a run is killed; a step that a history does not come to kills nothing.
KILLS = (
    "read", "validate", "rank", "stage", "cut", "embed", "flush", "delete", "look_up", "nodes", "texts", "edges",
    "relationships MADE_IN", "relationships CHECKED_BY", "chunks", "dead_letters", "registry", "ledger", "sweep",
)  # fmt: skip
REWRITES = {"update", "delete", "merge", "overwrite"}  # what `append` does not follow


@dataclass(frozen=True)
class Commit:
    """One commit of a table: rows by the number of the row that they replace, numbers of rows that go, new rows."""

    table: str
    kind: str  # insert, update, delete, merge, overwrite, column, optimize
    updates: tuple = ()
    deletes: tuple = ()
    inserts: tuple = ()


@dataclass(frozen=True)
class Load:
    """A load, which must succeed; `kill` is (step, the how many times it comes) where one is killed before it."""

    mode: str
    reset: bool = False
    small: bool = False  # a micro-batch for each file, or commit
    kill: tuple | None = None


@dataclass(frozen=True)
class Process:
    """The changes of the first table that no load has read yet, passed to `process_batch`."""


class _Tables:
    """The tables while a history is drawn: rows by number, and what may happen to them."""

    def __init__(self, draw, lanes, *, late):
        self.draw, self.lanes, self.late = draw, lanes, late
        self.rows = {name: {} for name in COLUMNS}
        self.touched, self.number, self.extra = set(), 0, False

    def one_of(self, *values):
        return self.draw(st.sampled_from(values))

    def key_of(self, table, row):
        return (table, *row[: 2 if table == "fits" else 1])

    def seq(self):
        self.number += 10
        return self.number

    def row(self, table, lane, *, sound=True, key=None, seq=None):
        """Draw a row; its key is new, or that of other rows."""
        seq = seq or self.seq()
        number = str(self.draw(st.integers(-3, 99))) if sound else "heavy"
        if table == "makers":
            names = (f"{lane}m{n}" for n in range(6))
            story = " ".join(WORDS[: self.draw(st.integers(0, 20))]) or None
            extra = self.one_of(None, "plus") if self.extra else None
            return (key or self.one_of(*names), number, story, None, seq, extra)
        if table == "parts":
            city, maker = (
                self.one_of(None, "oslo", f"{lane}rome"),
                self.one_of(None, *(f"{lane}m{n}" for n in range(7))),
            )
            note = self.one_of(None, "bolt", "nut", f"{lane} rod")
            return (key or self.one_of(*(f"{lane}p{n}" for n in range(6))), city, maker, number, note, seq)
        ends = key or (self.one_of(*(f"{lane}p{n}" for n in range(7))), self.one_of("x", f"{lane}y"))
        return (*ends, number, seq)

    def rows_of(self, table, lane):
        """Give the rows of a lane: each lane has keys of its own."""
        return [row for row in self.rows[table].values() if row[0] is not None and row[0].startswith(lane)]

    def is_bad(self, table, row):
        return "heavy" in row or row[0] is None

    def alone(self, table, row):
        """Return whether no other row has the key of this one."""
        key = self.key_of(table, row)
        return sum(self.key_of(table, other) == key for other in self.rows[table].values()) == 1

    def inserted(self, table, lane):
        """Draw a new row: of a new or a known key, late, unsound, or without a usable key."""
        kind = self.one_of("row", "row", "row", "bad", "null", "late")
        if kind == "null":
            row = self.row(table, lane)
            # The lane of a row without a key cannot be told: it is only ever overwritten.
            return (None, *row[1:])
        row = self.row(table, lane)
        same = [other for other in self.rows[table].values() if self.key_of(table, other) == self.key_of(table, row)]
        if any(self.is_bad(table, other) for other in same):
            return None
        if kind == "bad" and not same and self.key_of(table, row) not in self.touched:
            return tuple("heavy" if at == self.at_number(table) else value for at, value in enumerate(row))
        if kind == "late" and same and self.late:
            seq = min(other[self.at_seq(table)] for other in same) - self.draw(st.integers(1, 4))
            if seq not in self.rows[table] and seq > 0:
                return tuple(seq if at == self.at_seq(table) else value for at, value in enumerate(row))
        return row

    def at_seq(self, table):
        return COLUMNS[table].index("seq")

    def at_number(self, table):
        return {"makers": 1, "parts": 3, "fits": 2}[table]

    def updated(self, table, row):
        """Draw the row after an update: other values, another key, gone by its own word, or unsound."""
        lane, key = row[0][0], row[:2] if table == "fits" else row[0]
        kinds = ["values", "values", "key", "bad"] + (["gone"] if table == "makers" else [])
        kind = self.one_of(*kinds)
        if kind == "key":
            new = self.row(table, lane)
            same = [r for r in self.rows[table].values() if self.key_of(table, r) == self.key_of(table, new)]
            if not any(self.is_bad(table, other) for other in same):
                return new
        untouched = self.key_of(table, row) not in self.touched
        if kind == "bad" and untouched and self.alone(table, row):
            return self.row(table, lane, key=key, sound=False)
        new = self.row(table, lane, key=key)
        if kind == "gone":
            return (*new[:3], "gone", *new[4:])
        return new

    def apply(self, commit):
        """Make a commit's changes, and remember the keys that it touches."""
        rows = self.rows[commit.table]
        old = [rows.pop(seq) for seq in [*commit.deletes, *(seq for seq, _ in commit.updates)]]
        new = [*(row for _, row in commit.updates), *commit.inserts]
        if commit.kind == "overwrite":
            old, new = [*old, *rows.values()], list(commit.inserts)
            rows.clear()
        rows.update({row[self.at_seq(commit.table)]: row for row in new})
        self.touched |= {self.key_of(commit.table, row) for row in [*old, *new]}

    def commit(self, table, kind):
        """Draw a commit of a kind in all lanes."""
        updates, deletes, inserts, keys = {}, [], [], set()
        for lane in self.lanes:
            own = self.rows_of(table, lane)
            if kind in {"insert", "merge", "overwrite"}:
                for _ in range(self.draw(st.integers(1, 3))):
                    row = self.inserted(table, lane)
                    if row and self.key_of(table, row) not in keys:
                        inserts.append(row)
                        keys.add(self.key_of(table, row))
            own = [row for row in own if self.key_of(table, row) not in keys]
            if kind in {"update", "merge"} and own:
                row = self.one_of(*own)
                new = self.updated(table, row)
                if self.key_of(table, new) == self.key_of(table, row) or self.key_of(table, new) not in keys:
                    updates[row[self.at_seq(table)]] = new
                    keys |= {self.key_of(table, row), self.key_of(table, new)}
            own = [row for row in own if self.key_of(table, row) not in keys]
            if kind in {"delete", "merge", "overwrite"} and own:
                deletes.append(self.one_of(*own)[self.at_seq(table)])
        if kind == "overwrite":
            same = self.draw(st.booleans())
            left = [row for seq, row in self.rows[table].items() if same or seq not in deletes]
            return Commit(table, kind, inserts=tuple(left if same else left + inserts))
        return Commit(table, kind, tuple(updates.items()), tuple(deletes), tuple(inserts))


KINDS = ("insert", "update", "delete", "merge", "overwrite", "optimize", "column")  # each history has all of them


def _is_rich(history):
    """Return whether something happens: the simplest histories, which are drawn first, tell nothing."""
    commits = [step for step in history if isinstance(step, Commit)]
    rows = [row for step in commits for row in (*step.inserts, *(new for _, new in step.updates))]
    new = [row for step in commits for _, row in step.updates]
    return len({row[0] for row in rows}) >= 6 and any("heavy" in row for row in rows) and len(new) >= 2


def histories(*arguments, **options):
    """Draw histories, as `_histories`, in which something happens."""
    return _histories(*arguments, **options).filter(_is_rich)


@st.composite
def _histories(draw, modes=("cdf",), lanes=1, commits=10, loads=3, *, late=False, process=False):
    """
    Draw a history: a tuple of commits, loads and `Process`.

    `lanes`: so many histories at once, each with keys of its own. `modes`: those that the loads change between, each
    time with a reset. `late`: rows may come later than newer ones of their key.
    """
    tables = _Tables(draw, "abcdefghijklmnopqrstuvwxyz"[:lanes], late=late)
    steps = []
    for table in COLUMNS:
        steps.append(tables.commit(table, "insert"))
        tables.apply(steps[-1])
    mode = draw(st.sampled_from(modes))
    steps.append(Load(mode))
    tables.touched.clear()
    places = [3 + (commits - 3) * (number + 1) // (loads - 1) for number in range(loads - 1)]
    kinds = draw(st.permutations(KINDS))
    for number in range(3, commits):
        kind = kinds[number - 3] if number - 3 < len(kinds) else draw(st.sampled_from(KINDS))
        made = tables.commit(draw(st.sampled_from(sorted(COLUMNS))), kind)
        if made.kind == "column":
            made = Commit("makers", "optimize" if tables.extra else "column")
            tables.extra = True
        tables.apply(made)
        steps.append(made)
        if process and draw(st.integers(0, 3)) == 0:
            steps.append(Process())
        if number + 1 in places:
            before, mode = mode, draw(st.sampled_from(modes))
            kill = draw(st.none() | st.tuples(st.sampled_from(KILLS), st.integers(1, 3)))
            reset = mode != before or draw(st.integers(0, 3)) == 0
            steps.append(Load(mode, reset, draw(st.booleans()), kill))
            tables.touched.clear()
    return tuple(steps)
