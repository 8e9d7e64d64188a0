"""Texts that stand for "nothing": a column with such words is read through an expression that makes them null."""

from __future__ import annotations

import re
from typing import Any

from delta_neo4j.mapping.identifiers import sql_quoted, sql_text
from delta_neo4j.mapping.plan import Input

# Unicode's White_Space, and the separators U+001C to U+001F; `\s` has only those of ASCII.
WHITE_SPACE = r"\x{09}-\x{0D}\x{1C}-\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
KEYS = ("empty", "null_words")
_NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]+)?")


def without(column: str, words: list[str], *, empty: bool) -> Input:
    """
    Return the input of a column whose values `words`, and blank ones if `empty`, count as null.

    White space around a word does not matter, nor how a number is written; capitals do.
    """
    nothing = [*([""] if empty else []), *words]
    if not nothing:
        return Input(column)
    name, ends = sql_quoted(column), f"^[{WHITE_SPACE}]+|[{WHITE_SPACE}]+$"
    trimmed = f"regexp_replace(cast({name} AS STRING), {sql_text(ends)}, '')"
    listed = ", ".join(sql_text(word.strip()) for word in nothing)
    same = f"{trimmed} IN ({listed})"
    if numbers := [word.strip() for word in nothing if _NUMBER.fullmatch(word.strip())]:
        # -999 is also -999.0, whose text is another one.
        same += f" OR try_cast(cast({name} AS STRING) AS DOUBLE) IN ({', '.join(f'{word}D' for word in numbers)})"
    return Input(f"CASE WHEN {same} THEN NULL ELSE {name} END", is_expression=True, column=column)


def inherited(part: Any, from_table: dict[str, Any]) -> Any:
    """Return a part of a mapping file in which every column has the table's `empty` and `null_words`, or its own."""
    if isinstance(part, list):
        return [inherited(each, from_table) for each in part]
    if not isinstance(part, dict):
        return part
    below = {name: value if name in KEYS else inherited(value, from_table) for name, value in part.items()}
    return {**from_table, **below} if "column" in part else below


def left_out(content: Any) -> Any:
    """Return the content of a mapping without these keys: they are no part of a checkpoint's digest."""
    if isinstance(content, list):
        return [left_out(each) for each in content]
    if not isinstance(content, dict):
        return content
    return {name: left_out(value) for name, value in content.items() if name not in KEYS}
