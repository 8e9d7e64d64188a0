"""Whatever a mapping or a row holds, only the intended statements are made: names are quoted, values bind."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from delta_neo4j.errors import GraphUnavailableError, MappingError
from delta_neo4j.graph.bolt.transactions import Effort, RefusedError, TooLargeError
from delta_neo4j.graph.passes import base
from delta_neo4j.graph.passes.deletes import DeletePass
from delta_neo4j.graph.passes.lanes import Lanes
from delta_neo4j.graph.passes.look_up import LookUpPass
from delta_neo4j.graph.passes.nodes import NodePass
from delta_neo4j.graph.passes.parameters import PropertyMaps, Rows
from delta_neo4j.graph.passes.texts import TextPass
from delta_neo4j.mapping.identifiers import table_name
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.settings.connection import Connection
from tests.support.statements import mapping_of, statements

FRAGMENTS = (
    "`",
    "``",
    "\\u0060",
    "'",
    '"',
    "\\",
    ") DETACH DELETE n //",
    "}) RETURN 1 UNION ",
    "\n",
    "\x00",
    "$rows",
    "\u202e",
)
HOSTILE = st.one_of(
    st.text(min_size=1, max_size=30),
    st.lists(st.sampled_from(["a", "é", " ", "_", *FRAGMENTS]), min_size=1, max_size=6).map("".join),
)


def _skeleton(statement):
    """Give a statement with every quoted name taken out: what is left is what the server executes."""
    return re.sub(r"`[^`]*`", "`x`", statement)


HARMLESS = [_skeleton(text) for text in statements(mapping_of("L", "T", "p", "i", "c"))]


@given(label=HOSTILE, kind=HOSTILE, prop=HOSTILE, index=HOSTILE, column=HOSTILE)
def test_a_mappings_names_are_refused_or_quoted(label, kind, prop, index, column):
    """Each name alone and all together: a fault, or statements that differ in quoted names alone."""
    names = {"label": label, "kind": kind, "prop": prop, "index": index, "column": column}
    plain = {"label": "L", "kind": "T", "prop": "p", "index": "i", "column": "c"}
    for chosen in (*({**plain, name: value} for name, value in names.items()), names):
        try:
            made = [_skeleton(text) for text in statements(mapping_of(**chosen))]
        except ValidationError:
            continue
        assert made == HARMLESS


@given(HOSTILE)
def test_a_tables_name_is_refused_or_quoted(name):
    """What Spark SQL sees of a table is one to three quoted parts."""
    try:
        made = table_name(name)
    except MappingError:
        return
    assert re.fullmatch(r"`[\w\- ]+`(\.`[\w\- ]+`){0,2}", made)


class _Session:
    """Takes down what is run."""

    sent: list = []  # noqa: RUF012

    def run(self, statement, parameters):
        self.sent.append((statement, parameters))
        rows = parameters["rows"]
        zero = dict.fromkeys(("without_text", "truncated", "length_unknown"), 0)
        return [{"outcome": "written", "rows": len(rows), **zero}]

    effort, round_trip = Effort(), 0.0

    def bookmarks(self):
        return []


@given(
    st.lists(
        st.tuples(HOSTILE, st.one_of(st.none(), HOSTILE), st.dictionaries(HOSTILE, HOSTILE, max_size=3)), min_size=1
    )
)
def test_a_rows_values_never_reach_the_statement(rows):
    """Keys, texts and the keys of maps travel as parameters: the statement is the same whatever they are."""
    try:
        batch = pa.RecordBatch.from_pydict(
            {
                "k0": pa.array([key for key, _, _ in rows]),
                "p0": pa.array([text for _, text, _ in rows], pa.string()),
                "p1": pa.array(
                    [list(found.items()) for _, _, found in rows],
                    pa.map_(pa.string(), pa.string()),
                ),
                **{name: pa.array(["x"] * len(rows)) for name in ("v", "h")},
                **{name: pa.array([0] * len(rows)) for name in ("w", "x")},
            }
        )
    except UnicodeEncodeError:
        return  # a lone surrogate is no text that Spark could hold
    work = NodePass(
        Connection("bolt://localhost", "u", "p"), "STATEMENT", {}, {}, key_width=1, batch_rows=1000, refusals_allowed=0,
        property_maps=PropertyMaps(("text", "map"), maps=("map",)),
    )  # fmt: skip
    session = _Session()
    session.sent = []
    task = base.Task(work, Lanes(lambda: session))
    task.write_batch(batch)
    task.lanes.finish()
    assert {statement for statement, _ in session.sent} == {"STATEMENT"}
    sent = [row for _, parameters in session.sent for row in parameters["rows"]]
    assert [(row["k0"], row["p"]["text"]) for row in sent] == [(key, text) for key, text, _ in rows]
    for row, (_, _, found) in zip(sent, rows, strict=True):
        assert {name: value for name, value in row["p"].items() if name != "text"} == {
            f"map.{key}": value for key, value in found.items()
        }


def test_the_skeleton_tells_a_statement_that_was_broken_out_of():
    """The check itself would see it."""
    assert _skeleton("MATCH (n:`L`) RETURN n") != _skeleton("MATCH (n:`L`) DETACH DELETE n //`) RETURN n")


@pytest.mark.parametrize("name", ["`", "a`b", "a\\u0060b", "_dn_owner", "a\nb", "x" * 300])
def test_known_tricks_are_refused(name):
    """Back-ticks, escapes, the loader's own prefix, control characters, documents."""
    with pytest.raises(ValidationError):
        MappingModel.model_validate(mapping_of("L", "T", name, "i", "c"))


