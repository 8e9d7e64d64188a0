"""The equations: each holds on its own, and says by how much it does not."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import BalanceError
from delta_neo4j.state.account import OUTCOMES, Account


def _balanced():
    account = Account(rows_read=5)
    account.outcomes.update(written=3, unchanged=1, dead_lettered=1)
    account.edges("T").update(expected=4, written=3, skipped=1)
    account.embedding.update(texts=3, cache_hits=1, texts_embedded=1, texts_faulted=1)
    return account


def test_a_balanced_account_passes():
    """Rows, edges and texts add up."""
    _balanced().check("batch")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.outcomes.update(written=2), "5 rows read against 4 outcomes (+1)"),
        (lambda a: a.edges("T").update(written=4), "4 T relationships expected against 5 outcomes (-1)"),
        (lambda a: a.embedding.update(texts=4), "4 distinct texts against 3"),
    ],
)
def test_each_equation_is_checked_and_named(change, words):
    """The line says which sum differs and by how much."""
    account = _balanced()
    change(account)
    with pytest.raises(BalanceError) as caught:
        account.check("batch")
    assert words in str(caught.value)


def test_rows_without_an_end_are_an_outcome_that_older_accounts_lack():
    """They count in the sum of outcomes; a ledger row of an older version adds nothing to them."""
    older = Account(rows_read=1, outcomes={"written": 1})
    total = Account(rows_read=2, outcomes={**dict.fromkeys(OUTCOMES, 0), "without_end": 2})
    assert total.makes_nothing
    total.add(older)
    total.check("run")
    assert (total.outcomes["without_end"], total.makes_nothing) == (2, False)
    assert not Account().makes_nothing


def test_accounts_add_up_term_by_term():
    """Two micro-batches together balance as each does; an unknown truncation stays unknown."""
    total = _balanced()
    other = _balanced()
    other.truncated = None
    total.add(other)
    total.check("run")
    assert total.rows_read == 10
    assert total.edges("T")["written"] == 6
    assert total.truncated is None
