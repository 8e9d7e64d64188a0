"""Unity Catalog's refusals: one line a missing grant, with the statement that gives it. The texts are public ones."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyspark.errors import AnalysisException, PySparkException

from delta_neo4j.cli.state import looked_at
from delta_neo4j.errors import PreflightError
from delta_neo4j.runs import error_translation
from delta_neo4j.runs.maintain import maintain
from delta_neo4j.source import grants
from delta_neo4j.source.grants import Grant
from tests.support.places import ROOT

SALES = "main.sales.removals"
REFUSALS = [
    (
        f"[INSUFFICIENT_PERMISSIONS] Insufficient privileges:\nUser does not have SELECT on Table '{SALES}'.",
        f"no SELECT on table {SALES}: GRANT SELECT ON TABLE `main`.`sales`.`removals` TO `PRINCIPAL`",
    ),
    (
        "acl.UnauthorizedAccessException: PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.sales'.",
        "no USE SCHEMA on schema main.sales: GRANT USE SCHEMA ON SCHEMA `main`.`sales` TO `PRINCIPAL`",
    ),
    (
        "PERMISSION_DENIED: User does not have USE CATALOG on Catalog 'my-cat'.",
        "no USE CATALOG on catalog my-cat: GRANT USE CATALOG ON CATALOG `my-cat` TO `PRINCIPAL`",
    ),
    (
        "PERMISSION_DENIED: User does not have CREATE TABLE on Schema 'main.state'.",
        "no CREATE TABLE on schema main.state: GRANT CREATE TABLE ON SCHEMA `main`.`state` TO `PRINCIPAL`",
    ),
    (
        "PERMISSION_DENIED: User does not have READ VOLUME on Volume main.state.ckpt.",
        "no READ VOLUME on volume main.state.ckpt: GRANT READ VOLUME ON VOLUME `main`.`state`.`ckpt` TO `PRINCIPAL`",
    ),
]


class Session:
    """A session that says who it is and refuses queries by pattern."""

    def __init__(self, refuse=None, describe=()):
        self.refuse, self.describe, self.asked = refuse or {}, describe, []

    def sql(self, query):
        """Raise what a pattern says, or give rows."""
        self.asked.append(query)
        for pattern, error in self.refuse.items():
            if re.search(pattern, query):
                raise error
        rows = [("me@x.y",)] if "current_user" in query else [(name, "", "") for name in self.describe]
        return SimpleNamespace(collect=lambda: rows)


@pytest.mark.parametrize(("text", "line"), REFUSALS)
def test_a_refusal_is_one_line_with_its_statement(text, line):
    """Privilege, object and statement, from each of the catalog's wordings."""
    assert grants.lines(grants.refused(text)) == line


@pytest.mark.parametrize(("text", "line"), REFUSALS)
def test_a_refusal_in_the_middle_of_a_run_is_the_same_line(text, line):
    """Wherever Spark raises it, the user reads what is missing, not a trace."""
    told = error_translation.as_loader_error(PySparkException(text))
    assert isinstance(told, PreflightError)
    assert str(told) == line


def test_what_is_no_refusal_stays_what_it_is():
    """A missing table is not a missing grant."""
    assert grants.refused("[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found") is None


def test_a_refusal_that_names_nothing_gives_all_that_is_wanted():
    """Where the catalog does not say which privilege, every one of the object is listed."""
    wanted = grants.needed((SALES,), "", "")
    assert grants.refused("[INSUFFICIENT_PERMISSIONS] SQLSTATE: 42501", wanted) == wanted


def test_a_run_needs_these_grants_and_no_other():
    """Containers first, each grant once; paths and the local catalog need none."""
    assert grants.needed([SALES, "spark_catalog.default.t", "/data/t"], "main.state", "/Volumes/main/state/ckpt/x") == (
        Grant("USE CATALOG", "CATALOG", "main"),
        Grant("USE SCHEMA", "SCHEMA", "main.sales"),
        Grant("SELECT", "TABLE", SALES),
        Grant("USE SCHEMA", "SCHEMA", "main.state"),
        Grant("CREATE TABLE", "SCHEMA", "main.state"),
        Grant("SELECT", "SCHEMA", "main.state"),
        Grant("MODIFY", "SCHEMA", "main.state"),
        Grant("READ VOLUME", "VOLUME", "main.state.ckpt"),
        Grant("WRITE VOLUME", "VOLUME", "main.state.ckpt"),
    )
    assert grants.needed(["/data/t", "t"], ".delta-neo4j", "/checkpoints") == ()


