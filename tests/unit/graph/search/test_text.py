"""Words for Lucene."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import SettingsError
from delta_neo4j.graph.search.text import escaped


def test_no_character_of_a_word_has_a_meaning_for_lucene():
    """Each different word is a phrase of its own; quotes and backslashes are escaped."""
    assert escaped('oil AND "leak\\ oil (x:y^2~ *?') == r'"oil" "AND" "\"leak\\" "(x:y^2~" "*?"'


def test_a_query_of_too_many_words_is_refused():
    """Lucene would refuse it with a trace."""
    with pytest.raises(SettingsError, match="the query has 1,001 words; a full-text search takes 1,000"):
        escaped(" ".join(map(str, range(1_001))))
