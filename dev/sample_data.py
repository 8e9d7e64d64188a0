"""Seeded sample tables of aircraft component removals: `python -m dev.sample_data OUT_DIR --rows 20000`.

Columns are those of the aircraft digital twin lab. Every value is computed from the row's number and the
seed, so the same arguments give the same rows on any number of cores and over any number of files.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dev import sample_text
from dev.sample_text import FAMILIES, word_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MIN_AIRCRAFT, MAX_AIRCRAFT, ROWS_PER_AIRCRAFT = 20, 400, 1_000

MODELS = ("B737-800", "A320-200", "A321neo", "E190")
MANUFACTURERS = ("Boeing", "Airbus", "Airbus", "Embraer")
OPERATORS = ("ExampleAir", "SkyWays", "RegionalCo", "NorthernJet")
ENGINES = ("CFM56-7B", "V2500", "LEAP-1A", "GE CF34-10E")
SYSTEM_TYPES = ("Engine", "Engine", "Avionics", "Hydraulics")
AVIONICS, HYDRAULICS = "Generic Avionics Suite", "Main Hydraulic System"
AIRPORTS = (
    "ATL", "BOS", "CLT", "DEN", "DFW", "DTW", "IAH", "JFK", "LAS", "LAX",
    "MIA", "MSP", "ORD", "PDX", "PHL", "PHX", "SEA", "SLC", "TPA",
)  # fmt: skip
# Ten of each hundred CRITICAL, thirty each HIGH and LOW and MEDIUM.
PRIORITIES = ("CRITICAL", *("HIGH", "LOW", "MEDIUM") * 3)

# In the order of FAMILIES: first system, number of such systems on an aircraft, place within the system.
FIRST_SYSTEM = (1,) * 5 + (3,) * 3 + (4,) * 3
SYSTEM_CHOICES = (2,) * 5 + (1,) * 6
PLACES = (1, 2, 3, 4, 5, 1, 2, 3, 1, 2, 3)
COMPONENT_NAMES = (
    "Fan Module", "Compressor Stage", "High-Pressure Turbine", "Main Fuel Pump", "Thrust Bearing",
    "Flight Management System", "Air Data Computer", "Navigation Receiver",
    "Main Pump", "Hydraulic Reservoir", "Flap Actuator",
)  # fmt: skip
FIRST_REMOVAL = "TIMESTAMP_NTZ'2020-01-01 00:00:00'"
MINUTES = 5 * 365 * 24 * 60  # the removals spread over five years, in the order of their numbers


@dataclass(frozen=True)
class SampleTables:
    """Paths of the four Delta tables."""

    removals: str
    aircraft: str
    systems: str
    components: str


def write_sample(
    spark: SparkSession, out: str, *, rows: int, distinct_texts: int, seed: int = 7, files: int = 8
) -> SampleTables:
    """Write the four tables under the folder `out` and return their paths; removals in `files` files.

    The removals hold exactly min(distinct_texts, rows) different texts. Refuses tables that exist.
    """
    if rows < 1 or not 1 <= min(distinct_texts, rows) <= sample_text.CAPACITY or files < 1:
        message = f"rows, distinct texts and files start at 1; distinct texts end at {sample_text.CAPACITY:,}"
        raise ValueError(message)
    tables = SampleTables(*(f"{out}/{name}" for name in ("removals", "aircraft", "systems", "components")))
    count = aircraft_count(rows)
    _write(_aircraft(spark, count, seed), tables.aircraft)
    _write(_systems(spark, count), tables.systems)
    _write(_components(spark, count), tables.components)
    # Last: where the removals are, the rest is.
    _write(_removals(spark, rows, min(distinct_texts, rows), seed, min(files, rows)), tables.removals)
    return tables


def aircraft_count(rows: int) -> int:
    """Return the size of the fleet for so many removals: one aircraft a thousand, 20 to 400."""
    return max(MIN_AIRCRAFT, min(MAX_AIRCRAFT, rows // ROWS_PER_AIRCRAFT))


def _write(frame: DataFrame, path: str) -> None:
    # Delta takes the lab's column names, `:ID(RemovalEvent)`, only with column mapping.
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(path)


def _select(frame: DataFrame, columns: dict[str, str]) -> DataFrame:
    return frame.selectExpr(*(f"{expression} AS `{name}`" for name, expression in columns.items()))


def _draw(seed: int, name: str, size: int) -> str:
    """Return, as SQL, a number 0 .. size-1 that is as good as random: one per row (`id`), seed and name."""
    return f"pmod(xxhash64(id, '{seed}:{name}'), {size}L)"


def _aircraft(spark: SparkSession, count: int, seed: int) -> DataFrame:
    letters = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")
    return _select(
        spark.range(0, count, 1, 1),
        {
            ":ID(Aircraft)": "concat('AC', 1001 + id)",
            "tail_number": f"concat('N', 10000 + {_draw(seed, 'tail', 90_000)},"
            f" {word_sql(letters, f'pmod(id, {len(letters)})')})",
            "icao24": f"lower(lpad(hex({_draw(seed, 'icao24', 1 << 24)}), 6, '0'))",
            "model": word_sql(MODELS, "pmod(id, 4)"),
            "manufacturer": word_sql(MANUFACTURERS, "pmod(id, 4)"),
            "operator": word_sql(OPERATORS, "pmod(id, 4)"),
        },
    )


def _systems(spark: SparkSession, count: int) -> DataFrame:
    """Four systems an aircraft: id div 4 is the aircraft, pmod(id, 4) the system."""
    aircraft = "concat('AC', 1001 + id div 4)"
    return _select(
        spark.range(0, count * 4, 1, 1),
        {
            ":ID(System)": f"concat({aircraft}, '-S0', pmod(id, 4) + 1)",
            "aircraft_id": aircraft,
            "type": word_sql(SYSTEM_TYPES, "pmod(id, 4)"),
            "name": f"CASE pmod(id, 4) WHEN 2 THEN '{AVIONICS}' WHEN 3 THEN '{HYDRAULICS}'"
            f" ELSE concat({word_sql(ENGINES, 'pmod(id div 4, 4)')}, ' #', pmod(id, 4) + 1) END",
        },
    )


def _components(spark: SparkSession, count: int) -> DataFrame:
    """Sixteen components an aircraft: each family once in every system that has it."""
    layout = [
        (first + extra, place, family.component_type, name)
        for first, choices, place, family, name in zip(
            FIRST_SYSTEM, SYSTEM_CHOICES, PLACES, FAMILIES, COMPONENT_NAMES, strict=True
        )
        for extra in range(choices)
    ]
    layout.sort()
    system = word_sql(tuple(entry[0] for entry in layout), f"pmod(id, {len(layout)})")
    place = word_sql(tuple(entry[1] for entry in layout), f"pmod(id, {len(layout)})")
    system_id = f"concat('AC', 1001 + id div {len(layout)}, '-S0', {system})"
    return _select(
        spark.range(0, count * len(layout), 1, 1),
        {
            ":ID(Component)": f"concat({system_id}, '-C0', {place})",
            "system_id": system_id,
            "type": word_sql(tuple(entry[2] for entry in layout), f"pmod(id, {len(layout)})"),
            "name": word_sql(tuple(entry[3] for entry in layout), f"pmod(id, {len(layout)})"),
        },
    )


def _removals(spark: SparkSession, rows: int, distinct_texts: int, seed: int, files: int) -> DataFrame:
    frame = spark.range(0, rows, 1, files)
    for stage in (
        {"text_index": _text_index(rows, distinct_texts, seed)},
        {"number": sample_text.number_sql("text_index", seed)},
        _drawn(rows, seed),
    ):
        frame = frame.selectExpr("*", *(f"{expression} AS {name}" for name, expression in stage.items()))
    return _select(frame, _removal_columns(seed))


def _text_index(rows: int, distinct_texts: int, seed: int) -> str:
    """Return, as SQL, the index of a row's text. Every index occurs; low indexes occur more often, as real reasons do.

    `place` shuffles the rows (a bijection of 0 .. rows-1): the rows at the first places take one text each,
    the others draw with density falling from the first text to the last. The draw has 32 bits, so the
    product stays below `distinct_texts` in double arithmetic.
    """
    place = f"pmod(id * {sample_text.coprime_step(rows)}L + {seed}L, {rows}L)"
    share = f"({_draw(seed, 'text', 1 << 32)} / {1 << 32}D)"
    drawn = f"floor({distinct_texts}L * {share} * sqrt({share}))"
    return f"CASE WHEN {place} < {distinct_texts}L THEN {place} ELSE {drawn} END"


def _drawn(rows: int, seed: int) -> dict[str, str]:
    """Return what several columns share; the component is of the type its text speaks of."""
    family = sample_text.family_sql("number")
    choices = word_sql(SYSTEM_CHOICES, family)
    per_row = max(1, MINUTES // rows)
    return {
        "family": family,
        "scheduled": sample_text.scheduled_sql("number"),
        "aircraft_id": f"concat('AC', 1001 + {_draw(seed, 'aircraft', aircraft_count(rows))})",
        "system": f"{word_sql(FIRST_SYSTEM, family)} + pmod({_draw(seed, 'system', 2)}, {choices})",
        "removed": f"timestampadd(MINUTE, id * {MINUTES}L div {rows}L + {_draw(seed, 'minute', per_row)},"
        f" {FIRST_REMOVAL})",
        "days": f"30 + {_draw(seed, 'days', 1_500)}",
        "hours_a_day": f"6 + {_draw(seed, 'usage', 8)}",
    }


def _removal_columns(seed: int) -> dict[str, str]:
    installed_hours = "days * hours_a_day"
    flight_hours = f"({installed_hours} + {_draw(seed, 'earlier hours', 12_000)})"
    base_cost = word_sql(tuple(family.base_cost for family in FAMILIES), "family")
    shop = f"{_draw(seed, 'shop', 10)} < 7"
    return {
        ":ID(RemovalEvent)": "format_string('RE%07d', id + 1)",
        "RMV_TRK_NO": "format_string('RMV%s%07d', date_format(removed, 'yyMM'), id + 1)",
        "RMV_REA_TX": sample_text.reason_sql("number"),
        "component_id": f"concat(aircraft_id, '-S0', system, '-C0', {word_sql(PLACES, 'family')})",
        "aircraft_id": "aircraft_id",
        "removal_date": "removed",
        "work_order_number": "format_string('WO%s-%07d', date_format(removed, 'yyyy-MM'), id + 1)",
        "technician_id": f"format_string('TECH%03d', 1 + {_draw(seed, 'technician', 60)})",
        "part_number": f"format_string('P%05d-%03d', 10000 + family * 7919, 1 + {_draw(seed, 'part', 12)})",
        "serial_number": f"format_string('SN%06d', {_draw(seed, 'serial', 1_000_000)})",
        "time_since_install": installed_hours,
        "flight_hours_at_removal": flight_hours,
        "flight_cycles_at_removal": f"{flight_hours} * 10 div (18 + {_draw(seed, 'stage length', 50)})",
        "replacement_required": f"scheduled OR {_draw(seed, 'replacement', 10)} < 8",
        "shop_visit_required": shop,
        "warranty_status": "CASE WHEN days < 730 THEN 'IN_WARRANTY' ELSE 'OUT_WARRANTY' END",
        "removal_location": word_sql(AIRPORTS, _draw(seed, "location", len(AIRPORTS))),
        "scheduled_maintenance": "scheduled",
        "removal_priority": f"CASE WHEN scheduled THEN 'LOW' ELSE"
        f" {word_sql(PRIORITIES, _draw(seed, 'priority', len(PRIORITIES)))} END",
        "cost_estimate": f"round({base_cost} * (50 + {_draw(seed, 'cost', 10_000)} / 100) / 100, 2)",
        "supplier_code": f"format_string('SUP%03d', 1 + {_draw(seed, 'supplier', 12)})",
        "installation_date": f"timestampadd(MINUTE, -(days * 1440 + {_draw(seed, 'shift', 1_440)}), removed)",
    }


@click.command()
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--rows", default=20_000, show_default=True, help="Removals.")
@click.option("--distinct-texts", default=400, show_default=True, help="Different removal reasons.")
@click.option("--seed", default=7, show_default=True)
@click.option("--files", default=8, show_default=True, help="Files of the removals table.")
def main(out_dir: Path, rows: int, distinct_texts: int, seed: int, files: int) -> None:
    """Write four sample Delta tables into OUT_DIR, which must be new or empty."""
    from delta_neo4j.cli.session import local_session

    if out_dir.exists() and any(out_dir.iterdir()):
        raise click.ClickException(f"{out_dir} is not empty: name a new folder, or delete this one")
    spark = local_session()
    try:
        started = time.monotonic()
        write_sample(spark, str(out_dir), rows=rows, distinct_texts=distinct_texts, seed=seed, files=files)
        seconds = time.monotonic() - started
    finally:
        spark.stop()
    print(
        f"{rows:,} removals with {min(distinct_texts, rows):,} texts in {files} files,"
        f" {aircraft_count(rows)} aircraft, their systems and components: {out_dir} ({seconds:.0f} s)"
    )


if __name__ == "__main__":
    main()
