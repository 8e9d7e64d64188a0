"""The bundle without a workspace: types, paths, flags, references and SQL all hold together."""

from __future__ import annotations

import json
import re

import pytest
import sqlglot
import yaml
from databricks.bundles.alerts import Alert
from databricks.bundles.dashboards import Dashboard
from databricks.bundles.jobs import Job
from databricks.bundles.schemas import Schema
from databricks.bundles.volumes import Volume
from sqlglot.optimizer.qualify import qualify

from delta_neo4j.cli.console import cli
from delta_neo4j.state.account import EMBEDDING_TERMS, OUTCOMES
from delta_neo4j.state.schemas import SCHEMAS, columns
from tests.support.places import ROOT

BUNDLE = yaml.safe_load((ROOT / "databricks.yml").read_text())
TYPES = {"jobs": Job, "alerts": Alert, "dashboards": Dashboard, "schemas": Schema, "volumes": Volume}


def _included():
    for pattern in BUNDLE["include"]:
        files = sorted(ROOT.glob(pattern))
        assert files, pattern
        yield from ((file, yaml.safe_load(file.read_text())) for file in files)


RESOURCES = {
    (kind, name): (file.parent, resource)
    for file, document in _included()
    for kind, resources in document["resources"].items()
    for name, resource in resources.items()
}
JOBS = {name: found for (kind, name), found in RESOURCES.items() if kind == "jobs"}
TASKS = [
    pytest.param(folder, job, task, id=f"{name}-{task['task_key']}")
    for name, (folder, job) in JOBS.items()
    for task in job["tasks"]
]


def _strings(value):
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


# --- shape --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), RESOURCES, ids="-".join)
def test_a_resource_has_only_fields_that_its_type_knows(kind, name):
    """The published types refuse a misspelt field, a missing one and an unknown level, state or operator."""
    TYPES[kind].from_dict(RESOURCES[kind, name][1])


def test_the_types_are_strict_enough_to_trust():
    """They refuse a misspelt field deep inside; otherwise the test above would say nothing."""
    job = {"tasks": [{"task_key": "x", "spark_python_task": {"python_file": "x", "paramaters": []}}]}
    with pytest.raises(ValueError, match="paramaters"):
        Job.from_dict(job)
    with pytest.raises(ValueError, match="SOMETIMES"):
        Job.from_dict({"trigger": {"pause_status": "SOMETIMES"}})


@pytest.mark.parametrize("target", ["dev", "prod"])
def test_a_target_changes_only_resources_that_exist(target):
    """Overrides name resources of the bundle, and together they still have a shape that the type knows."""
    for kind, overrides in BUNDLE["targets"][target].get("resources", {}).items():
        for name, override in overrides.items():
            TYPES[kind].from_dict({**RESOURCES[kind, name][1], **override})


def test_every_variable_has_a_value_in_every_target():
    """A variable without a default is given by the target, or is one that prod must be told."""
    bare = {name for name, said in BUNDLE["variables"].items() if not {"default", "lookup"} & set(said)}
    assert bare == {"runner", "operators"}
    assert bare <= set(BUNDLE["targets"]["dev"]["variables"])
    assert all(said.get("description") for said in BUNDLE["variables"].values())


# --- references ---------------------------------------------------------------------------------------------------


def test_every_interpolation_resolves():
    """`${var.x}` is declared, `${resources.kind.name.…}` exists, and nothing declared is unused."""
    texts = [*_strings(BUNDLE), *(text for _, resource in RESOURCES.values() for text in _strings(resource))]
    used = {path for text in texts for path in re.findall(r"\$\{([^}]*)\}", text)}
    for path in used:
        head, *rest = path.split(".")
        if head == "var":
            assert rest[0] in BUNDLE["variables"], path
        elif head == "resources":
            resource = RESOURCES[rest[0], rest[1]][1]
            assert rest[2] == "id" or rest[2] in resource, path
        else:
            assert path in {"bundle.name", "bundle.target", "workspace.current_user.userName"}
    assert set(BUNDLE["variables"]) == {path.split(".")[1] for path in used if path.startswith("var.")}


