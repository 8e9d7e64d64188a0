"""The model id of a state's vectors; a model is recognised by its vectors of the probe texts, never by its name."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from delta_neo4j.embedding.base import SAME_MODEL, Vector, lowest_cosine
from delta_neo4j.errors import ModelIdentityError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.state.tables import State


class Recorded(NamedTuple):
    """A model that a state has vectors of: `probes` are its vectors of the probe texts."""

    model_id: str
    name: str
    probes: Vector


def recorded(spark: SparkSession, state: State) -> list[Recorded]:
    """Return the state's models, oldest first."""
    rows = state.rows(spark, "SELECT model_id, name, probes FROM {models} ORDER BY minted_at, model_id")
    return [Recorded(row["model_id"], row["name"], np.array(json.loads(row["probes"]), np.float32)) for row in rows]


def known(models: list[Recorded], name: str, probes: Vector) -> str | None:
    """
    Return the id of the model with these probe vectors, shape (probes, dimension); None if the state has no model yet.

    A state holds vectors of one model: raises ModelIdentityError for another model's probe vectors. They are compared
    by cosine, because a digest of rounded numbers changes with batching and CPU.
    """
    for model in models:
        if model.probes.shape == probes.shape and lowest_cosine(model.probes, probes) >= SAME_MODEL:
            return model.model_id
    if not models:
        return None
    others = [model.probes for model in models if model.probes.shape[1] == probes.shape[1]]
    nearest = max((lowest_cosine(vectors, probes) for vectors in others), default=0.0)
    raise ModelIdentityError(
        f"{name} answers with another model than {models[0].name}, whose vectors this state holds "
        f"(cosine {nearest:.4f} on the probe texts): name the endpoint that was used before, or use another --state"
    )


def mint(spark: SparkSession, state: State, name: str, probes: Vector) -> str:
    """Record a new model and return its id; two runs at the same time both get the id of the first."""
    model_id = uuid.uuid4().hex[:12]
    row = (model_id, name, probes.shape[1], json.dumps(probes.tolist()), dt.datetime.now(dt.UTC))
    state.append_rows(spark, "models", [row])
    return known(recorded(spark, state), name, probes) or model_id