def test_every_missing_grant_is_told_at_once():
    """Two tables and the state's schema refuse: three lines, made out to the principal of the session."""
    session = Session(
        {
            "sales": AnalysisException(REFUSALS[0][0]),
            "parts": AnalysisException("PERMISSION_DENIED: User does not have SELECT on Table 'main.x.parts'."),
            "SHOW TABLES": PySparkException("PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.state'."),
        }
    )
    with pytest.raises(PreflightError) as refused:
        grants.check_readable(session, [SALES, "main.x.parts", "/a/path"], "main.state")
    assert str(refused.value).splitlines() == [
        "no SELECT on table main.sales.removals: GRANT SELECT ON TABLE `main`.`sales`.`removals` TO `me@x.y`",
        "no SELECT on table main.x.parts: GRANT SELECT ON TABLE `main`.`x`.`parts` TO `me@x.y`",
        "no USE SCHEMA on schema main.state: GRANT USE SCHEMA ON SCHEMA `main`.`state` TO `me@x.y`",
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ("[SCHEMA_NOT_FOUND] The schema `c`.`s` cannot be found.", "schema `c`.`s` does not exist, .* CREATE SCHEMA"),
        ("[REQUIRES_SINGLE_PART_NAMESPACE] only one part", "schema c.s cannot be read: .REQUIRES_SINGLE_PART_NAMESP"),
    ],
)
def test_a_state_whose_schema_cannot_be_read_is_named(told, line, monkeypatch):
    """Every command that reads the state names the setting, and what else it could be."""
    session = Session({"^SHOW TABLES": AnalysisException(told)})
    monkeypatch.setattr("delta_neo4j.cli.session.spark_session", lambda: session)
    for read in (
        lambda: grants.check_readable(session, [], "c.s"),
        lambda: looked_at("c.s", lambda reader: reader.rows("SELECT 1")),
        lambda: list(maintain(session, "c.s")),
    ):
        with pytest.raises(PreflightError, match=f"^STATE_LOCATION: {line}.*; or name another catalog.schema"):
            read()


def test_paths_and_local_names_cost_no_query():
    """Where there is no Unity Catalog nothing is asked."""
    session = Session()
    grants.check_readable(session, ["/a/path", "t", "db.t", "spark_catalog.db.t"], "/s/.delta-neo4j")
    assert grants.restricted(session, "spark_catalog.db.t") is None
    grants.check_volumes(session, ("/tmp/x", ".delta-neo4j", "catalog.schema"))  # noqa: S108
    assert session.asked == []


def test_a_volume_that_may_not_be_written_is_told(tmp_path, monkeypatch):
    """Both privileges of a Volume are listed where the file system only says that it is refused."""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PreflightError) as refused:
        grants.check_volumes(Session(), ["/Volumes/main/state/ckpt/a", "/Volumes/main/state/ckpt/b"], str(tmp_path))
    assert str(refused.value).splitlines() == [
        f"no {verb} VOLUME on volume main.state.ckpt: GRANT {verb} VOLUME ON VOLUME `main`.`state`.`ckpt` TO `me@x.y`"
        for verb in ("READ", "WRITE")
    ]


def test_a_volume_that_is_not_there_is_told(tmp_path):
    """The statement that makes it comes first, then the grants without which it is not seen."""
    with pytest.raises(PreflightError, match=r"CREATE VOLUME IF NOT EXISTS `main`.`state`.`ckpt`\n.*USE CATALOG"):
        grants.check_volumes(Session(), ["/Volumes/main/state/ckpt/removals"], str(tmp_path))


def test_a_volume_is_tried_and_left_as_it_was(tmp_path):
    """The probe file is gone again; a machine without Volumes is not asked."""
    volume = tmp_path / "main" / "state" / "ckpt"
    volume.mkdir(parents=True)
    grants.check_volumes(Session(), ["/Volumes/main/state/ckpt/removals"], str(tmp_path))
    assert list(volume.iterdir()) == []
    grants.check_volumes(Session(), ["/Volumes/main/state/ckpt/removals"], str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        (["id", "# Row Filter", "Function"], "row filter"),
        (["# Column Masks", "# Row Filter"], "row filter and column mask"),
        (["row_filtered_at", "# Detailed Table Information"], None),
    ],
)
def test_a_filter_or_mask_of_a_table_is_seen(heads, said):
    """Told by the sections of the description; a column with a like name is none."""
    assert grants.restricted(Session(describe=heads), SALES) == said


def test_the_page_of_grants_lists_every_privilege():
    """`docs/grants.md` has a statement for each privilege that a run may need."""
    page = (ROOT / "docs" / "grants.md").read_text()
    for grant in grants.needed([SALES], "main.state", "/Volumes/main/state/ckpt"):
        assert re.search(rf"^GRANT .*{grant.privilege}.* ON {grant.kind} ", page, re.MULTILINE), grant
