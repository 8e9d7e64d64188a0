# Databricks notebook source
# MAGIC %md
# MAGIC # 4. Load test
# MAGIC Measures how fast *this* compute writes removals into *your* Neo4j. The notebook generates N removals, loads them in
# MAGIC parallel under labels of their own (`LoadTest_…`), and deletes them with their constraints, indexes, table and state.
# MAGIC
# MAGIC The removals have only twelve different reasons to embed, so the test measures writing.

# COMMAND ----------

# MAGIC %run ./_setup

# COMMAND ----------

dbutils.widgets.text("rows", "20000", "Removals")
dbutils.widgets.text("writers", "2", "Parallel writers")
dbutils.widgets.text("folder", "/Volumes/airline_test/delta_neo4j/checkpoints/load_test", "Folder for what it writes")
dbutils.widgets.text("scope", DEFAULT_SCOPE, "Secret scope")
dbutils.widgets.dropdown("embedder", "auto", ["auto", "ai_query", "rest", "in_process"], "Embedder")
dbutils.widgets.text("endpoint", "minilm-embedder", "Endpoint")

# COMMAND ----------

# MAGIC %md
# MAGIC ## A mapping of its own
# MAGIC The default mapping with other labels (also of the end nodes) and other indexes, so that the test changes no node of
# MAGIC yours.

# COMMAND ----------

import tempfile
import uuid

import yaml

rows, writers = int(dbutils.widgets.get("rows")), int(dbutils.widgets.get("writers"))
test = f"LoadTest_{uuid.uuid4().hex[:8]}"
folder = f"{dbutils.widgets.get('folder').rstrip('/')}/{test}"

mapping = yaml.safe_load(text_of("removals")[0])
(made,) = mapping["tables"]
made["source"] = f"{folder}/removals"
made["labels"] = [f"{test}_{label}" for label in made["labels"]]
made["embedding"]["index"]["name"] = test
made["fulltext"]["index"] = f"{test}_texts"
for relationship in made["relationships"]:
    relationship["end"]["label"] = f"{test}_{relationship['end']['label']}"
labels = [*made["labels"], *(relationship["end"]["label"] for relationship in made["relationships"])]

with tempfile.NamedTemporaryFile("w", suffix=".yml", delete=False) as file:
    yaml.safe_dump(mapping, file)
print(f"{test}: if this notebook is interrupted, run its last cells; what it makes is below {folder} and labelled")
print("\n".join(labels))

# COMMAND ----------

told = {
    "mapping": file.name,
    # Given here, so that the cluster's environment cannot name a production table or state.
    "source": made["source"],
    "state": f"{folder}/state",
    "checkpoint": f"{folder}/state/checkpoints",
    "write_partitions": writers,
    "embedder": dbutils.widgets.get("embedder"),
    "endpoint": dbutils.widgets.get("endpoint"),
}
found = collect.collect(told, dbutils=dbutils, scope=dbutils.widgets.get("scope"))
settings = build.load_settings(found)

# COMMAND ----------

# MAGIC %md
# MAGIC ## N removals

# COMMAND ----------

