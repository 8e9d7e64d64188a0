"""
Text over columns: templates, and Spark SQL expressions that give the same value whenever a row is read again.

An expression that is not replay-stable would make a row look changed at every replay, and a generator or an
aggregate would make other rows than were counted.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from delta_neo4j.errors import MappingError
from delta_neo4j.plan import Input

# Another value at another time, in another session, on another machine or in another file layout.
_UNSTABLE = frozenset(
    {
        "rand", "randn", "random", "randstr", "uniform", "uuid", "shuffle", "monotonically_increasing_id",
        "spark_partition_id", "input_file_name", "input_file_block_start", "input_file_block_length",
        "current_timestamp", "current_date", "current_time", "localtimestamp", "now", "curdate", "getdate",
        "current_timezone", "current_user", "session_user", "user", "current_catalog", "current_database",
        "current_schema", "current_metastore", "current_recipient", "version", "secret", "try_secret", "is_member",
        "is_account_group_member", "aes_encrypt", "reflect", "try_reflect", "java_method", "http_request", "read_files",
    }
)  # fmt: skip
# These are functions even without parentheses, unless the source has a column of that name.
_BARE = frozenset(
    {"current_timestamp", "current_date", "current_time", "localtimestamp", "current_user", "session_user"}
)
_BARE_OR_COLUMN = _BARE | {"user"}
_MORE_ROWS = frozenset(
    {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple",
     "variant_explode", "variant_explode_outer", "window", "session_window"}
)  # fmt: skip
_OTHER_ROWS = frozenset({"select", "over"})  # a subquery, a window: the value depends on other rows
_QUERIES = frozenset({"table", "from", "with"})  # what a subquery may begin with, besides
_NO_ARGUMENTS = frozenset({"unix_timestamp"})  # without an argument it is the present moment
# A text that is cast to a moment may be the moment of the cast.
_MOMENT_TEXT = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
_MOMENTS = frozenset({"date", "timestamp", "timestamp_ntz", "timestamp_ltz"})
# Functions that make a moment of a text, be it by a cast that Spark adds.
_OF_MOMENTS = _MOMENTS | {
    "to_date", "to_timestamp", "to_timestamp_ntz", "to_timestamp_ltz", "try_to_date", "try_to_timestamp",
    "add_months", "date_add", "date_diff", "date_format", "date_part", "date_sub", "date_trunc", "dateadd", "datediff",
    "datepart", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "extract", "from_utc_timestamp", "hour",
    "last_day", "minute", "month", "monthname", "months_between", "next_day", "quarter", "second", "timestampadd",
    "timestampdiff", "to_unix_timestamp", "to_utc_timestamp", "trunc", "unix_date", "unix_micros", "unix_millis",
    "unix_seconds", "unix_timestamp", "weekday", "weekofyear", "window_time", "year",
}  # fmt: skip

# What gives one of its arguments as it is; a plain parenthesis has no name.
_PASSED_ON = frozenset({"", "coalesce", "greatest", "if", "iff", "ifnull", "least", "nullif", "nvl", "nvl2"})
_COMPARISONS = frozenset({"=", "<", ">", "!", "in", "like"})

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\r\n]*|/\*.*?\*/)"""
    r"""|(?P<text>[rR]'[^']*'|[rR]"[^"]*"|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")"""
    r"""|(?P<quoted>`(?:[^`]|``)*`)|(?P<word>[^\W\d]\w*)|(?P<other>.)""",
    re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str  # words and quoted names in lower case, without their quotes


def stable(expression: str) -> str:
    """Accept an expression that gives the same value at every reading; raise `MappingError` naming what does not."""
    tokens = _tokens(expression)
    for at, token in enumerate(tokens):
        before, after = tokens[max(at - 2, 0) : at], tokens[at + 1 : at + 3]
        if token == ("other", ";"):
            raise MappingError(f"expression {expression!r} holds a semicolon; one expression is what is wanted")
        if token.kind == "text":
            _check_text(expression, tokens, at)
        if _texts(after)[:1] == ["("] and token.kind in {"word", "quoted", "text"}:
            _check_call(expression, token.text.strip("'\""), _texts(after))
        if token.kind == "word" and _texts(before)[-1:] != ["."]:  # a field of a struct may be called anything
            _check_word(expression, token.text, before, after)
    return expression


def hidden_functions(expression: str, columns: list[str]) -> list[str]:
    """Name what the expression means as a column and Spark, for want of such a column, takes for a function."""
    known = {column.lower() for column in columns}
    return [name for name in names(expression) if name in _BARE_OR_COLUMN and name not in known]


