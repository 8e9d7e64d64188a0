"""A folder with an env file and a stand-in `databricks` on the path, in which `setup_secrets.sh` is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.places import ROOT

SCRIPT = ROOT / "setup_secrets.sh"
STAND_IN = ROOT / "tests/support/databricks_cli.py"
DEFAULT = "airline-neo4j-secrets"
PASSWORD = "Tr0ub4dor&3-never-shown"
AURA = f"NEO4J_URI=neo4j+s://abc.databases.neo4j.io\nNEO4J_USERNAME=neo4j\nNEO4J_PASSWORD={PASSWORD}\n"
KEYS = ["host", "username", "password", "database", "protocol"]


class Desk:
    """A folder with an env file and a stand-in `databricks` on the path."""

    def __init__(self, folder):
        self.folder = folder
        self.tools = folder / "bin"
        self.tools.mkdir()
        program = self.tools / "databricks"
        # -S -E: no site-packages and no PYTHON* of the caller, so that a call costs milliseconds.
        program.write_text(f"#!{sys.executable} -SE\n{STAND_IN.read_text()}")
        program.chmod(0o755)
        self.tell()

    def tell(self, **state):
        """Set what the workspace is like, with no call made yet."""
        usual = {
            "version": "Databricks CLI v1.13.0", "logged_in": True, "profiles": ["DEFAULT", "team"], "scopes": {},
            "principals": ["job@example.com"], "acls": [],
        }  # fmt: skip
        (self.tools / "state.json").write_text(json.dumps({**usual, **state}))
        (self.tools / "calls.jsonl").write_text("")

    @property
    def state(self):
        """What the workspace holds now."""
        return json.loads((self.tools / "state.json").read_text())

    @property
    def calls(self):
        """Every call of the CLI so far."""
        return [json.loads(line) for line in (self.tools / "calls.jsonl").read_text().splitlines()]

    def write(self, text, name=".env"):
        """Write the env file byte by byte as given."""
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.folder / name

    def run(self, *arguments, path=None, **environment):
        """Run the script in the folder; gives the finished process."""
        path = path or f"{self.tools}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", str(SCRIPT), *arguments],
            cwd=self.folder, env={"PATH": path, **environment}, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def written(self, text, *arguments):
        """Give what the scope holds after a run that must succeed."""
        self.write(text)
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return self.state["scopes"][DEFAULT]


def shows(desk, done, secret):
    """Tell where a secret shows: argv, environment, the script's own output."""
    places = {"output": done.stdout + done.stderr}
    for call in desk.calls:
        places["argv"] = places.get("argv", "") + "\0".join(call["argv"])
        places["environment"] = places.get("environment", "") + "\0".join(call["environment"].values())
    return [place for place, text in places.items() if secret in text]
