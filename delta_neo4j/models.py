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


def identify(spark: SparkSession, state: State, name: str, probes: Vector) -> str:
    """
    Give the id of the model whose probe vectors (probes × dimension) these are, minting it the first time.

    A state holds vectors of one model: other probe vectors stop the run before the first row. The comparison
    is by cosine, because rounded digests flip with batching and CPU.
    """
    known = state.read(spark, "models").collect()
    for row in known:
        held = np.array(json.loads(row["probes"]), dtype=np.float32)
        if held.shape == probes.shape and lowest_cosine(held, probes) >= SAME_MODEL:
            return str(row["model_id"])
    if known:
        nearest = max((lowest_cosine(np.array(json.loads(r["probes"]), dtype=np.float32), probes) for r in known
                       if r["dimension"] == probes.shape[1]), default=0.0)  # fmt: skip
        raise ModelIdentityError(
            f"{name} answers with another model than {known[0]['name']}, of which this state holds vectors "
            f"(cosine {nearest:.4f} on the probe texts): name the endpoint that was used before, or use another --state"
        )
    model_id = uuid.uuid4().hex[:12]
    minted = (model_id, name, probes.shape[1], json.dumps(probes.tolist()), dt.datetime.now(dt.UTC))
    state.append_rows(spark, "models", [minted])
    return model_id