def names(expression: str) -> list[str]:
    """Give the names that may be columns, each once, in lower case: no functions, no fields of structs."""
    tokens = _tokens(expression)
    found = [
        token.text
        for at, token in enumerate(tokens)
        if token.kind in {"word", "quoted"}
        and _texts(tokens[max(at - 1, 0) : at]) != ["."]
        and _texts(tokens[at + 1 : at + 2]) != ["("]
    ]
    return list(dict.fromkeys(found))


def _tokens(expression: str) -> list[_Token]:
    tokens = []
    for found in _TOKEN.finditer(expression):
        kind, text = str(found.lastgroup), found.group()
        if kind == "skip" and "/*" in text[2:]:
            # Spark nests comments: what stands behind the first end is still one, or not, as the quotes have it.
            raise MappingError(f"expression {expression!r} has a comment within a comment")
        if kind == "quoted":
            text = text[1:-1].replace("``", "`")
        if kind != "skip":
            tokens.append(_Token(kind, text if kind == "text" else text.lower()))
    return tokens


def _texts(tokens: list[_Token]) -> list[str]:
    return [token.text for token in tokens]


def _check_text(expression: str, tokens: list[_Token], at: int) -> None:
    text = tokens[at].text
    if not _MOMENT_TEXT.match(text.lstrip("rR").strip("'\"")):
        return
    before, after = _texts(tokens[:at]), _texts(tokens[at + 1 : at + 3])
    literal = before[-1:] and before[-1] in _MOMENTS
    if literal or after == [":", ":"] or _becomes_moment(tokens, at):
        raise MappingError(f"expression {expression!r} makes a moment of {text}, which is another one at every reading")


def _becomes_moment(tokens: list[_Token], at: int) -> bool:
    """Tell whether a text is an argument of a function that makes a moment of it, be it through others."""
    if {token.text for token in tokens[max(at - 1, 0) : at + 2]} & _COMPARISONS:
        return False
    depth = 0
    for place in range(at - 1, -1, -1):
        token = tokens[place]
        depth += (token == ("other", ")")) - (token == ("other", "("))
        if depth >= 0:
            continue
        depth = 0  # the call around: its name stands before
        name = tokens[place - 1].text if place and tokens[place - 1].kind in {"word", "quoted"} else ""
        if name in {"cast", "try_cast"}:
            return _target(tokens, at) in _MOMENTS
        if name not in _PASSED_ON:
            return name in _OF_MOMENTS
    return False


def _target(tokens: list[_Token], at: int) -> str:
    """Give the type of the cast around: what stands behind the first AS that is outside of every call."""
    depth = 0
    for place in range(at + 1, len(tokens) - 1):
        token = tokens[place]
        depth += (token == ("other", "(")) - (token == ("other", ")"))
        if token == ("word", "as") and depth <= 0:
            return tokens[place + 1].text
    return ""


def _check_call(expression: str, name: str, after: list[str]) -> None:
    if name in _UNSTABLE or name.startswith("ai_"):
        raise MappingError(f"expression {expression!r} uses {name}, which gives another value at every reading")
    if name in _NO_ARGUMENTS and after == ["(", ")"]:
        raise MappingError(f"expression {expression!r} uses {name}() without an argument, which is the present moment")
    if name in _MORE_ROWS:
        raise MappingError(f"expression {expression!r} uses {name}, which makes several rows of one")
    if name == "identifier":
        raise MappingError(f"expression {expression!r} makes names of texts (identifier); write the name itself")


def _check_word(expression: str, word: str, before: list[_Token], after: list[_Token]) -> None:
    if word in _BARE:
        raise MappingError(f"expression {expression!r} uses {word}, which gives another value at every reading")
    begins_query = word in _QUERIES and _texts(before)[-1:] == ["("] and after and after[0].kind in {"word", "quoted"}
    if word in _OTHER_ROWS or begins_query:
        raise MappingError(f"expression {expression!r} looks at other rows ({word.upper()}); a row must stand alone")


def template(text: str) -> tuple[Input | str, ...]:
    """Take a template apart: `{column}` is the column's value, `{{` and `}}` are braces."""
    pieces: list[Input | str] = []
    literal = ""
    for found in re.finditer(r"\{\{|\}\}|\{([^{}]+)\}|[{}]|[^{}]+", text):
        if found.group(1) is not None:
            pieces += [literal, Input(found.group(1))] if literal else [Input(found.group(1))]
            literal = ""
        elif found.group() in {"{", "}"}:
            raise MappingError(f"template {text!r} has a brace without its partner; write {{{{ for a brace")
        else:
            literal += found.group().replace("{{", "{").replace("}}", "}")
    if not pieces:
        raise MappingError(f"template {text!r} names no column, as in '{{part}}: {{finding}}'")
    return (*pieces, literal) if literal else tuple(pieces)