@pytest.mark.parametrize("name", JOBS)
def test_a_jobs_parameters_are_declared_and_used(name):
    """`{{job.parameters.x}}` names a parameter of the same job, and each parameter reaches a task."""
    job = JOBS[name][1]
    used = {found for text in _strings(job["tasks"]) for found in re.findall(r"\{\{job\.parameters\.(\w+)\}\}", text)}
    assert used == {parameter["name"] for parameter in job.get("parameters", [])}


@pytest.mark.parametrize("name", JOBS)
def test_a_tasks_references_resolve(name):
    """Each task follows tasks of its job without a circle, and runs on a cluster or environment of its job."""
    job = JOBS[name][1]
    clusters = {cluster["job_cluster_key"] for cluster in job.get("job_clusters", [])}
    environments = {environment["environment_key"] for environment in job.get("environments", [])}
    before, used = set(), set()
    for task in job["tasks"]:
        # A task may follow only those above it, so that the file reads in the order of the run.
        assert {link["task_key"] for link in task.get("depends_on", [])} <= before, task["task_key"]
        before.add(task["task_key"])
        places = {task[key] for key in ("job_cluster_key", "environment_key") if key in task}
        assert len(places) == 1
        assert places <= clusters | environments
        used |= places
        assert not ("environment_key" in task and "libraries" in task), "serverless takes no task libraries"
    assert used == clusters | environments
    assert len(before) == len(job["tasks"])


def test_runs_never_overlap_and_never_last_for_ever():
    """One run at a time, each task with an end and a bound on its retries, somebody told of a failure."""
    for _, job in JOBS.values():
        assert job["max_concurrent_runs"] == 1
        assert job["email_notifications"]["on_failure"]
        assert job["permissions"]
        for task in job["tasks"]:
            assert task["timeout_seconds"] > 0
            # A budget is a run's: a retry of what stopped for it would spend it again.
            assert 0 <= task["max_retries"] <= (0 if task["task_key"] == "embed" else 3)


def test_load_jobs_share_one_checkpoint_and_one_trigger():
    """Two jobs keep one state; at most one of them starts by itself, and the checkpoint lies in the volume."""
    loads = [job for _, job in JOBS.values() if "load" in {task["task_key"] for task in job["tasks"]}]
    assert len({json.dumps(job["parameters"]) for job in loads}) == 1
    started = [job.get("trigger") or job["schedule"] for job in loads]
    assert [start["pause_status"] for start in started].count("UNPAUSED") == 1
    checkpoint = {parameter["name"]: parameter["default"] for parameter in loads[0]["parameters"]}["checkpoint"]
    assert checkpoint.startswith("/Volumes/${var.catalog}/${resources.schemas.state.name}/")


# --- paths and commands -------------------------------------------------------------------------------------------


def _paths(folder, task):
    if "spark_python_task" in task:
        yield folder / task["spark_python_task"]["python_file"]
    for library in task.get("libraries", []):
        if "whl" in library:
            yield folder / library["whl"]


@pytest.mark.parametrize(("folder", "job", "task"), TASKS)
def test_every_path_exists(folder, job, task):
    """Scripts stand where the task looks for them; wheels come from the folder that the artifact is built into."""
    wheels = [folder / path for found in job.get("environments", []) for path in found["spec"]["dependencies"]]
    for path in [*_paths(folder, task), *wheels]:
        if path.suffix == ".whl":
            assert path.resolve().parent == ROOT / "dist"
            assert "--wheel-dir dist" in BUNDLE["artifacts"]["package"]["build"]
        else:
            assert path.is_file(), path


def _known_flags(command):
    return {flag for parameter in cli.commands[command].params for flag in parameter.opts}


def _command(task):
    if "python_wheel_task" in task:
        wheel = task["python_wheel_task"]
        scripts = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[2]
        assert f'\n{wheel["entry_point"]} = "delta_neo4j.cli.console:main"' in scripts
        return wheel["parameters"][0], wheel["parameters"][1:]
    script = task["spark_python_task"]
    return script["python_file"], script.get("parameters", [])


@pytest.mark.parametrize(("folder", "job", "task"), TASKS)
def test_every_flag_exists(folder, job, task):
    """What a task says on the command line is what the command takes, by name and never by place."""
    command, parameters = _command(task)
    if command.endswith("model_setup.py"):
        known = set(re.findall(r'add_argument\("(--[a-z-]+)"', (ROOT / "model_setup.py").read_text()))
    else:
        known = _known_flags("load" if command.endswith("removals_spark_loader.py") else command)
    for parameter in parameters:
        assert re.fullmatch(r"--[a-z-]+(=.+)?", parameter)
        assert parameter.partition("=")[0] in known, f"{command} has no {parameter}"


