"""The sample tables: exact counts, the same rows every time, and references that hold."""

import csv

import pytest
from click.testing import CliRunner
from pyspark.sql import functions as F  # noqa: N812 - the name everybody uses

from dev import sample_data, sample_text
from dev.sample_data import write_sample

ROWS, TEXTS = 3_000, 170
INTEGERS = {"time_since_install", "flight_hours_at_removal", "flight_cycles_at_removal"}
BOOLEANS = {"replacement_required", "shop_visit_required", "scheduled_maintenance"}
DATES = {"removal_date", "installation_date"}
NAMES = ("removals", "aircraft", "systems", "components")


@pytest.fixture(scope="module")
def sample(spark, tmp_path_factory):
    """Frames of one sample by table name."""
    out = tmp_path_factory.mktemp("sample")
    tables = write_sample(spark, str(out), rows=ROWS, distinct_texts=TEXTS, files=5)
    return {name: spark.read.format("delta").load(getattr(tables, name)) for name in NAMES}


def removals(spark, rows, distinct_texts, seed=7, files=2):
    """Rows of a removals table, sorted by key, without writing it."""
    frame = sample_data._removals(spark, rows, distinct_texts, seed, files)
    return sorted(tuple(row) for row in frame.collect())


def test_the_table_has_exactly_the_rows_texts_and_files_asked_for(sample):
    """Every row has its own key and tracking number, and every one of the texts occurs."""
    frame = sample["removals"]
    counts = frame.agg(
        F.count("*"),
        F.countDistinct(":ID(RemovalEvent)"),
        F.countDistinct("RMV_TRK_NO"),
        F.countDistinct("RMV_REA_TX"),
    ).first()
    assert tuple(counts) == (ROWS, ROWS, ROWS, TEXTS)
    assert len(frame.inputFiles()) == 5


def test_more_texts_than_rows_means_one_a_row(spark, tmp_path):
    """Asking for more different texts than rows gives every row its own."""
    tables = write_sample(spark, str(tmp_path), rows=50, distinct_texts=60)
    texts = [row[0] for row in spark.read.format("delta").load(tables.removals).select("RMV_REA_TX").collect()]
    assert len(set(texts)) == len(texts) == 50


@pytest.mark.parametrize(("rows", "texts"), [(1, 1), (50, 1), (50, 49), (720, 720), (1_000, 333)])
def test_every_text_occurs(spark, rows, texts):
    """The number of different texts is exact, from one for all rows to one for each."""
    assert len({row[2] for row in removals(spark, rows, texts)}) == texts


def test_texts_are_the_numbered_reasons(sample):
    """Spark builds the very sentences that `reason` gives for the first indexes."""
    texts = {row[0] for row in sample["removals"].select("RMV_REA_TX").distinct().collect()}
    assert texts == {sample_text.reason(index, 7) for index in range(TEXTS)}


def test_the_same_arguments_give_the_same_rows_however_the_work_is_split(spark):
    """Neither the number of files, and so of tasks, nor running again changes a row."""
    assert removals(spark, 800, 90, files=1) == removals(spark, 800, 90, files=7)


def test_another_seed_gives_other_rows(spark):
    """The seed reaches texts and drawn values alike."""
    first, second = (list(zip(*removals(spark, 100, 10, seed=seed), strict=True)) for seed in (1, 2))
    unchanged = [name for name, a, b in zip(sample_data._removal_columns(1), first, second, strict=True) if a == b]
    assert unchanged == [":ID(RemovalEvent)"]


def test_the_first_row_is_pinned(sample):
    """A row stays the same from version to version: figures of old benchmarks stay comparable."""
    row = sample["removals"].where("`:ID(RemovalEvent)` = 'RE0000001'").first()
    assert [row[name] for name in ("RMV_REA_TX", "component_id", "serial_number", "cost_estimate")] == [
        (
            "Pump drive shaft squealing; standby pump took over during borescope inspection,"
            " last inspected 163 flight hours ago"
        ),
        "AC1002-S04-C01",
        "SN275741",
        6287.1,
    ]


