"""What the page of performance says of results and targets."""

import json
import re
from dataclasses import replace

import click
import pytest

from benchmarks.chart import Bar, chart
from benchmarks.page import Target, page, read_results, read_targets, reasons, targets_table

FASTER = Target("quick", "write", "rival ÷ job", "times", 1.5, "")
WRITE = {
    "finished_at": "2026-01-02T03:04:05+00:00",
    "machine": {"cpus": 2, "memory_gib": 24.0, "system": "Linux x86_64"},
    "versions": {"python": "3.11.7"},
    "ratios": {"quick": 1.25},
    "rounds": [
        {
            "ceiling": {"seconds": 90.0, "first_to_last_seconds": 80.0},
            "job": {"seconds": 99.0, "first_to_last_seconds": 9},
        },
        {
            "ceiling": {"seconds": 10.0, "first_to_last_seconds": 8.0},
            "job": {"seconds": 20.0, "first_to_last_seconds": 15},
        },
    ],
}


@pytest.mark.parametrize(
    ("unit", "figure", "reached"),
    [("times", 1.5, True), ("times", 1.4, False), ("share", 1.4, True), ("seconds", 1.6, False), ("times", None, None)],
)
def test_a_rivals_time_must_be_large_and_a_share_or_time_small(unit, figure, reached):
    """A figure equal to its goal reaches the goal; without a figure nothing is said."""
    assert replace(FASTER, unit=unit).reached(figure) is reached
    assert replace(FASTER, unit=unit, goal=None).reached(figure) is None


def test_the_table_has_target_and_figure():
    """A figure that is missing reads `not measured`."""
    table = targets_table([FASTER, replace(FASTER, key="other")], {"write": WRITE})
    assert "| rival ÷ job | at least 1.50 times | 1.25 times | **no** |" in table
    assert "| rival ÷ job | at least 1.50 times | not measured |  |" in table


def test_a_target_that_is_not_reached_needs_its_reason():
    """The page is not written before somebody has said why."""
    with pytest.raises(click.ClickException, match="quick"):
        reasons([FASTER], {"write": WRITE})
    told = reasons([replace(FASTER, why="Spark starts slowly.")], {"write": WRITE})
    assert told == "* rival ÷ job: 1.25 times. Spark starts slowly."


def test_nothing_is_called_reached_without_a_figure_and_a_goal():
    """A page before the first run, or without goals, claims nothing."""
    assert reasons([FASTER], {}) == "No figure has a goal yet."
    assert reasons([replace(FASTER, goal=None)], {"write": WRITE}) == "No figure has a goal yet."
    assert reasons([replace(FASTER, goal=1.0)], {"write": WRITE}) == "Every goal that has a figure is reached."


def test_the_page_leaves_out_the_warm_up_and_names_date_and_machine():
    """Of two rounds the second one's seconds are on the page."""
    text, drawn = page([replace(FASTER, goal=1.0)], {"write": WRITE})
    assert "| delta-neo4j, the job | 20.0 | 15.0 |" in text
    assert "* `write`: 2026-01-02, 2 cores, 24.0 GiB, Linux x86_64; python 3.11.7" in text
    assert "20.0 s" in drawn


def test_without_results_the_page_has_no_figure(tmp_path):
    """Every target reads `not measured`, and there is no chart."""
    (tmp_path / "other.json").write_text(json.dumps(WRITE))
    text, drawn = page(read_targets(), read_results(tmp_path))
    assert text.count("| not measured |") == len(read_targets())
    assert drawn is None


def test_the_longest_bar_is_the_largest_figure():
    """The lengths of the bars are in proportion, and a label cannot break the file."""
    drawn = chart("a & b", "s", [Bar("<x>", 10.0), Bar("y", 5.0, ours=True)])
    longer, shorter = map(float, re.findall(r'<rect [^>]*width="([\d.]+)"', drawn))
    assert longer == pytest.approx(2 * shorter)
    assert "&lt;x&gt;" in drawn
