"""Whatever a mapping or a row holds, only the intended statements are made: names are quoted, values bind."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from delta_neo4j import writer
from delta_neo4j.errors import MappingError
from delta_neo4j.identifiers import table_name
from delta_neo4j.mapping_model import MappingModel
from delta_neo4j.passes import NodePass
from delta_neo4j.plan import Connection
from delta_neo4j.rows import Bags
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

    effort = type("Effort", (), {})()


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
        bags=Bags(("text", "map"), maps=("map",)),
    )  # fmt: skip
    session = _Session()
    session.sent = []
    task = writer.Task(work, session)
    task.write_batch(batch)
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
