"""A loader's error keeps its kind and its sentence across processes."""

from __future__ import annotations

import pytest

from delta_neo4j import config
from delta_neo4j.cli import main
from delta_neo4j.errors import BalanceError, FarSideError, LoaderError, recovered, travelling


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


def test_every_kind_has_a_documented_exit_code():
    """0 is success; no error has it."""

    def kinds(kind):
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    assert {kind.exit_code for kind in kinds(LoaderError)} <= {1, 2, 3, 4, 5, 6, 7, 8}


def test_what_nobody_foresaw_is_one_line_too(monkeypatch, capsys):
    """Exit code 1, the error's kind and words, and the way to its trace."""

    def failing(*_, **__):
        raise ZeroDivisionError("so it goes")

    monkeypatch.setattr(config, "collect", failing)
    with pytest.raises(SystemExit) as ended:
        main(["search", "oil"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "delta-neo4j: unexpected: ZeroDivisionError: so it goes; --debug shows the trace\n"
    )
