"""Env files: parsed and never run, whatever the editor that wrote them; one line if they cannot be read."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import collect, env_file


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-16-be"])
def test_an_env_file_that_is_not_utf8_is_one_line(tmp_path, encoding):
    """Its name and what to do, and none of its bytes."""
    (tmp_path / "my.env").write_bytes("NEO4J_PASSWORD=Grüße".encode(encoding))
    with pytest.raises(SettingsError, match=r"my.env is not UTF-8 text; save it as UTF-8 \(in Windows Notepad"):
        collect.collect(environment={}, env_file=str(tmp_path / "my.env"))


@pytest.mark.parametrize(
    "text",
    [
        "A=1\nB=2\n",
        "A=1\r\nB=2\r\n",
        "# why\r\nA=1\r\nB=2",
        "export A=1\nB=2",
        " 'A' = \"1\"\nB=2",
        "\ufeffA=1\n# the next file:\n\ufeffexport B=2",
        "\n# the next file:\r\ufeffA=1\r\ufeffB=2",
    ],
)
def test_a_byte_order_mark_loses_no_setting(tmp_path, text):
    """The marks of Windows editors are no part of a name, also in files joined by `cat`."""
    (tmp_path / "my.env").write_bytes(f"\ufeff{text}".encode())
    assert env_file.read(str(tmp_path / "my.env")) == {"A": "1", "B": "2"}


def test_a_named_env_file_must_exist():
    """A file that was asked for and is not there is an error, not a shrug."""
    with pytest.raises(SettingsError, match=r".env.sample"):
        collect.collect(environment={}, env_file="no-such.env")


def test_an_env_file_is_parsed_and_never_run(tmp_path):
    """Dollars, back-ticks and command substitutions are characters."""
    file = tmp_path / "e.env"
    file.write_text("NEO4J_PASSWORD='a$HOME`id`$(id)=#x'\nNEO4J_USERNAME=ünï\r\n")
    found = collect.collect(environment={}, env_file=str(file))
    assert found["password"].value == "a$HOME`id`$(id)=#x"
    assert found["username"].value == "ünï"
