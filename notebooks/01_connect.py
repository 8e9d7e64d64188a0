# Databricks notebook source
# MAGIC %md
# MAGIC # 1. Does everything answer?
# MAGIC Checks Neo4j, with the connection of the secret scope, and the model, with the calls of a load. Writes nothing.

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

dbutils.widgets.text("scope", DEFAULT_SCOPE, "Secret scope")
dbutils.widgets.dropdown("embedder", "auto", ["auto", "ai_query", "rest", "in_process"], "Embedder")
dbutils.widgets.text("endpoint", "minilm-embedder", "Endpoint")

# COMMAND ----------

told = {"embedder": dbutils.widgets.get("embedder"), "endpoint": dbutils.widgets.get("endpoint")}
found = collect.collect(told, dbutils=dbutils, scope=dbutils.widgets.get("scope"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Neo4j

# COMMAND ----------

neo4j = build.neo4j_settings(found)
print(f"connected to Neo4j {server_version(neo4j.connection())} at {neo4j.uri}, database {neo4j.database}")
nodes = "MATCH (n:!_DeltaNeo4jLoad) RETURN count(n) AS held"  # all but what the loader notes of its loads
counts = {"nodes": nodes, "relationships": "MATCH ()-->() RETURN count(*) AS held"}
display(pd.DataFrame([{what: ask(neo4j, query)[0]["held"] for what, query in counts.items()}]))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The model
# MAGIC Embeds three sentences: two about faults, one about a fox. The vectors of the two faults must be the nearest pair.

# COMMAND ----------

from delta_neo4j.embedding.base import PROBES, probe

dimension, vectors = text_dimension(read_mapping("removals")), []
embedder, why = choose.first_usable(
    build.embedding_settings(found), 1, spark, lambda candidate: vectors.append(probe(candidate, spark, dimension))
)
print(f"{embedder.model_name} answers with {dimension} values: {why}")
unit = vectors[-1] / (vectors[-1] ** 2).sum(axis=1, keepdims=True) ** 0.5
display(pd.DataFrame((unit @ unit.T).round(3), columns=["to 1", "to 2", "to 3"]).assign(sentence=PROBES))
