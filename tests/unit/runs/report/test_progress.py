"""The progress of a run in figures and in one line, as a notebook shows it."""

from __future__ import annotations

import io
import logging
import sys
import types

from delta_neo4j.runs.report.progress import Progress, in_notebook, one_line


def _event(name, **fields):
    return logging.makeLogRecord({"name": "delta_neo4j", "levelno": logging.INFO, "msg": name, **fields})


def test_the_rate_and_the_time_left_are_those_of_this_run():
    """Rows of earlier runs count as done and not as fast; an hour has hours, an unknown rate no time."""
    seconds = iter([100.0, *[150.0] * 5])
    told = Progress(clock=lambda: next(seconds))
    told.take(_event("table.begun", table="removals", rows_total=501_000, rows_done=1_000))
    assert told.line == "removals: 1,000 of 501,000 rows"
    told.take(_event("batch.loaded", rows=5_000))
    assert told.line == "removals: 6,000 of 501,000 rows · 100 rows/s · 1:22:30 left"


def test_the_line_waits_for_the_endpoint_until_something_happens():
    """The reason stands beside the figures and goes with the next event; unknown events change nothing."""
    told = Progress()
    told.take(_event("endpoint.waiting", reason="HTTP 503", seconds_left=540))
    assert told.line == "preflight · waiting for the endpoint (HTTP 503, 540 s left)"
    assert not told.take(_event("embedder.chosen", reason="x"))
    told.take(_event("texts.found", texts=9, cache_hits=4))
    assert told.line == "preflight · 4 cache hits"


def test_a_notebook_shows_one_line_that_overwrites_itself(monkeypatch):
    """The last figures stay; a shorter line leaves nothing of a longer one; the logger is as before."""
    screen, logger = io.StringIO(), logging.getLogger("delta_neo4j")
    monkeypatch.setattr(logger, "handlers", [])
    before = (logger.level, logger.propagate, [])
    with one_line(screen):
        logger.info("endpoint.waiting", extra={"reason": "HTTP 503", "seconds_left": 540})
        logger.info("table.begun", extra={"table": "removals", "rows_total": 50, "rows_done": 0})
    *_, longer, last = screen.getvalue().split("\r")
    assert last == f"{'removals: 0 of 50 rows'.ljust(len(longer))}\n"
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    shell = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setattr(sys, "stdout", screen)
    with in_notebook():
        assert len(logger.handlers) == len(before[2]) + 1
