"""What a person sees while a load runs, and what a log gets."""

from __future__ import annotations

import io
import logging
import re

from rich.console import Console

from delta_neo4j.cli.plain_lines import PlainLines
from delta_neo4j.cli.progress import LiveProgress


def _event(name, **fields):
    return logging.makeLogRecord({"name": "delta_neo4j", "levelno": logging.INFO, "msg": name, **fields})


def test_the_live_line_shows_rows_rate_texts_hits_and_dead_letters():
    """Rows of the total move with every slice; what is beside them is what the user pays for or loses."""
    screen = io.StringIO()
    with LiveProgress(Console(file=screen, force_terminal=True, width=200)) as live:
        live.emit(_event("table.begun", table="removals", rows_total=1000, rows_done=100))
        live.emit(_event("texts.found", texts=70, cache_hits=20))
        live.emit(_event("texts.embedded", embedded=50))
        counts = {
            "written": 250,
            "unchanged": 50,
            "superseded": 25,
            "deleted": 0,
            "dead_lettered": 25,
            "without_end": 50,
        }
        for classes in ({"type_mismatch": 20}, {"embedding_fault": 5}):
            live.emit(_event("rows.dead_lettered", table="removals", classes=classes))
        live.emit(_event("slice.written", **counts))
        live._bar.refresh()
    shown = screen.getvalue()
    assert "500/1000" in shown
    assert "rows/s" in shown
    assert re.search(r"\d:\d\d left", shown)
    beside = "20 cache hits · 50 embedded · 25 dead letters (20 type_mismatch, 5 embedding_fault)"
    assert beside in shown


def test_the_figures_are_those_of_the_run_whatever_the_micro_batch():
    """Each micro-batch tells its own; a person wants to know what all of them came to."""
    screen = io.StringIO()
    with LiveProgress(Console(file=screen, force_terminal=True, width=200)) as live:
        live.emit(_event("table.begun", table="removals", rows_total=1000, rows_done=0))
        for rows in (300, 200):
            live.emit(_event("texts.found", texts=70, cache_hits=20))
            live.emit(_event("texts.embedded", embedded=30))
            live.emit(_event("texts.embedded", embedded=50))
            for done in (rows // 2, rows):
                live.emit(_event("slice.written", written=done - 5, unchanged=0, superseded=0, dead_lettered=5))
            live.emit(_event("rows.dead_lettered", table="removals", classes={"key_missing": 5}))
            live.emit(_event("batch.loaded", rows=rows))
        live._bar.refresh()
    shown = screen.getvalue()
    assert "500/1000" in shown
    assert "40 cache hits · 100 embedded · 10 dead letters (10 key_missing)" in shown


def test_embed_counts_texts():
    """Apart from a load the bar is over the distinct texts, cache hits counted as done."""
    screen = io.StringIO()
    with LiveProgress(Console(file=screen, force_terminal=True, width=200)) as live:
        live.emit(_event("texts.begun", table="removals"))
        live.emit(_event("texts.found", texts=700, cache_hits=200))
        live.emit(_event("texts.embedded", embedded=128))
        live._bar.refresh()
    assert "328/700" in screen.getvalue()


def test_the_live_line_says_that_the_endpoint_is_waited_for():
    """A cold endpoint is named with its reason and the patience left."""
    screen = io.StringIO()
    with LiveProgress(Console(file=screen, force_terminal=True, width=200)) as live:
        live.emit(_event("endpoint.waiting", reason="HTTP 503", seconds_left=540))
        live._bar.refresh()
    assert "waiting for the endpoint (HTTP 503, 540 s left)" in screen.getvalue()


def test_a_log_gets_one_plain_line_an_event():
    """Time, name, fields."""
    line = PlainLines().format(_event("batch.loaded", table="removals", rows=7, seconds={"read": 0.25}))
    assert line.endswith("batch.loaded table=removals rows=7 seconds=read:0.2")