# --- SQL ----------------------------------------------------------------------------------------------------------

# The columns used of Databricks' own tables (system tables reference: billable usage, pricing).
SYSTEM = {
    "usage": {
        "usage_date": "DATE", "usage_quantity": "DECIMAL(38, 18)", "usage_unit": "STRING", "sku_name": "STRING",
        "cloud": "STRING", "usage_start_time": "TIMESTAMP", "billing_origin_product": "STRING",
        "custom_tags": "MAP<STRING, STRING>",
        "usage_metadata": "STRUCT<job_id: STRING, job_name: STRING, endpoint_name: STRING>",
    },
    "list_prices": {
        "sku_name": "STRING", "cloud": "STRING", "usage_unit": "STRING", "price_start_time": "TIMESTAMP",
        "price_end_time": "TIMESTAMP",
        "pricing": "STRUCT<default: DECIMAL(38, 18), effective_list: STRUCT<default: DECIMAL(38, 18)>>",
    },
}  # fmt: skip
OURS = {name: columns(name) for name in SCHEMAS}
DASHBOARDS = {
    name: json.loads((folder / dashboard["file_path"]).read_text())
    for (kind, name), (folder, dashboard) in RESOURCES.items()
    if kind == "dashboards"
}
QUERIES = {
    **{name: alert["query_text"] for (kind, name), (_, alert) in RESOURCES.items() if kind == "alerts"},
    **{data["name"]: "".join(data["queryLines"]) for page in DASHBOARDS.values() for data in page["datasets"]},
}


def _qualified(sql):
    """Resolve every column against the tables, or raise; gives the statement."""
    sql = sql.replace("${var.catalog}.${resources.schemas.state.name}.", "")
    statement = sqlglot.parse_one(re.sub(r"\$\{[^}]*\}", "x", sql), dialect="databricks")
    for table in statement.find_all(sqlglot.exp.Table):
        if table.catalog:
            assert f"{table.catalog}.{table.db}" == "system.billing"
            table.set("catalog", None)
            table.set("db", None)
    return qualify(statement, schema={**OURS, **SYSTEM}, dialect="databricks")


@pytest.mark.parametrize("name", QUERIES)
def test_sql_uses_only_columns_that_the_tables_have(name):
    """Each query resolves against the state tables as the loader makes them."""
    _qualified(QUERIES[name])


def test_a_column_that_no_table_has_is_found_out():
    """The check above refuses a misspelt column."""
    with pytest.raises(sqlglot.errors.OptimizeError):
        _qualified("SELECT finished_at FROM runs")


@pytest.mark.parametrize("name", QUERIES)
def test_sql_looks_only_for_json_members_that_the_loader_writes(name):
    """Outcomes, texts and the summary are JSON in a column: their members are those of the ledger and the report."""
    members = {"outcomes": set(OUTCOMES), "embedding": set(EMBEDDING_TERMS)}
    members["summary"] = {"exit_code", "error", "totals.rows_read"}
    for column, member in re.findall(r"get_json_object\((\w+), '\$\.([\w.]+)'\)", QUERIES[name]):
        assert member in members[column]


def test_an_alert_asks_for_a_column_of_its_query():
    """What is compared with the threshold is what the query gives."""
    for (kind, name), (_, alert) in RESOURCES.items():
        if kind == "alerts":
            assert alert["evaluation"]["source"]["name"] in _qualified(QUERIES[name]).named_selects


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_widget_shows_columns_of_its_dataset(name):
    """Datasets exist, fields are columns of their query, and tiles do not lie on each other."""
    taken = set()
    for tile in DASHBOARDS[name]["pages"][0]["layout"]:
        query = tile["widget"]["queries"][0]["query"]
        fields = {field["name"] for field in query["fields"]}
        assert fields <= set(_qualified(QUERIES[query["datasetName"]]).named_selects)
        shown = set(re.findall(r'"fieldName": "(\w+)"', json.dumps(tile["widget"]["spec"])))
        assert shown == fields
        at = tile["position"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["width"]) for y in range(at["height"])}
        assert not cells & taken
        assert at["x"] + at["width"] <= 6
        taken |= cells
