"""Which model the vectors are of: minted once, told by the vectors of fixed probe texts, never by its name alone."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING

import numpy as np

from delta_neo4j.embedding.base import SAME_MODEL, Vector, lowest_cosine
from delta_neo4j.errors import ModelIdentityError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.state import State


def known(spark: SparkSession, state: State, name: str, probes: Vector) -> str | None:
    """
    Give the id of the model with these probe vectors (probes × dimension), None while the state knows none.

    A state holds vectors of one model: other probe vectors stop the run before the first row. The comparison
    is by cosine, because rounded digests flip with batching and CPU.
    """
    models = sorted(state.read(spark, "models").collect(), key=lambda row: (row["minted_at"], row["model_id"]))
    for row in models:
        held = np.array(json.loads(row["probes"]), dtype=np.float32)
        if held.shape == probes.shape and lowest_cosine(held, probes) >= SAME_MODEL:
            return str(row["model_id"])
    if not models:
        return None
    same_size = [row for row in models if row["dimension"] == probes.shape[1]]
    others = [np.array(json.loads(row["probes"]), dtype=np.float32) for row in same_size]
    nearest = max((lowest_cosine(vectors, probes) for vectors in others), default=0.0)
    raise ModelIdentityError(
        f"{name} answers with another model than {models[0]['name']}, of which this state holds vectors "
        f"(cosine {nearest:.4f} on the probe texts): name the endpoint that was used before, or use another --state"
    )


def mint(spark: SparkSession, state: State, name: str, probes: Vector) -> str:
    """Note a new model and give its id; of two runs at once both get the id of the first."""
    model_id = uuid.uuid4().hex[:12]
    minted = (model_id, name, probes.shape[1], json.dumps(probes.tolist()), dt.datetime.now(dt.UTC))
    state.append_rows(spark, "models", [minted])
    return known(spark, state, name, probes) or model_id
