"""The settings with their sources, as a table."""

from __future__ import annotations

from delta_neo4j.settings import shown
from delta_neo4j.settings.names import SETTINGS


def test_every_setting_is_shown():
    """The table is the one that the rest of the program reads."""
    assert [row["setting"] for row in shown.settings({})] == [setting.name for setting in SETTINGS]
