# Databricks notebook source
# MAGIC %md
# MAGIC # 1. Does everything answer?
# MAGIC Neo4j with the secret scope's connection, and the model by the way that a load takes. Nothing is written.

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

dbutils.widgets.text("scope", DEFAULT_SCOPE, "Secret scope")
dbutils.widgets.dropdown("embedder", "auto", ["auto", "ai_query", "rest", "in_process"], "Embedder")
dbutils.widgets.text("endpoint", "minilm-embedder", "Endpoint")

# COMMAND ----------

told = {"embedder": dbutils.widgets.get("embedder"), "endpoint": dbutils.widgets.get("endpoint")}
found = config.collect(told, dbutils=dbutils, scope=dbutils.widgets.get("scope"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Neo4j

# COMMAND ----------

neo4j = config.neo4j_settings(found)
print(f"connected to Neo4j {server_version(neo4j.connection())} at {neo4j.uri}, database {neo4j.database}")
counts = {"nodes": "MATCH (n) RETURN count(n) AS held", "relationships": "MATCH ()-->() RETURN count(*) AS held"}
display(pd.DataFrame([{what: ask(neo4j, query)[0]["held"] for what, query in counts.items()}]))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The model
# MAGIC Three sentences; the first two speak of faults, the third of a fox. A model of meaning puts the first two closer.

# COMMAND ----------

from delta_neo4j.embedding.base import PROBES, probe

dimension, vectors = text_dimension(read_mapping("removals")), []
embedder, why = choose.first_usable(
    config.embedding_settings(found), 1, spark, lambda candidate: vectors.append(probe(candidate, spark, dimension))
)
print(f"{embedder.model_name} answers with {dimension} values: {why}")
unit = vectors[-1] / (vectors[-1] ** 2).sum(axis=1, keepdims=True) ** 0.5
display(pd.DataFrame((unit @ unit.T).round(3), columns=["to 1", "to 2", "to 3"]).assign(sentence=PROBES))
