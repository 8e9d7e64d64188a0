"""
Checks of templates and of Spark SQL expressions over columns.

An expression must return the same value each time its row is read; otherwise the row looks changed at every replay. An
expression must not turn one row into several, and must not read other rows: the account of rows would not balance.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping.plan import Input

# Functions whose value depends on chance, the time, the session, the machine or the layout of the files.
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
# Names that Spark calls as functions even without parentheses, unless the source has a column of that name.
_BARE = frozenset(
    {"current_timestamp", "current_date", "current_time", "localtimestamp", "current_user", "session_user"}
)
_BARE_OR_COLUMN = _BARE | {"user"}
_MORE_ROWS = frozenset(
    {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple",
     "variant_explode", "variant_explode_outer", "window", "session_window"}
)  # fmt: skip
_OTHER_ROWS = frozenset({"select", "over"})  # subqueries and windows: the value depends on other rows
_QUERIES = frozenset({"table", "from", "with"})  # other words that may begin a subquery
_NO_ARGUMENTS = frozenset({"unix_timestamp"})  # functions that return the current time if they have no argument
# Texts that Spark casts to the moment at which the cast runs.
_TIME_TEXT = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
_TIME_TYPES = frozenset({"date", "timestamp", "timestamp_ntz", "timestamp_ltz"})
# Functions that read a text as a date or time, some by a cast that Spark adds.
_TIME_FUNCTIONS = _TIME_TYPES | {
    "to_date", "to_timestamp", "to_timestamp_ntz", "to_timestamp_ltz", "try_to_date", "try_to_timestamp",
    "add_months", "date_add", "date_diff", "date_format", "date_part", "date_sub", "date_trunc", "dateadd", "datediff",
    "datepart", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "extract", "from_utc_timestamp", "hour",
    "last_day", "minute", "month", "monthname", "months_between", "next_day", "quarter", "second", "timestampadd",
    "timestampdiff", "to_unix_timestamp", "to_utc_timestamp", "trunc", "unix_date", "unix_micros", "unix_millis",
    "unix_seconds", "unix_timestamp", "weekday", "weekofyear", "window_time", "year",
}  # fmt: skip
# Functions that return one of their arguments; a plain parenthesis has no name.
_RETURNS_ARGUMENT = frozenset({"", "coalesce", "greatest", "if", "iff", "ifnull", "least", "nullif", "nvl", "nvl2"})
_KEYWORDS = frozenset(
    {"case", "when", "then", "else", "end", "as", "and", "or", "not", "in", "is", "null", "like", "ilike", "rlike",
     "between", "true", "false", "div", "escape", "distinct", "from", "interval"}
)  # fmt: skip
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
    """Return the expression; raise `MappingError` if a part of it may change its value or reads other rows."""
    tokens = _tokens(expression)
    for at, token in enumerate(tokens):
        before, after = tokens[max(at - 2, 0) : at], tokens[at + 1 : at + 3]
        if token == ("other", ";"):
            raise MappingError(f"expression {expression!r} has a semicolon; write one expression alone")
        if token.kind == "text":
            _check_text(expression, tokens, at)
        if _texts(after)[:1] == ["("] and token.kind in {"word", "quoted", "text"}:
            _check_call(expression, token.text.strip("'\""), _texts(after))
        if token.kind == "word" and _texts(before)[-1:] != ["."]:  # a field of a struct may have any name
            _check_word(expression, token.text, before, after)
    return expression


def hidden_functions(expression: str, columns: list[str]) -> list[str]:
    """Return the names in `expression` that Spark calls as functions because `columns` has no column of that name."""
    known = {column.lower() for column in columns}
    return [name for name in names(expression) if name in _BARE_OR_COLUMN and name not in known]


def names(expression: str) -> list[str]:
    """Return the names that may be columns (no functions, types, keywords, fields), each once and in lower case."""
    tokens = _tokens(expression)
    candidates = [
        token.text
        for at, token in enumerate(tokens)
        if (token.kind == "quoted" or (token.kind == "word" and token.text not in _KEYWORDS))
        # A field of a struct, the type of a cast, the type of a literal.
        and _texts(tokens[max(at - 1, 0) : at]) not in (["."], ["as"], [":"])
        and _texts(tokens[at + 1 : at + 2]) != ["("]
        and not any(follows.kind == "text" for follows in tokens[at + 1 : at + 2])
    ]
    return list(dict.fromkeys(candidates))


def _tokens(expression: str) -> list[_Token]:
    tokens = []
    for found in _TOKEN.finditer(expression):
        kind, text = str(found.lastgroup), found.group()
        if kind == "skip" and "/*" in text[2:]:
            # Spark nests comments. Whether the text after the first `*/` is a comment depends on the quotes in it.
            raise MappingError(f"expression {expression!r} has a comment within a comment; write one comment")
        if kind == "quoted":
            text = text[1:-1].replace("``", "`")
        if kind != "skip":
            tokens.append(_Token(kind, text if kind == "text" else text.lower()))
    return tokens


def _texts(tokens: list[_Token]) -> list[str]:
    return [token.text for token in tokens]


def _check_text(expression: str, tokens: list[_Token], at: int) -> None:
    text = tokens[at].text
    if not _TIME_TEXT.match(text.lstrip("rR").strip("'\"")):
        return
    before, after = _texts(tokens[:at]), _texts(tokens[at + 1 : at + 3])
    literal = before[-1:] and before[-1] in _TIME_TYPES
    if literal or after == [":", ":"] or _becomes_time(tokens, at):
        raise MappingError(
            f"expression {expression!r} reads {text} as a date or time, which is another value at every "
            "reading; write a fixed date"
        )


def _becomes_time(tokens: list[_Token], at: int) -> bool:
    """Return whether the text at `at` is an argument, direct or nested, of a function that reads texts as times."""
    if {token.text for token in tokens[max(at - 1, 0) : at + 2]} & _COMPARISONS:
        return False
    depth = 0
    for place in range(at - 1, -1, -1):
        token = tokens[place]
        depth += (token == ("other", ")")) - (token == ("other", "("))
        if depth >= 0:
            continue
        depth = 0  # a parenthesis that opens around the text: the name before it is the called function
        name = tokens[place - 1].text if place and tokens[place - 1].kind in {"word", "quoted"} else ""
        if name in {"cast", "try_cast"}:
            return _target(tokens, at) in _TIME_TYPES
        if name not in _RETURNS_ARGUMENT:
            return name in _TIME_FUNCTIONS
    return False


def _target(tokens: list[_Token], at: int) -> str:
    """Return the type of the cast around the token at `at`: the word after the first AS that is in no nested call."""
    depth = 0
    for place in range(at + 1, len(tokens) - 1):
        token = tokens[place]
        depth += (token == ("other", "(")) - (token == ("other", ")"))
        if token == ("word", "as") and depth <= 0:
            return tokens[place + 1].text
    return ""


def _check_call(expression: str, name: str, after: list[str]) -> None:
    if name in _UNSTABLE or name.startswith("ai_"):
        raise MappingError(f"expression {expression!r} uses {name}, which returns another value at every reading")
    if name in _NO_ARGUMENTS and after == ["(", ")"]:
        raise MappingError(f"expression {expression!r} uses {name}() without an argument, which is the current time")
    if name in _MORE_ROWS:
        raise MappingError(
            f"expression {expression!r} uses {name}, which makes several rows of one; do that in the source table"
        )
    if name == "identifier":
        raise MappingError(f"expression {expression!r} makes names of texts (identifier); write the name itself")


def _check_word(expression: str, word: str, before: list[_Token], after: list[_Token]) -> None:
    if word in _BARE:
        raise MappingError(f"expression {expression!r} uses {word}, which returns another value at every reading")
    begins_query = word in _QUERIES and _texts(before)[-1:] == ["("] and after and after[0].kind in {"word", "quoted"}
    if word in _OTHER_ROWS or begins_query:
        raise MappingError(f"expression {expression!r} reads other rows ({word.upper()}); use columns of the row alone")


def template(text: str) -> tuple[Input | str, ...]:
    """
    Return the parts of a template: an `Input` for each `{column}`, and the literal texts between them.

    `{{` and `}}` stand for literal braces. Raises `MappingError` for a single brace, and if the template names no
    column.
    """
    parts: list[Input | str] = []
    literal = ""
    for found in re.finditer(r"\{\{|\}\}|\{([^{}]+)\}|[{}]|[^{}]+", text):
        if found.group(1) is not None:
            parts += [literal, Input(found.group(1))] if literal else [Input(found.group(1))]
            literal = ""
        elif found.group() in {"{", "}"}:
            raise MappingError(
                f"template {text!r} has a brace without its partner; write {{{{ or }}}} for a literal brace"
            )
        else:
            literal += found.group().replace("{{", "{").replace("}}", "}")
    if not parts:
        raise MappingError(f"template {text!r} names no column, as in '{{part}}: {{finding}}'")
    return (*parts, literal) if literal else tuple(parts)
