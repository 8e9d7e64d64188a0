"""
A stand-in for Databricks' `ai_query`: a SQL function of that name with the platform's named arguments.

It refuses what the platform refuses of our expression: another endpoint, a request that is no struct with `text`
(or no plain string), `failOnError` left at true. Answers are those of `tests.support.endpoint`.
"""

from __future__ import annotations

import json
from pathlib import Path

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField, StructType

from tests.support.endpoint import vector_of

_vector_of = vector_of.__wrapped__  # a function with a cache does not travel by value


def register(spark, log, *, endpoint="minilm-embedder", form="struct", names=("result", "errorMessage"), script=None):
    """
    Register the function; each text asked is a line of the file `log`.

    `script` maps a text to a list of error messages that it answers with, one a call, before it gives the vector.
    """
    script = script or {}
    answer = StructType([StructField(names[0], ArrayType(DoubleType())), StructField(names[1], StringType())])

    def ai_query(endpoint_, request, returnType=None, failOnError=True):  # noqa: N803  # the platform's names
        if endpoint_ != endpoint:
            return None, f"[REMOTE_FUNCTION_HTTP_FAILED_ERROR] 404 Endpoint with name '{endpoint_}' does not exist."
        if returnType != "ARRAY<DOUBLE>" or failOnError:
            raise ValueError("the loader asks for ARRAY<DOUBLE> and failOnError => false")
        if form == "struct" and not hasattr(request, "asDict"):
            return None, "400 BAD_REQUEST: the input must be a struct"
        if form == "string" and not isinstance(request, str):
            return None, "400 BAD_REQUEST: the input must be a string"
        text = request if form == "string" else request["text"]
        asked = [json.loads(line) for line in Path(log).read_text().splitlines()] if Path(log).exists() else []
        with Path(log).open("a") as file:
            file.write(json.dumps(text) + "\n")
        errors = script.get(text, [])
        if asked.count(text) < len(errors):
            return None, errors[asked.count(text)]
        # Success is an empty message on some editions, null on others.
        return [float(value) for value in _vector_of(text)], ""

    spark.udf.register("ai_query", ai_query, answer)


def forget(spark):
    """Take the function away again."""
    spark.sql("DROP TEMPORARY FUNCTION IF EXISTS ai_query")


def asked(log):
    """Return every text of every call, in order."""
    return [json.loads(line) for line in Path(log).read_text().splitlines()]


__all__ = ["F", "asked", "forget", "register"]
