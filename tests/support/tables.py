"""Small removals tables for tests, written as Delta."""

from __future__ import annotations

SCHEMA = (
    "`:ID(RemovalEvent)` STRING, RMV_TRK_NO STRING, RMV_REA_TX STRING, component_id STRING, aircraft_id STRING, "
    "removal_date STRING, work_order_number STRING, technician_id STRING, part_number STRING, serial_number STRING, "
    "time_since_install STRING, flight_hours_at_removal STRING, flight_cycles_at_removal STRING, "
    "replacement_required STRING, shop_visit_required STRING, warranty_status STRING, removal_location STRING, "
    "scheduled_maintenance STRING, removal_priority STRING, cost_estimate STRING, supplier_code STRING, "
    "installation_date STRING"
)
NAMES = [part.strip().rsplit(" ", 1)[0].strip("`") for part in SCHEMA.split(",")]


def removal(number, **changes):
    """Give one sound row; `changes` replace columns (`id` is the key's)."""
    row = dict.fromkeys(NAMES)
    row.update(
        {
            ":ID(RemovalEvent)": f"RE{number:06d}",
            "RMV_TRK_NO": f"RMV{number}",
            "RMV_REA_TX": f"Oil leak at fitting {number % 7}",
            "component_id": f"C{number % 11}",
            "aircraft_id": f"A{number % 3}",
            "removal_date": "2024-08-15T14:30:00",
            "time_since_install": str(100 + number),
            "replacement_required": "true",
            "cost_estimate": "1500.5",
        }
    )
    if "id" in changes:
        changes[":ID(RemovalEvent)"] = changes.pop("id")
    row.update(changes)
    return row


def write(spark, path, rows, *, files=1, mode="append", schema=SCHEMA):
    """Write rows to a Delta table in so many files."""
    names = NAMES if schema is SCHEMA else list(rows[0])
    data = [tuple(row[name] for name in names) for row in rows]
    frame = spark.createDataFrame(data, schema).repartition(files)
    frame.write.format("delta").mode(mode).option("delta.columnMapping.mode", "name").save(str(path))


def frame(spark, rows):
    """Return sound rows as a data frame."""
    return spark.createDataFrame([tuple(row[name] for name in NAMES) for row in rows], SCHEMA)