reasons = (
    "Hydraulic pump leaking at the shaft seal; found on walk-around",
    "Fan blade nicked by foreign object; vibration rose on the fan channel",
    "Fuel pump pressure low during climb; replaced by spare",
    "Bearing worn beyond tolerance; metal particles on the chip detector",
    "Turbine blade cracked at trailing edge; seen by borescope",
    "Air data computer disagrees with standby altimeter; fails its self-test",
    "Navigation receiver loses its signal in turbulence; connector corroded",
    "Oil leak at the accessory gearbox; consumption above limit",
    "Bleed valve seized closed; engine stalled on deceleration",
    "Flap actuator slow to extend; internal leakage suspected",
    "Display unit goes blank in flight; power supply overheats",
    "Scheduled removal at the end of its life limit; no fault found",
)
one_of = "element_at(array({}), int(pmod({}, {})) + 1)".format
listed = ", ".join(f"'{reason}'" for reason in reasons)
columns = {
    ":ID(RemovalEvent)": "format_string('RE%08d', id)",
    "RMV_TRK_NO": "format_string('RMV%08d', id)",
    "RMV_REA_TX": one_of(listed, "xxhash64(id)", len(reasons)),
    "component_id": "format_string('C%05d', pmod(xxhash64(id, 1), greatest(16, {rows} div 60)))",
    "aircraft_id": "format_string('AC%04d', pmod(xxhash64(id, 2), greatest(20, {rows} div 1000)))",
    "removal_date": "timestamp_ntz'2024-01-01 00:00:00' + make_dt_interval(0, 0, pmod(id * 7, 500000))",
    "work_order_number": "format_string('WO%08d', id)",
    "technician_id": "format_string('TECH%03d', pmod(id, 60))",
    "part_number": "format_string('P%04d', pmod(id, 900))",
    "serial_number": "format_string('SN%06d', pmod(id * 31, 1000000))",
    "time_since_install": "pmod(id * 13, 9000)",
    "flight_hours_at_removal": "pmod(id * 17, 40000)",
    "flight_cycles_at_removal": "pmod(id * 19, 20000)",
    "replacement_required": "pmod(id, 5) > 0",
    "shop_visit_required": "pmod(id, 3) = 0",
    "warranty_status": one_of("'IN_WARRANTY', 'OUT_WARRANTY'", "id", 2),
    "removal_location": one_of("'ATL', 'DEN', 'JFK', 'LAX', 'SEA'", "id", 5),
    "scheduled_maintenance": "pmod(id, 12) = 11",
    "removal_priority": one_of("'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'", "id", 4),
    "cost_estimate": "round(500 + pmod(id * 23, 90000) / 7, 2)",
    "supplier_code": "format_string('SUP%03d', pmod(id, 12))",
    "installation_date": "timestamp_ntz'2020-01-01 00:00:00' + make_dt_interval(0, 0, pmod(id * 11, 500000))",
}
removals = spark.range(0, rows, 1, 2 * writers).selectExpr(
    *(f"{expression.replace('{rows}', str(rows))} AS `{name}`" for name, expression in columns.items())
)
# Delta takes the name `:ID(RemovalEvent)` only with column mapping.
removals.write.format("delta").option("delta.columnMapping.mode", "name").save(made["source"])
display(spark.read.format("delta").load(made["source"]).limit(5))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The Cypher of the loader
# MAGIC The writers send these statements, with about a thousand rows a transaction: nodes first, then one pass for each
# MAGIC relationship type. Relationships are partitioned by end node, so that no two writers wait for one lock.

# COMMAND ----------

(table,) = read_mapping(file.name).tables
print(upsert_nodes(table))
for place in range(len(table.relationships)):
    print(f"\n{merge_relationships(table, place)}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Load

# COMMAND ----------

with one_line(sys.stdout):
    report = load(spark, settings)
summary = report.summary()
seconds, writer = summary["seconds"], summary["writer"]
read = summary["totals"]["rows_read"]
figures = {
    "rows": read,
    "writers": writers,
    "rows/s": round(read / max(seconds["stream"], 0.001)),
    "rows/s while writing": round(read / max(seconds["write"], 0.001)),
    "seconds": seconds["stream"],
    "transactions": writer["transactions"],
    "retries": writer["retries"],
    "deadlocks": writer["deadlocks"],
}
print(f"{summary['status']}: {summary['error'] or 'every row is accounted for'}")
display(pd.DataFrame([figures]))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Clean up
# MAGIC Deletes the nodes of these labels with their relationships, their constraints, the indexes and the folder.

# COMMAND ----------

removed = 0
for label in labels:
    removed += ask(settings.neo4j, f"MATCH (n:{quoted(label)}) RETURN count(n) AS nodes")[0]["nodes"]
    ask(settings.neo4j, f"MATCH (n:{quoted(label)}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 10000 ROWS")
    for rule in ask(
        settings.neo4j, "SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE $label IN labelsOrTypes", label=label
    ):
        ask(settings.neo4j, f"DROP CONSTRAINT {quoted(rule['name'])} IF EXISTS")
for index in (test, f"{test}_texts"):
    ask(settings.neo4j, f"DROP INDEX {quoted(index)} IF EXISTS")
ask(settings.neo4j, "MATCH (n:_DeltaNeo4jLoad) WHERE n.source CONTAINS $test DELETE n", test=test)
dbutils.fs.rm(folder, True)
Path(file.name).unlink(missing_ok=True)
print(f"removed {removed:,} nodes, their constraints and indexes, and {folder}")

# COMMAND ----------

import json

if report.error:
    raise report.error  # a job's task fails with the run
dbutils.notebook.exit(json.dumps(figures))
