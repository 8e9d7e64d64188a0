# Databricks notebook source
# MAGIC %md
# MAGIC # 2. Load
# MAGIC Shows a plan, the load with its progress, and its summary. Run the notebook again to load new rows.
# MAGIC
# MAGIC The job `delta-neo4j load` does the same on a schedule. Job and notebook may use one state and checkpoint, but not at
# MAGIC the same time.

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

dbutils.widgets.text("mapping", "removals", "Mapping (shipped name or file)")
dbutils.widgets.text("source", "", "Source table (blank: the mapping's)")
dbutils.widgets.text("state", "airline_test.delta_neo4j", "State (schema or folder)")
dbutils.widgets.text("checkpoint", "/Volumes/airline_test/delta_neo4j/checkpoints/removals", "Checkpoint folder")
dbutils.widgets.text("scope", DEFAULT_SCOPE, "Secret scope")
dbutils.widgets.dropdown("embedder", "auto", ["auto", "ai_query", "rest", "in_process", "precomputed"], "Embedder")
dbutils.widgets.text("endpoint", "minilm-embedder", "Endpoint")
dbutils.widgets.dropdown("start_fresh", "no", ["no", "yes"], "Read every row again")

# COMMAND ----------

told = {
    "mapping": dbutils.widgets.get("mapping"),
    "source": dbutils.widgets.get("source"),
    "state": dbutils.widgets.get("state"),
    "checkpoint": dbutils.widgets.get("checkpoint"),
    "embedder": dbutils.widgets.get("embedder"),
    "endpoint": dbutils.widgets.get("endpoint"),
}
found = collect.collect(told, dbutils=dbutils, scope=dbutils.widgets.get("scope"))
fresh = dbutils.widgets.get("start_fresh") == "yes"
settings = build.load_settings(found, reset_checkpoint=fresh)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Plan
# MAGIC Counts the pending rows through a copy of the checkpoint and calls the model once. Each figure stands beside its basis.

# COMMAND ----------

planned = forecast.lines(forecast.forecast(spark, settings, fresh=fresh))
display(pd.DataFrame(planned, columns=["what", "figure", "because"]))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Load

# COMMAND ----------

with one_line(sys.stdout):
    report = load(spark, settings)
summary = report.summary()
print(f"{summary['status']}: {summary['error'] or 'every row is accounted for'}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Summary
# MAGIC Rows read = written + unchanged + superseded + deleted + dead-lettered + without end. The state's table `dead_letters` has the
# MAGIC dead letters: whole rows, each with the reason why it could not be loaded.

# COMMAND ----------

tables = [
    {"table": t["name"], "rows read": t["rows_read"], **t["outcomes"], "without text": t["without_text"]}
    for t in summary["tables"]
]
edges = [
    {"table": t["name"], "relationship": name, **terms}
    for t in summary["tables"]
    for name, terms in t["relationships"].items()
]
for shown in (tables, edges, [summary["embedding"]]):
    if shown:
        display(pd.DataFrame(shown))

# COMMAND ----------

import matplotlib.pyplot as plt

figure, (rows, stages) = plt.subplots(1, 2, figsize=(12, 3), layout="constrained")
outcomes = pd.DataFrame(
    {t["name"]: t["outcomes"] for t in summary["tables"]}, index=list(summary["totals"]["outcomes"])
)
if not outcomes.empty:
    outcomes.T.plot.barh(stacked=True, ax=rows, title="rows by outcome")
# Embedding and writing are parts of the stream's seconds.
pd.Series(summary["seconds"]).drop("total").plot.barh(ax=stages, title="seconds by stage")
display(figure)
plt.close(figure)

# COMMAND ----------

import json

if report.error:
    raise report.error  # a job's task fails with the run
dbutils.notebook.exit(json.dumps(summary))
