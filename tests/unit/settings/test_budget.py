"""What a budget lets pass, and when it stops."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from delta_neo4j.errors import BudgetReachedError, FarSideError, recovered, travelling
from delta_neo4j.settings.budget import UNLIMITED, Allowance, Budget
from delta_neo4j.settings.values import EmbeddingSettings, TextSettings


def test_texts_are_rationed_to_the_last_one():
    """What earlier micro-batches embedded counts."""
    assert list(Allowance(Budget(texts=5), texts=2).limit("abcdefgh")) == ["a", "b", "c"]
    assert list(Allowance(UNLIMITED).limit("abc")) == ["a", "b", "c"]


def test_a_passed_deadline_lets_nothing_through():
    """Neither texts nor the next slice; what the slice before embedded is told."""
    allowance = Allowance(Budget(deadline=time.time() - 1))
    assert list(allowance.limit("abc")) == []
    with pytest.raises(BudgetReachedError, match="starts this micro-batch from its beginning") as stopped:
        allowance.check_time({"texts_embedded": 7})
    assert stopped.value.details == {"texts_embedded": 7}


def test_money_buys_seconds_of_embedding():
    """Two an hour and a budget of one: half an hour; without a price the setting is refused."""
    settings = TextSettings(embedding=EmbeddingSettings(), budget_cost=1, price_per_hour=2)
    assert settings.budget(0.0).embed_seconds == 1_800
    with pytest.raises(ValidationError, match="price-per-hour"):
        TextSettings(embedding=EmbeddingSettings(), budget_cost=1)


def test_a_schema_as_state_asks_for_a_folder_of_checkpoints():
    """A Unity Catalog schema holds tables only."""
    with pytest.raises(ValidationError, match="Volume"):
        TextSettings(embedding=EmbeddingSettings(), state="main.neo4j")


def test_what_was_spent_travels_with_the_stop():
    """Across a process boundary the figures arrive with the sentence."""
    with pytest.raises(FarSideError) as caught, travelling():
        raise BudgetReachedError("spent", {"texts_embedded": 7})
    assert recovered(str(caught.value)).details == {"texts_embedded": 7}
