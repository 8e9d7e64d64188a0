"""The local stack for real: `python -m dev` in a folder of its own, with real processes on free ports."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import psutil
import pytest
import requests
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from dev.neo4j_install import DEFAULT_VERSION, install
from dev.neo4j_server import Neo4jServer
from dev.processes import ServerProcess, StackError, free_port, has_ended
from tests.support.places import ROOT

LIB = ROOT / ".local" / "neo4j" / "lib"


class Repository:
    """A folder with the project's files and a stack of its own."""

    def __init__(self, root):
        self.root = root
        self.ports = {"NEO4J_BOLT_PORT": str(free_port()), "MODEL_PORT": str(free_port())}
        for name in ("dev", "delta_neo4j", "model_setup.py", "pyproject.toml"):
            (root / name).symlink_to(ROOT / name)
        # The jars are the same for everybody; fetching them is another test's business.
        install(DEFAULT_VERSION, LIB)
        (root / ".local" / "neo4j").mkdir(parents=True)
        (root / ".local" / "neo4j" / "lib").symlink_to(LIB)

    def dev(self, command, **environment):
        """Run `python -m dev COMMAND` as a person would and give what it did."""
        return subprocess.run(
            [sys.executable, "-m", "dev", command],
            cwd=self.root,
            env={**os.environ, **self.ports, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def neo4j(self, password):
        """Give the stack's Neo4j, with a password that may be its own."""
        return Neo4jServer(
            home=self.root / ".local" / "neo4j" / "5.26",
            version=DEFAULT_VERSION,
            password=password,
            bolt_port=int(self.ports["NEO4J_BOLT_PORT"]),
            lib_root=LIB,
        )

    @property
    def services(self):
        """What `.local/services.env` says."""
        lines = (self.root / ".local" / "services.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def pids(self):
        """The processes that the records name."""
        records = (self.root / ".local").rglob("process.json")
        return {json.loads(record.read_text())["pid"] for record in records}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Bring up the stack of a repository of its own."""
    repository = Repository(tmp_path_factory.mktemp("repository"))
    done = repository.dev("up")
    try:
        assert done.returncode == 0, done.stderr
        yield repository
    finally:
        repository.dev("down")


@pytest.fixture
def server(tmp_path):
    """Give a Neo4j of the LTS line, not started; stop what the test leaves running."""
    server = Neo4jServer(
        home=tmp_path / "neo4j",
        version=DEFAULT_VERSION,
        password="open-sesame-1",
        bolt_port=free_port(),
        lib_root=LIB,
        heap="512m",
        pagecache="64m",
    )
    yield server
    server.stop()


def _value(uri, password, statement):
    with GraphDatabase.driver(uri, auth=("neo4j", password)) as driver:
        return driver.execute_query(statement, database_="neo4j").records[0][0]


def test_a_server_answers_to_its_password_only(repository):
    """It has the version that was asked for, and its command line does not have the password."""
    server = repository.neo4j(repository.services["NEO4J_PASSWORD"])
    assert _value(server.uri, server.password, "CALL dbms.components() YIELD versions RETURN versions[0]") == (
        server.version
    )
    for wrong in ("neo4j", "another-password"):
        with pytest.raises(AuthError):
            _value(server.uri, wrong, "RETURN 1")
    assert server.password not in " ".join(psutil.Process(server._process.pid).cmdline())


@pytest.mark.deep
def test_a_server_keeps_its_data_when_killed(repository):
    """It starts again by itself, with what was committed."""
    server = repository.neo4j(repository.services["NEO4J_PASSWORD"])
    assert _value(server.uri, server.password, "CREATE (n:Kept) RETURN 1") == 1
    server.kill()
    assert not server.running
    server.start()
    server.wait_ready()
    assert _value(server.uri, server.password, "MATCH (n:Kept) RETURN count(n)") == 1


def test_a_server_that_dies_while_starting_is_noticed_at_once(server):
    """A server that ends instead of answering raises with its last words, long before the time is up."""
    server.pagecache = "nonsense"
    server.start()
    with pytest.raises(StackError, match=r"ended while starting, its last words in .* are: .*nonsense"):
        server.wait_ready(timeout=60)


def test_a_taken_port_is_one_clear_line(server, repository):
    """A port that another program listens on is refused before anything is started."""
    server.bolt_port = int(repository.ports["MODEL_PORT"])
    with pytest.raises(StackError, match=f"port {server.bolt_port}, which Neo4j shall listen on, is taken"):
        server.start()
    assert not server.running


def test_a_killed_installation_leaves_nothing_half(tmp_path):
    """An installation killed in the middle leaves no folder of jars, and the next one starts anew."""
    bin_folder, lib = tmp_path / "bin", tmp_path / "lib"
    bin_folder.mkdir()
    # A stand-in for Maven: it makes half of the jars, says so, and hangs until it is asked to finish.
    maven = bin_folder / "mvn"
    maven.write_text(
        '#!/bin/sh\nfor option; do case "$option" in -DoutputDirectory=*) out="${option#*=}";; esac; done\n'
        f'mkdir -p "$out" && touch "$out/half.jar" && touch {tmp_path}/half-way\n'
        f'[ -e {tmp_path}/go ] || exec tail -f /dev/null\ntouch "$out/neo4j-5.26.0.jar"\n'
    )
    maven.chmod(0o755)
    program = f"from pathlib import Path; from dev.neo4j_install import install; install('5.26.0', Path({str(lib)!r}))"
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", program]
    first = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    while not (tmp_path / "half-way").exists():
        assert first.poll() is None
    os.killpg(first.pid, 9)
    first.wait()
    assert not (lib / "5.26.0").exists()
    (tmp_path / "go").touch()
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert {jar.name for jar in (lib / "5.26.0").iterdir()} == {"half.jar", "neo4j-5.26.0.jar"}
    assert not list(lib.glob(".part-*"))


def test_a_pid_given_to_another_program_is_left_alone(tmp_path):
    """A record whose process id belongs to another program by now is not taken for ours, nor stopped."""
    (tmp_path / "process.json").write_text(json.dumps({"pid": os.getpid(), "marker": "--home-dir=/long/gone"}))
    process = ServerProcess(tmp_path)
    assert not process.running
    process.kill()  # would end this test run
    assert not (tmp_path / "process.json").exists()


def test_up_writes_services_that_work(repository):
    """The file that `up` writes is private and leads to a Neo4j and to an endpoint that answer."""
    services = repository.services
    assert stat.S_IMODE((repository.root / ".local" / "services.env").stat().st_mode) == 0o600
    assert _value(services["NEO4J_URI"], services["NEO4J_PASSWORD"], "RETURN 1") == 1
    assert (services["NEO4J_USERNAME"], services["NEO4J_DATABASE"]) == ("neo4j", "neo4j")
    assert services["EMBEDDER"] == "rest"
    answer = requests.post(services["EMBEDDING_URL"], json={"inputs": ["oil leak"]}, timeout=30)
    assert len(answer.json()["predictions"][0]) == 384


def test_a_password_that_is_not_the_datas_is_one_clear_line(repository):
    """Whoever holds another password than the data was made with is told so at once, and what to do."""
    with pytest.raises(StackError, match="refuses the password kept for it: put back the one"):
        repository.neo4j("not-the-one-of-before").wait_ready()


def test_up_again_changes_nothing(repository):
    """A second `up` keeps processes, password and ports, also when they are not repeated."""
    before = repository.pids, repository.services
    again = subprocess.run([sys.executable, "-m", "dev", "up"], cwd=repository.root, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert (repository.pids, repository.services) == before


def test_another_version_meanwhile_is_one_clear_line(repository):
    """Asking for another Neo4j while one is up is refused with the way on, and the one stays."""
    done = repository.dev("up", NEO4J_VERSION="2026")
    assert done.returncode == 2
    assert f"Neo4j {DEFAULT_VERSION} on port" in done.stderr
    assert "run `python -m dev down` first" in done.stderr
    assert done.stderr.count("\n") == 1


def test_status_says_what_runs(repository):
    """`status` names both services with version and port, and succeeds while both are up."""
    done = repository.dev("status")
    assert done.returncode == 0
    assert f"Neo4j {DEFAULT_VERSION}" in done.stdout
    assert f"127.0.0.1:{repository.ports['NEO4J_BOLT_PORT']}" in done.stdout
    assert f"127.0.0.1:{repository.ports['MODEL_PORT']}" in done.stdout


def test_services_of_the_caller_are_used_and_nothing_is_started(repository, tmp_path):
    """With NEO4J_URI and EMBEDDING_URL set, `up` starts nothing, writes them down, and copies no password."""
    for name in ("dev", "delta_neo4j", "model_setup.py", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    theirs = {name: repository.services[name] for name in ("NEO4J_URI", "NEO4J_PASSWORD", "EMBEDDING_URL")}
    other = Repository.__new__(Repository)
    other.root, other.ports = tmp_path, {}
    assert other.dev("up", **theirs).returncode == 0
    assert other.pids == set()
    assert other.services == {
        "NEO4J_URI": theirs["NEO4J_URI"],
        "EMBEDDER": "rest",
        "EMBEDDING_URL": theirs["EMBEDDING_URL"],
    }
    assert other.dev("status", **theirs).returncode == 0
    assert other.dev("status", **theirs | {"EMBEDDING_URL": "http://127.0.0.1:1/x"}).returncode == 1


def test_outside_the_project_it_refuses(repository, tmp_path):
    """In a folder without pyproject.toml every command is refused in one line."""
    done = subprocess.run(
        [sys.executable, "-m", "dev", "status"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "change to the one that holds pyproject.toml" in done.stderr


def test_down_ends_every_process(repository):
    """`down` in another process ends both services and their workers, and `status` then fails."""
    family = [psutil.Process(pid) for pid in repository.pids]
    family += [child for process in family for child in process.children(recursive=True)]
    assert len(family) >= 3  # Neo4j, MLflow, and the server MLflow starts
    assert repository.dev("down").returncode == 0
    assert all(has_ended(process) for process in family)
    assert repository.dev("status").returncode == 1
