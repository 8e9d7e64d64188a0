from __future__ import annotations

import types

import pytest

from delta_neo4j.embedding.minilm import registry
from delta_neo4j.embedding.minilm.weights import ModelError

NAME = "airline_test.ml.minilm_l6_v2_embedder"


class RefusalError(Exception):
    """MLflow's exception."""


@pytest.fixture
def unity(monkeypatch):
    """Replace MLflow on Databricks; it registers unless a test sets another answer."""
    found = types.SimpleNamespace(refusal=None, registry_uri="databricks", aliases=[])

    def register_model(uri, name):
        if found.refusal:
            raise RefusalError(found.refusal)
        return types.SimpleNamespace(version=3)

    def client():
        return types.SimpleNamespace(set_registered_model_alias=lambda *alias: found.aliases.append(alias))

    found.mlflow = types.SimpleNamespace(
        register_model=register_model,
        MlflowClient=client,
        get_registry_uri=lambda: found.registry_uri,
        set_registry_uri=lambda uri: setattr(found, "registry_uri", uri),
        exceptions=types.SimpleNamespace(MlflowException=RefusalError),
    )
    monkeypatch.setattr(registry, "_mlflow", lambda: found.mlflow)
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("databricks", "databricks-uc"),
        ("databricks://profile", "databricks-uc://profile"),
        ("databricks-uc", "databricks-uc"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
    ],
)
def test_on_databricks_the_model_goes_to_unity_catalog(unity, before, after):
    """With every MLflow version a name of three parts goes to Unity Catalog."""
    unity.registry_uri = before
    assert registry.register("models:/m-1", NAME) == "3"
    assert unity.registry_uri == after
    assert unity.aliases == [(NAME, "champion", 3)]


@pytest.mark.parametrize(
    "refusal",
    [
        "NOT_FOUND: Catalog 'airline_test' does not exist.",
        "RESOURCE_DOES_NOT_EXIST: Schema 'airline_test.ml' does not exist.",
        "[SCHEMA_NOT_FOUND] The schema `airline_test`.`ml` cannot be found.",
        "CATALOG_DOES_NOT_EXIST: airline_test",
    ],
)
def test_a_missing_catalog_or_schema_prints_both_statements(unity, refusal):
    """Where catalog or schema is missing, the error holds the two statements that make them, in one line."""
    unity.refusal = f"{refusal}\nsecond line"
    with pytest.raises(ModelError) as refused:
        registry.register("models:/m-1", NAME)
    assert str(refused.value).endswith(
        "CREATE CATALOG IF NOT EXISTS airline_test; CREATE SCHEMA IF NOT EXISTS airline_test.ml;"
    )
    assert "\n" not in str(refused.value)


def test_a_missing_permission_names_the_grants(unity):
    """Another refusal names what a user needs in Unity Catalog, and no CREATE statement."""
    unity.refusal = "PERMISSION_DENIED: User does not have CREATE MODEL on Schema 'airline_test.ml'."
    with pytest.raises(
        ModelError, match=r"USE CATALOG on airline_test, USE SCHEMA and CREATE MODEL on airline_test\.ml"
    ):
        registry.register("models:/m-1", NAME)


@pytest.mark.needs_model
def test_an_engine_has_a_fingerprint_of_its_own():
    """A store with one engine's model does not serve for the other's."""
    assert registry.fingerprint("torch") != registry.fingerprint("openvino")
