"""A loader's error keeps its kind and its sentence across processes."""

from __future__ import annotations

import re

import pytest

from delta_neo4j.cli.console import main
from delta_neo4j.errors import BalanceError, FarSideError, LoaderError, first_line, recovered, travelling
from delta_neo4j.settings import collect
from tests.support.places import ROOT


def test_an_error_survives_as_text():
    """What a foreign exception quotes is read back as the same kind with the same sentence."""
    with pytest.raises(FarSideError) as caught, travelling():
        raise BalanceError('3 rows read against 2 outcomes (+1)\nsecond line "quoted" <<>>')
    told = recovered(f"[STREAM_FAILED] Query … PythonException: {caught.value} at java.lang…")
    assert type(told) is BalanceError
    assert str(told) == '3 rows read against 2 outcomes (+1)\nsecond line "quoted" <<>>'
    assert told.exit_code == 4


def test_foreign_errors_are_let_through():
    """Only the loader's own errors are wrapped, and only their text is recognised."""
    with pytest.raises(ValueError, match="x"), travelling():
        raise ValueError("x")
    assert recovered("some other failure") is None


def test_a_message_quotes_the_first_line_of_an_error():
    """Blank lines before it are skipped, a long line is cut where asked, and an empty text is named."""
    error = ValueError("\n  a long cause\n  at java.lang…")
    assert (first_line(error), first_line(error, 6), first_line(ValueError())) == (
        "a long cause",
        "a long",
        "no message",
    )


def test_the_documented_exit_codes_are_those_of_the_errors():
    """docs/loading.md has 0 for success and the code of every error class, and no other."""

    def classes(kind):
        yield kind
        for below in kind.__subclasses__():
            yield from classes(below)

    page = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8")
    section = page.partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    documented = [int(code) for code in re.findall(r"(?:^|[·|])\s*`?(\d+)`? ", section, re.MULTILINE)]
    assert documented == sorted({0, *(kind.exit_code for kind in classes(LoaderError))})


def test_what_nobody_foresaw_is_one_line_too(monkeypatch, capsys):
    """Exit code 1, the error's kind and words, and the way to its trace."""

    def failing(*_, **__):
        raise ZeroDivisionError("so it goes")

    monkeypatch.setattr(collect, "collect", failing)
    with pytest.raises(SystemExit) as ended:
        main(["search", "oil"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "delta-neo4j: unexpected: ZeroDivisionError: so it goes; --debug shows the trace\n"
    )
