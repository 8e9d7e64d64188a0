"""
Text over columns: templates, and Spark SQL expressions that give the same value whenever a row is read again.

An expression that is not replay-stable would make a row look changed at every replay, and a generator or an
aggregate would make other rows than were counted.
"""

from __future__ import annotations

import re

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
        "is_account_group_member", "reflect", "try_reflect", "java_method", "http_request", "read_files",
    }
)  # fmt: skip
# These are functions even without parentheses.
_BARE = frozenset(
    {"current_timestamp", "current_date", "current_time", "localtimestamp", "current_user", "session_user"}
)
_MORE_ROWS = frozenset(
    {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple",
     "variant_explode", "variant_explode_outer"}
)  # fmt: skip
_OTHER_ROWS = frozenset({"select", "over"})  # a subquery, a window: the value depends on other rows
_NO_ARGUMENTS = frozenset({"unix_timestamp", "unix_date"})  # without an argument they are the present moment

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>[rR]?'(?:[^'\\]|\\.|'')*'|[rR]?"(?:[^"\\]|\\.|"")*")"""
    r"""|(?P<quoted>`(?:[^`]|``)*`)|(?P<word>[^\W\d]\w*)|(?P<other>.)""",
    re.DOTALL,
)


def stable(expression: str) -> str:
    """Accept an expression that gives the same value at every reading; raise `MappingError` naming what does not."""
    words: list[tuple[str, str]] = []
    for found in _TOKEN.finditer(expression):
        if found.lastgroup in {"other", "word"}:
            words.append((str(found.lastgroup), found.group().lower()))
        elif found.lastgroup != "skip":
            words.append(("value", ""))
    if any(text == ";" for kind, text in words if kind == "other"):
        raise MappingError(f"expression {expression!r} holds a semicolon; one expression is what is wanted")
    for at, (kind, word) in enumerate(words):
        if kind == "word":
            after = [text for _, text in words[at + 1 : at + 3]]
            _check_word(expression, word, after, part_of_name=at > 0 and words[at - 1][1] == ".")
    return expression


def _check_word(expression: str, word: str, after: list[str], *, part_of_name: bool) -> None:
    called = after[:1] == ["("]
    if part_of_name and not called:
        return  # a field of a struct may be called anything
    if (called and (word in _UNSTABLE or word.startswith("ai_"))) or word in _BARE:
        raise MappingError(f"expression {expression!r} uses {word}, which gives another value at every reading")
    if word in _NO_ARGUMENTS and after == ["(", ")"]:
        raise MappingError(f"expression {expression!r} uses {word}() without an argument, which is the present moment")
    if called and word in _MORE_ROWS:
        raise MappingError(f"expression {expression!r} uses {word}, which makes several rows of one")
    if word in _OTHER_ROWS:
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