def test_every_reference_is_found(sample):
    """Removals name components of systems of their own aircraft; all of them exist, once."""
    chain = (
        sample["removals"]
        .join(sample["components"].withColumnRenamed(":ID(Component)", "component_id"), "component_id")
        .join(sample["systems"].selectExpr("`:ID(System)` AS system_id", "aircraft_id AS owner"), "system_id")
        .join(sample["aircraft"].withColumnRenamed(":ID(Aircraft)", "owner"), "owner")
    )
    assert chain.count() == ROWS
    assert chain.where("owner <> aircraft_id").count() == 0


def test_the_component_is_of_the_type_the_text_speaks_of(sample):
    """A reason about a fan blade belongs to a fan."""
    types = {part: family.component_type for family in sample_text.FAMILIES for part in family.parts}
    rows = (
        sample["removals"]
        .join(sample["components"].withColumnRenamed(":ID(Component)", "component_id"), "component_id")
        .select("RMV_REA_TX", "type")
        .distinct()
        .collect()
    )
    for text, component_type in rows:
        assert any(text.startswith(part) and types[part] == component_type for part in types)


def test_a_component_is_installed_before_it_is_removed(sample):
    """Dates and hours agree with each other."""
    wrong = (
        "installation_date >= removal_date OR time_since_install > flight_hours_at_removal"
        " OR flight_cycles_at_removal < 1 OR cost_estimate <= 0"
    )
    assert sample["removals"].where(wrong).count() == 0


def test_no_value_is_null(sample):
    """Every column of every table has a value in every row."""
    for frame in sample.values():
        assert frame.count() == frame.dropna().count()


def test_types_are_those_of_the_columns_meaning(sample):
    """Counts are bigint, costs double, flags boolean, dates without a zone, the rest strings."""
    for name, kind in sample["removals"].dtypes:
        expected = (
            "bigint" if name in INTEGERS
            else "boolean" if name in BOOLEANS
            else "timestamp_ntz" if name in DATES
            else "double" if name == "cost_estimate"
            else "string"
        )  # fmt: skip
        assert (name, kind) == (name, expected)


@pytest.mark.needs_data
@pytest.mark.parametrize("name", NAMES)
def test_columns_are_those_of_the_lab(sample, test_data, name):
    """Names and order of the columns equal the header of the lab's CSV file."""
    with (test_data / "lab" / f"nodes_{name}.csv").open(newline="") as file:
        assert sample[name].columns == next(csv.reader(file))


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["systems", "components"])
def test_the_first_twenty_aircraft_are_built_like_the_labs(sample, test_data, name):
    """Systems and components have the lab's ids, types and names."""
    with (test_data / "lab" / f"nodes_{name}.csv").open(newline="") as file:
        lab = sorted(tuple(row) for row in list(csv.reader(file))[1:])
    assert sorted(tuple(row) for row in sample[name].collect()) == lab


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": 0, "distinct_texts": 1},
        {"rows": 1, "distinct_texts": 0},
        {"rows": 1, "distinct_texts": 1, "files": 0},
        {"rows": sample_text.CAPACITY + 1, "distinct_texts": sample_text.CAPACITY + 1},
    ],
)
def test_impossible_sizes_are_refused(spark, tmp_path, arguments):
    """Nothing is written for sizes that cannot be met."""
    with pytest.raises(ValueError, match="distinct texts end at"):
        write_sample(spark, str(tmp_path / "out"), **arguments)
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_a_folder_that_holds_something(tmp_path):
    """An earlier sample is never mixed with another one."""
    (tmp_path / "file").touch()
    result = CliRunner().invoke(sample_data.main, [str(tmp_path)])
    assert result.exit_code == 1
    assert "is not empty" in result.output
