"""Whether a model is the one a state knows: by what it answers to fixed texts, near enough, never by its name."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace

import numpy as np
import pytest

from delta_neo4j.embedding import model_identity
from delta_neo4j.errors import ModelIdentityError
from tests.support.endpoint import vector_of

HELD = np.stack([vector_of(text) for text in ("one", "two", "three")])


def _state(*known):
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    rows = [
        {
            "model_id": name,
            "name": name,
            "dimension": held.shape[1],
            "probes": json.dumps(held.tolist()),
            "minted_at": moment,
        }
        for name, held in known
    ]
    return SimpleNamespace(rows=lambda *_: rows)


def _beside(cosine):
    """Give the held vectors, each turned so that its cosine with the held one is as told."""
    turned = []
    for number, vector in enumerate(HELD):
        other = vector_of(f"another direction {number}")
        aside = other - (other @ vector) * vector
        turned.append(cosine * vector + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside))
    return np.array(turned, dtype=np.float32)


def test_the_same_model_on_another_cpu_or_in_another_batch_is_the_same():
    """No bit of its vectors need be equal: a cosine of 0.9999 and more is the same model, under another name, too."""
    near = _beside(0.99995)
    assert not np.isin(near, HELD).any()
    assert model_identity.known(model_identity.recorded(None, _state(("m1", HELD))), "another name", near) == "m1"


@pytest.mark.parametrize("cosine", [0.9998, 0.99, 0.5])
def test_a_model_that_answers_otherwise_is_another_one(cosine):
    """A fine-tuned one, too."""
    with pytest.raises(ModelIdentityError, match=r"another model than m1.*cosine 0\.\d{4}"):
        model_identity.known(model_identity.recorded(None, _state(("m1", HELD))), "e", _beside(cosine))


def test_one_text_that_differs_is_enough():
    """The worst of the probe texts decides."""
    mixed = HELD.copy()
    mixed[1] = _beside(0.9)[1]
    with pytest.raises(ModelIdentityError):
        model_identity.known(model_identity.recorded(None, _state(("m1", HELD))), "e", mixed)


def test_a_state_without_a_model_knows_none():
    """The run then mints one."""
    assert model_identity.known(model_identity.recorded(None, _state()), "e", HELD) is None
