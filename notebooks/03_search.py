# Databricks notebook source
# MAGIC %md
# MAGIC # 3. Search
# MAGIC Shows the rows nearest to a question in meaning, in words or in both, and the graph around the best answer.

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

dbutils.widgets.text("question", "hydraulic fluid is dripping from the pump", "Question")
dbutils.widgets.text("limit", "10", "How many answers")
dbutils.widgets.dropdown("mode", "vector", list(MODES), "Meaning, words or both")
dbutils.widgets.text("where", "", "Condition, such as cost_estimate>1000")
dbutils.widgets.text("mapping", "removals", "Mapping (shipped name or file)")
dbutils.widgets.text("scope", DEFAULT_SCOPE, "Secret scope")
dbutils.widgets.dropdown("embedder", "auto", ["auto", "ai_query", "rest", "in_process"], "Embedder")
dbutils.widgets.text("endpoint", "minilm-embedder", "Endpoint")

# COMMAND ----------

told = {"embedder": dbutils.widgets.get("embedder"), "endpoint": dbutils.widgets.get("endpoint")}
found = collect.collect(told, dbutils=dbutils, scope=dbutils.widgets.get("scope"))
neo4j = build.neo4j_settings(found)
condition = dbutils.widgets.get("where").strip()
question = Question(
    text=dbutils.widgets.get("question"),
    mode=dbutils.widgets.get("mode"),
    where=(condition,) if condition else (),
    limit=int(dbutils.widgets.get("limit")),
)
mapping = dbutils.widgets.get("mapping")
table = question.table_in(read_mapping(mapping))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Answers
# MAGIC The model that embedded the texts also embeds the question. The score is from 0 to 1: for `vector` the
# MAGIC similarity as Neo4j scales it, (1 + cosine) / 2, for `text` the part of the best answer's score, for `hybrid` the fusion of both lists.

# COMMAND ----------

# One text needs no Spark query, so the notebook calls the endpoint over REST.
hits = search(settings_of(found, mapping), question)
if not hits:
    dbutils.notebook.exit(question.unanswered.replace("delta-neo4j load", "02_load"))
answers = [
    {"score": f"{hit.score:.3f}", "key": ", ".join(map(str, hit.key))} | {p: str(v) for p, v in hit.properties.items()}
    for hit in hits
]
display(pd.DataFrame(answers).fillna(""))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Around the best answer
# MAGIC The nodes connected to the best answer, and how many relationships each of them has.

# COMMAND ----------

best = hits[0]
labels = "".join(f":{quoted(label)}" for label in best.labels)
key = ", ".join(f"{quoted(name)}: $key[{place}]" for place, name in enumerate(p.name for p in table.key))
# A neighbour is shown by its key in the mapping; one that the mapping does not name has no text.
names = {r.end_label: [part.name for part in r.end_key] for r in table.relationships}
around = ask(
    neo4j,
    f"MATCH (hit{labels} {{{key}}})-[edge]-(near) "
    "WITH *, head([label IN labels(near) WHERE label IN keys($names)] + labels(near)) AS label "
    "RETURN type(edge) AS relationship, endNode(edge) = hit AS incoming, label, "
    "reduce(words = '', name IN coalesce($names[label], []) | trim(words + ' ' + near[name])) AS node, "
    "count { (near)--() } AS relationships ORDER BY relationship, node LIMIT 25",
    key=list(best.key),
    names=names,
)
display(pd.DataFrame(around, columns=["relationship", "incoming", "label", "node", "relationships"]))

# COMMAND ----------

import math

import matplotlib.pyplot as plt

figure, plane = plt.subplots(figsize=(7, 5), layout="constrained")
box = {"boxstyle": "round", "facecolor": "white"}
for place, near in enumerate(around):
    angle = 2 * math.pi * place / len(around)
    end = (math.cos(angle), math.sin(angle))
    arrow = {"arrowstyle": "<-" if near["incoming"] else "->", "shrinkA": 40, "shrinkB": 40}
    plane.annotate("", xy=end, xytext=(0, 0), arrowprops=arrow)
    plane.text(end[0] / 2, end[1] / 2, near["relationship"], ha="center", fontsize=7)
    plane.text(*end, f"{near['label']}\n{near['node']}", ha="center", va="center", fontsize=8, bbox=box)
plane.text(0, 0, f"{table.labels[0]}\n{answers[0]['key']}", ha="center", va="center", fontsize=8, bbox=box)
plane.set(xlim=(-1.6, 1.6), ylim=(-1.4, 1.4))
plane.axis("off")
display(figure)
plt.close(figure)
