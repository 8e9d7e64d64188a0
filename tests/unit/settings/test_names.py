"""The table of settings, and what repeats parts of it: `.env.sample`, flags, models, the job file's constants."""

from __future__ import annotations

import re

import removals_spark_loader as job
from delta_neo4j.settings.names import DEFAULTS, SCOPE_VARIABLE, SETTINGS
from delta_neo4j.settings.values import EmbeddingSettings, LoadSettings, Neo4jSettings
from tests.support.places import ROOT


def test_the_sample_env_file_has_every_setting_with_its_help_and_default():
    """Each setting is a line `VARIABLE=DEFAULT` below a comment with its help text; there is no other variable."""
    text = (ROOT / ".env.sample").read_text()
    samples = re.findall(r"^# (.*)\n(?:# )?([A-Z0-9_]+)=(.*)$", text, re.MULTILINE)
    settings = [setting for setting in SETTINGS if setting.name not in {"runtime", "spark_remote"}]  # not ours to set
    assert [(comment, variable) for comment, variable, _ in samples[:-1]] == [
        (setting.help, setting.variables[0]) for setting in settings
    ]
    assert samples[-1][1:] == (SCOPE_VARIABLE, "")
    for setting, (_, _, value) in zip(settings, samples, strict=False):
        assert setting.default is None or value == str(setting.default).removesuffix(".0"), setting.name


def test_the_table_of_settings_agrees_with_the_flags_and_the_models():
    """A flag is the setting's name with hyphens; a model's default is the table's."""
    for setting in SETTINGS:
        assert setting.flag in {"", f"--{setting.name.replace('_', '-')}"}
    fields = {**Neo4jSettings.model_fields, **EmbeddingSettings.model_fields, **LoadSettings.model_fields}
    fields["endpoint_wait"] = fields.pop("wait_seconds")
    for name in fields.keys() & DEFAULTS.keys():
        assert fields[name].is_required() or fields[name].default == DEFAULTS[name], name


def test_the_job_files_constants_are_the_packages():
    """The figures that people edit at the top of the job file are the ones the package documents."""
    for name in ("batch_size", "bytes_per_row", "write_partitions"):
        assert getattr(job, name.upper()) == DEFAULTS[name]
