"""What the search benchmark counts as right."""

import numpy as np
import pytest

from benchmarks.search import recall
from benchmarks.search_answers import phrase
from benchmarks.search_corpora import disturbed
from benchmarks.search_latency import percentile


def test_recall_is_the_share_of_the_nearest_that_were_found():
    """Two of the three nearest among the hits are a recall of two thirds."""
    similarities = np.array([0.9, 0.1, 0.8, 0.7, 0.6], dtype=np.float32)
    assert recall([0, 4, 2], similarities, k=3) == pytest.approx(2 / 3)
    assert recall([2, 3, 0], similarities, k=3) == 1


def test_a_duplicate_of_a_near_text_is_as_good():
    """Of texts that are equally near, each counts, whichever the exact search would list."""
    assert recall([1], np.array([0.9, 0.9, 0.1], dtype=np.float32), k=1) == 1


def test_hits_that_are_missing_lower_the_recall():
    """A search that finds one row of the two nearest has a recall of a half; a small corpus lowers nothing."""
    similarities = np.array([0.9, 0.8, 0.1], dtype=np.float32)
    assert recall([0], similarities, k=2) == 0.5
    assert recall([0, 1, 2], similarities, k=10) == 1


def test_percentiles_are_in_milliseconds():
    """The median of 1, 2 and 9 ms is 2 ms."""
    assert percentile([0.001, 0.009, 0.002], 0.5) == 2.0


def test_a_disturbed_text_has_half_of_the_words_in_their_order():
    """The same seed makes the same queries."""
    (made,) = disturbed(["one two three four five six"], 1)
    words = made.split()
    assert len(words) == 3
    assert words == sorted(words, key=["one", "two", "three", "four", "five", "six"].index)
    assert disturbed(["one two three four five six"], 1) == [made]


def test_a_phrase_is_the_later_half_of_a_long_text():
    """A short text, or one with a quote, which would end the phrase, gives none."""
    assert phrase("a b c d e f g h i j.") == "f g h i"
    assert phrase("a b c") == ""
    assert phrase('a b c d e f g "h i j') == ""
