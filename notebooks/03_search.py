# Databricks notebook source
# MAGIC %md
# MAGIC # 3. Search
# MAGIC The nodes nearest in meaning to a question, and what is known around the best one.

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

dbutils.widgets.text("question", "hydraulic fluid is dripping from the pump", "Question")
dbutils.widgets.text("limit", "10", "How many answers")
dbutils.widgets.text("mapping", "removals", "Mapping (shipped name or file)")
dbutils.widgets.text("scope", DEFAULT_SCOPE, "Secret scope")
dbutils.widgets.dropdown("embedder", "auto", ["auto", "ai_query", "rest", "in_process"], "Embedder")
dbutils.widgets.text("endpoint", "minilm-embedder", "Endpoint")

# COMMAND ----------

told = {"embedder": dbutils.widgets.get("embedder"), "endpoint": dbutils.widgets.get("endpoint")}
found = config.collect(told, dbutils=dbutils, scope=dbutils.widgets.get("scope"))
neo4j = config.neo4j_settings(found)
table, embedding = search.searchable(read_mapping(dbutils.widgets.get("mapping")))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Answers
# MAGIC The question is embedded by the model that embedded the texts; the score is the cosine similarity, scaled to 0–1.

# COMMAND ----------

# One text needs no query of Spark: the same endpoint is asked over REST.
embedder, why = choose.first_usable(config.embedding_settings(found), 1, None, lambda _: None)
vector = search.embed_query(embedder, dbutils.widgets.get("question"), embedding.index.dimension)
hits = search.nearest(neo4j.connection(), table, vector, int(dbutils.widgets.get("limit")))
print(why)
if not hits:
    dbutils.notebook.exit("no answer: the graph holds no vector yet; run 02_load")
answers = [
    {"score": f"{hit.score:.3f}", "key": ", ".join(map(str, hit.key))} | {p: str(v) for p, v in hit.properties.items()}
    for hit in hits
]
display(pd.DataFrame(answers).fillna(""))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Around the best answer
# MAGIC Its neighbours, and how many relationships each of them has.

# COMMAND ----------

best = hits[0]
labels = "".join(f":{quoted(label)}" for label in best.labels)
key = ", ".join(f"{quoted(name)}: $key[{place}]" for place, name in enumerate(search.key_names(table)))
# A neighbour is called by its key in the mapping; one that the mapping does not know, by nothing.
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
