"""The page of a run, as text and in a real browser."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest

from delta_neo4j.runs.report import figures, html
from delta_neo4j.state.history import Run
from tests.support import states
from tests.support.browser import browsing

HTML = "<script>document.title = 'taken'; alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>"
NO_GRAPH = {"server": None, "uri": None, "database": None, "indexes": [], "fault": "Neo4j is down <b>"}
INDEX = {"kind": "vector", "label": "RemovalEvent", "properties": ["embedding"], "state": "ONLINE", "dimension": 384}
INDEX |= {"nodes": 200_000, "looked_at": 100_000, "with_text": 99_000, "with_vector": 98_000, "vector_missing": 1000}
GRAPH = {"server": "5.26.31", "uri": "bolt://h", "database": "neo4j", "fault": None}
GRAPH["indexes"] = [{**INDEX, "self_query": {"sampled": 5, "found": 5}, "fault": None, "model": "minilm"}]
SETTINGS = {"mapping": "removals", "state": f"/data/{HTML}", "embedding": {"url": "https://me:pw1@h/x?key=pw2"}}
SETTINGS |= {"neo4j": {"uri": "neo4j+s://h", "password": "pw3"}}


def _batch(number, **changes):
    counted = states.account(20_000, 5)
    moment = states.BEGAN + dt.timedelta(seconds=40 * number + 40)
    return {
        "table_name": "removals", "load_id": states.LOAD, "batch_id": number, "rows_read": counted.rows_read,
        "outcomes": counted.outcomes, "embedding": counted.embedding, "seconds": counted.seconds, "recorded_at": moment,
        **changes,
    }  # fmt: skip


def _told(count, *, error=None, letters=(), graph=GRAPH):
    accounts = [states.account(20_000, 5) for _ in range(count)]
    for each in accounts:
        each.edges("HAS_REMOVAL")["expected"] = each.edges("HAS_REMOVAL")["written"] = 19_995
    run_id, status, summary, settings, *moments = states.run("r1", accounts, error=error, settings=json.dumps(SETTINGS))
    run = Run(run_id, status, json.loads(summary), json.loads(settings), *moments)
    return html.Told(run, [_batch(number) for number in range(count)], list(letters), graph, [])


def _letters(reasons):
    example = {"row_key": f'["{HTML}"]', "reason": f"no double: {HTML}", "row": json.dumps({"text": HTML * 400})}
    named = {
        "table_name": "removals",
        "stage": "validation",
        "at_fault": "row",
        "letters": 4,
        "examples": [example] * 3,
    }
    return [{**named, "reason_class": f"class {number}"} for number in range(reasons)]


PAGES = {
    "thousand": _told(1000, letters=_letters(60)),
    "failed": _told(3, error=f"Neo4j did not answer: {HTML}", graph=NO_GRAPH),
    "nothing": _told(0),
}


def _page(name):
    return html.page(PAGES[name], states.BEGAN)


def test_the_page_is_bounded_whatever_the_run():
    """A thousand micro-batches, sixty reasons and long rows come to less than 150 kB; the sums have all of them."""
    page = _page("thousand")
    assert len(page) < 150_000
    lines = figures.groups(PAGES["thousand"].batches, figures.MOST_LINES)
    assert len(lines) <= figures.MOST_LINES
    assert sum(line.rows for line in lines) == 20_000_000
    assert (lines[0].first, lines[-1].last) == (0, 999)
    assert page.count("<details") == 15
    assert "180 of 45 more reasons" in page


def test_a_page_says_what_failed_and_what_there_was_to_do():
    """The error stands first, with its exit code; a run without rows says that nothing is new."""
    failed, nothing = _page("failed"), _page("nothing")
    assert failed.index("Why it failed") < failed.index("Summary")
    assert "exit code 1" in failed
    assert "Neo4j is down &lt;b&gt;" in failed
    assert "Nothing new: no row read" in nothing
    assert "Rate over time" not in nothing
    assert "None yet." in nothing


def test_no_secret_is_on_the_page():
    """Passwords, tokens and what an address carries are stars, whatever the stored settings have."""
    page = _page("nothing")
    assert not [secret for secret in ("pw1", "pw2", "pw3") if secret in page]
    assert "https://***@h/x?***" in page


def test_the_rate_is_drawn_over_the_time_of_the_micro_batches():
    """Steps from one record to the next, as high as the rows a second between them, below a round top."""
    quick, slow = {"read": 10.0}, {"read": 20.0}
    moments = [states.BEGAN + dt.timedelta(seconds=seconds) for seconds in (10, 40)]
    batches = [
        _batch(0, rows_read=1500, seconds=quick, recorded_at=moments[0]),
        _batch(1, rows_read=1500, seconds=slow, recorded_at=moments[1]),
    ]
    drawn = figures.curve(batches)
    assert (drawn.top, drawn.from_moment, drawn.to_moment) == (200, states.BEGAN, moments[1])
    assert drawn.line == "M0.0,60.0 L250.0,60.0 L250.0,180.0 L1000.0,180.0"
    assert figures.curve(batches[:1]) is None
    assert [figures.nice(value) for value in (0.0, 0.3, 1.0, 4.2, 999.0)] == [1.0, 0.5, 1.0, 5.0, 1000.0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all pages."""
    with browsing(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def _luminance(color):
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.chromium
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1200, False)])
def test_a_browser_shows_the_page_at_any_width_in_light_and_dark(browser, tmp_path, name, width, dark):
    """Nothing is wider than the screen or asks the network, no HTML of the data lives, and the text stands out."""
    file = tmp_path / "page.html"
    file.write_text(_page(name), encoding="utf-8")
    shown = browser.look(file, width=width, dark=dark)
    assert shown["width"] <= width
    assert shown["outside"] == 0
    assert (shown["asked"], shown["dialogs"], shown["elements"]) == ([file.as_uri()], [], 0)
    assert shown["title"] == f"load r1: {PAGES[name].run.status}"
    assert HTML in shown["shown"]
    paper, ink = _luminance(shown["page"]), _luminance(shown["ink"])
    assert (paper < 0.1) is dark
    assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 7  # WCAG AAA
    assert "Seconds by stage" in shown["text"]
