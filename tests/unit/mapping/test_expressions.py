"""Expressions that give the same value at every reading, and templates over columns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping.expressions import hidden_functions, names, stable, template
from delta_neo4j.mapping.plan import Input

ANOTHER_VALUE = [
    "uuid()", "UUID ( )", "rand()", "rand(7)", "randn()", "concat(a, rand())", "monotonically_increasing_id()",
    "current_timestamp()", "current_timestamp", "CURRENT_TIMESTAMP", "current_date", "a > localtimestamp",
    "base64(aes_encrypt(a, '0000111122223333'))",
    "now()", "now /* not yet */ ()", "now -- not yet\n()", "date_diff(now(), a)", "current_user", "current_user()",
    "ai_query('endpoint', a)", "ai_gen(a)", "input_file_name()", "spark_partition_id()", "shuffle(a)", "version()",
    "`rand`()", "`now` ()", '"rand"()', "system.builtin.rand()", "secret('a', 'b')", "reflect('a', 'b')",
]  # fmt: skip


@pytest.mark.parametrize("expression", ANOTHER_VALUE)
def test_what_gives_another_value_at_every_reading_is_refused(expression):
    """Chance, the clock, the session, the file layout and models are named and refused, however they are written."""
    with pytest.raises(MappingError, match="another value at every reading") as refused:
        stable(expression)
    assert repr(expression) in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("unix_timestamp()", "the current time"),
        ("timestamp'now'", "another value at every reading"),
        ("DATE 'Today'", "another value at every reading"),
        ("cast('now' as timestamp)", "another value at every reading"),
        ("try_cast('yesterday' as date)", "another value at every reading"),
        ("to_date('tomorrow UTC')", "another value at every reading"),
        ("'now'::timestamp", "another value at every reading"),
        ("cast(('now') as date)", "another value at every reading"),
        ("date((('now')))", "another value at every reading"),
        ("datediff('today', installed)", "another value at every reading"),
        ("cast(coalesce(upper(a), ('now')) as date)", "another value at every reading"),
        ("date_add(coalesce(a, 'today'), 1)", "another value at every reading"),
        ("explode(a)", "several rows of one"),
        ("`explode`(a)", "several rows of one"),
        ("window(a, '2 hours', '1 hour').start", "several rows of one"),
        ("(select max(b) from t)", "other rows \\(SELECT"),
        ("exists(from t)", "other rows \\(FROM"),
        ("(table t)", "other rows \\(TABLE"),
        ("sum(a) over (partition by b)", "other rows \\(OVER"),
        ("a; drop table t", "semicolon"),
        ("identifier('ra' || 'nd')()", "makes names of texts"),
        ("/* /* */ ' */ rand() /* ' */", "a comment within a comment"),
    ],
)
def test_what_does_not_stand_alone_is_refused(expression, words):
    """The present moment in disguise, more rows, other rows, statements and hidden names each have their sentence."""
    with pytest.raises(MappingError, match=words):
        stable(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "a + b", "upper(a)", "'now()'", '"rand()"', "'it''s now()' || a", r"'\' now() '", "a -- rand()",
        "/* uuid() */ a",
        "`now`", "`now` || 'x'", "`a``b`", "`current_timestamp`", "x.user", "x.now", "x.current_date", "now", "rand",
        "unix_timestamp(a)", "unix_timestamp(a, 'yyyy')", "to_date(a)", "timestamp'2024-01-01 00:00:00'",
        "status = 'now'", "cast('2024-01-01' as date)", "extract(year from a)", "trim(both ' ' from a)",
        "case when a = 'select' then 1 else 2 end", "array_contains(b, 'explode')", "`over`", "uuid_text", "my_rand(a)",
        "x.`rand`", "a[0]", "transform(b, x -> x + 1)", "r'a;b'", "(table + 1)", "table", "date",
        "cast(if(flag = 'now', 1, 0) as int)", "cast(status = 'today' as boolean)", "cast(concat('now ', a) as string)",
        "cast(replace(t, 'now ', '') as date)", "date_add(if(shift='today', a, b), 1)",
        "named_struct('now', a).now", "if(year(a) > 2000, 'now', 'then')",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_accepted(expression):
    """Texts, comments, quoted columns, fields of structs and longer names may contain such words."""
    assert stable(expression) == expression


@pytest.mark.parametrize("hiding", [r"r'\' || rand() || 'x'", "-- x\r rand()", r"'\\' || rand() || '\\'"])
def test_the_end_of_a_text_or_comment_is_where_spark_has_it(hiding):
    """A raw text knows no escapes, and a carriage return ends a comment: nothing hides behind them."""
    with pytest.raises(MappingError, match="uses rand"):
        stable(hiding)


@settings(deadline=None)
@given(st.text(alphabet="ab'\"`\\/*-() .\nr", max_size=30))
def test_any_text_is_accepted_or_refused(text):
    """Whatever is written, the answer is the expression or a fault, and a plain call behind it is always seen."""
    try:
        assert stable(text) == text
    except MappingError:
        return
    if not any(sign in text for sign in "'\"`-/"):
        with pytest.raises(MappingError):
            stable(f"{text} + rand()")


def test_a_name_that_is_a_function_for_want_of_a_column_is_found():
    """Spark takes `user` for a function, quoted or not, where the table has no such column."""
    assert hidden_functions("`current_date` || user || x.user || 'user'", ["x"]) == ["current_date", "user"]
    assert hidden_functions("`current_date` || user", ["USER", "current_date"]) == []


def test_the_names_of_an_expression_are_its_columns():
    """Functions, fields of structs and texts are not among them."""
    assert names("upper(`Made By`) || x.size || 'colour' || x") == ["made by", "x"]
    assert names("CASE WHEN a IS NULL THEN cast(b AS date) ELSE c::string END") == ["a", "b", "c"]
    assert names("`end` || x") == ["end", "x"]
    assert names("a > date '2024-01-01'") == ["a"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("{part}", (Input("part"),)),
        ("{part}: {finding}", (Input("part"), ": ", Input("finding"))),
        ("{:ID(RemovalEvent)}!", (Input(":ID(RemovalEvent)"), "!")),
        ("{a b}{a.b}", (Input("a b"), Input("a.b"))),
        ("{{{part}}}", ("{", Input("part"), "}")),
        ("{{part}} {part}", ("{part} ", Input("part"))),
        ("über\n{größe}", ("über\n", Input("größe"))),
        ("{`a`; drop}", (Input("`a`; drop"),)),
    ],
)
def test_a_template_is_text_between_columns(text, pieces):
    """Columns may be called anything but braces; doubled braces are braces."""
    assert template(text) == pieces


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no column", "names no column"),
        ("", "names no column"),
        ("{{part}}", "names no column"),
        ("{part", "without its partner"),
        ("part}", "without its partner"),
        ("{}", "without its partner"),
        ("{a{b}}", "without its partner"),
        ("{part}}", "without its partner"),
    ],
)
def test_a_broken_template_is_refused(text, words):
    """A brace without a partner, and a text without a column, say so."""
    with pytest.raises(MappingError, match=words):
        template(text)