class _Refusing:
    def run(self, statement, parameters):
        raise RefusedError("Schema.ConstraintValidationFailed", "another constraint forbids it")


@pytest.mark.parametrize(("kind", "what"), [(DeletePass, "refused to delete"), (TextPass, "refused the node of text")])
def test_a_refusal_that_stops_the_run_names_neo4js_reason(kind, what):
    """No dead letter keeps the reason of a refused delete or text node, so the error has it."""
    work = kind(Connection("bolt://127.0.0.1:1", "neo4j", ""), "", {}, {}, 1, 10, 10)
    with pytest.raises(GraphUnavailableError, match=f"{what}.*another constraint forbids it; remove the cause"):
        base.Task(work, Lanes(_Refusing)).write(Rows([{"k0": "a", "i": 0}]), _Refusing())


class _Limited(_Session):
    """Takes transactions of at most `most` rows, none with the key `heavy`; counts what it was sent, in rows."""

    def __init__(self, most, heavy=None, *, shared=False):
        self.most, self.heavy, self.shared, self.sizes, self.sent = most, heavy, shared, [], []

    def run(self, statement, parameters):
        rows = parameters["rows"]
        self.sizes.append(len(rows))
        if len(rows) > self.most or self.heavy in [row["k0"] for row in rows]:
            reason = "the limit is reached; raise db.memory.transaction.max"
            raise TooLargeError("TransientError.General.MemoryPoolOutOfMemoryError", reason, shared=self.shared)
        return super().run(statement, parameters)


def _written(session, *batches, kind=NodePass, rows_at_once=1000):
    """Write batches of so many rows in one task; give what the driver reads of it."""
    fixed = {"property_maps": PropertyMaps(())} if kind is NodePass else {}
    connection = Connection("bolt://localhost", "u", "p", retry_seconds=0)
    task = base.Task(
        kind(connection, "S", {}, {"stage": "nodes"}, 1, rows_at_once, 10, **fixed), Lanes(lambda: session)
    )
    at = 0
    for count in batches:
        columns = {"k0": [str(at + n) for n in range(count)], **dict.fromkeys("vhr", ["x"] * count)}
        task.write_batch(pa.RecordBatch.from_pydict({**columns, **dict.fromkeys("wx", [0] * count)}))
        at += count
    task.lanes.finish()
    return base.gather(task.result().to_pylist())


def test_transactions_too_large_for_the_server_are_halved_and_the_size_is_remembered():
    """The task goes on with the size that fits, and says it to the passes after it."""
    session = _Limited(300)
    written = _written(session, 1000, 1000)
    assert (written.counts["written"], written.limit, written.refusals) == (2000, 250, [])
    assert session.sizes[:7] == [1000, 500, 250, 250, 500, 250, 250]
    assert session.sizes[-4:] == [250] * 4


def test_a_row_that_is_too_large_by_itself_is_a_dead_letter_with_the_setting():
    """It costs the transactions after it nothing: not their number of rows was the cause."""
    session = _Limited(1000, heavy="3")
    written = _written(session, 5, 1000, 1000)
    assert (written.counts["written"], written.counts["dead_lettered"]) == (2004, 1)
    assert written.refusals == [
        {
            "key": ["3"],
            "reason_class": "TransientError.General.MemoryPoolOutOfMemoryError",
            "reason": "the limit is reached; raise db.memory.transaction.max",
        }
    ]
    assert session.sizes[-2:] == [1000, 1000]
    assert written.limit == 1000


def test_a_limit_that_all_share_is_not_remembered_for_later_passes():
    """Others may have ended by then."""
    written = _written(_Limited(300, shared=True), 1000)
    assert (written.counts["written"], written.limit) == (1000, 1000)
    with pytest.raises(GraphUnavailableError, match=r"a transaction of one row .*raise db\.memory"):
        _written(_Limited(0, shared=True), 4)


def test_a_row_that_cannot_be_looked_up_is_left_to_the_passes_that_write_it():
    """They find out whether the row is at fault, and its outcome is counted once."""
    written = _written(_Limited(0), 3, kind=LookUpPass)
    assert written.remaining == [["0"], ["1"], ["2"]]


@pytest.mark.parametrize(("hubs", "taken"), [("aabbbc", 5), ("aaabbb", 3), ("abbbbb", 5)])
def test_a_transaction_ends_where_a_hub_ends(hubs, taken):
    """Two transactions under way then lock no node together; a hub of more than half a transaction is cut."""
    batch = pa.RecordBatch.from_pydict({"t0": list(hubs)})
    assert base.whole_hubs(batch, ("t0",)) == taken


def test_a_task_cuts_its_rows_into_transactions_where_hubs_end():
    """Eight rows of three hubs, at most five in a transaction."""
    session = _Limited(10)
    connection = Connection("bolt://localhost", "u", "p")
    work = NodePass(connection, "S", {}, {"stage": "nodes"}, 1, 5, 10, hub=("k0",), property_maps=PropertyMaps(()))
    task = base.Task(work, Lanes(lambda: session))
    columns = {"k0": list("aaabbbcc"), **dict.fromkeys("vh", ["x"] * 8), **dict.fromkeys("wx", [0] * 8)}
    task.write_batch(pa.RecordBatch.from_pydict(columns))
    task.lanes.finish()
    assert session.sizes == [3, 5]
