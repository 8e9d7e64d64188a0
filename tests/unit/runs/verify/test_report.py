"""The lines of `verify`: what differs, with both values, and the verdict last."""

from __future__ import annotations

from delta_neo4j.runs.verify.report import TableCheck, VerifyReport


def _difference(kind, what=None, expected=None, found=None):
    return {"kind": kind, "key": '["1"]', "what": what, "expected": expected, "found": found}


def test_a_difference_is_a_line_and_the_verdict_is_the_last_one():
    """Values stand where both sides have the property; the rest of a long list is counted."""
    table = TableCheck("parts", 12, "l", "d", checked=40, keys={"dead_letters": 2, "equal": 38}, ambiguous=1, pending=3)
    table.differences = {"different": 2, "missing": 1, "relationship_extra": 22}
    table.listed = [
        _difference("different", "size", "1", "'1'"),
        _difference("different", "made", "date(2024-08-15)"),
        _difference("missing"),
        *[_difference("relationship_extra", '-[:MADE_BY]->(:Maker ["1"])', None, "{}")] * 22,
    ]
    head, *lines, verdict = VerifyReport([table]).lines()
    assert head == (
        "parts, version 12: 40 keys, 2 different, 1 missing, 22 relationship extra; "
        "apart: 2 dead letters, 1 keys on several rows, 3 rows pending"
    )
    assert lines[:4] == [
        "  different [\"1\"] size: 1 in the table, '1' in the graph",
        '  different ["1"] made: date(2024-08-15) in the table, nothing in the graph',
        '  missing ["1"]',
        '  relationship extra ["1"] -[:MADE_BY]->(:Maker ["1"])',
    ]
    assert (lines[-1], verdict) == ("  … and 5 more (--json lists them)", "different: 25 differences")


def test_an_equal_graph_is_one_line_a_table():
    """A source without versions has none in its line; a repair says what it wrote."""
    equal, before = (TableCheck("parts", None, None, "d", checked=2) for _ in range(2))
    before.differences, before.listed = {"missing": 1}, [_difference("missing")]
    report = VerifyReport([equal], repaired=1, before=[before])
    found = ["found: parts: 2 keys, 1 missing", 'found:   missing ["1"]']
    assert report.lines() == [*found, "parts: 2 keys, equal", "equal: 2 keys, 1 keys repaired"]
    told = report.as_dict()
    assert (told["equal"], told["tables"][0]["missing"], told["found"][0]["missing"]) == (True, 0, 1)
