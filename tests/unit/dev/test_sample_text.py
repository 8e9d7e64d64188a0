"""The numbering of maintenance reasons: every index its own sentence."""

import math

import pytest

from dev import sample_text
from dev.sample_text import CAPACITY, FAMILIES, OCCASIONS, coprime_step, number_of, reason


def read_back(text: str) -> tuple[int, int, int, int]:
    """Positions of head, finding, occasion and hours in a reason, found by its joining phrases alone."""
    head, rest = text.split(sample_text.FINDING_JOIN)
    finding, rest = rest.split(sample_text.OCCASION_JOIN)
    occasion, rest = rest.split(sample_text.HOURS_JOIN)
    head_position = sample_text.HEADS.index(head)
    family = FAMILIES[head_position // (sample_text.PARTS * sample_text.FAULTS)]
    hours = int(rest.removesuffix(sample_text.END))
    return head_position, family.findings.index(finding), OCCASIONS.index(occasion), hours


def test_there_are_more_than_ten_million_reasons():
    """The words make at least ten million different sentences."""
    assert CAPACITY >= 10_000_000


def test_numbering_is_a_bijection():
    """The step shares no divisor with the capacity, so no two indexes have the same number."""
    step = (number_of(1, 0) - number_of(0, 0)) % CAPACITY
    assert math.gcd(step, CAPACITY) == 1


def test_no_two_beginnings_are_equal():
    """A part and a fault of one family never read like those of another."""
    assert len(set(sample_text.HEADS)) == len(sample_text.HEADS)


def test_every_family_has_the_same_number_of_words_and_repeats_none():
    """The digits of a number mean the same in every family."""
    for family in FAMILIES:
        for words, size in (
            (family.parts, sample_text.PARTS),
            (family.faults, sample_text.FAULTS),
            (family.findings, sample_text.FINDINGS),
        ):
            assert len(set(words)) == len(words) == size
    assert len(set(OCCASIONS)) == len(OCCASIONS)


def test_no_word_holds_a_joining_phrase_or_a_quote():
    """A sentence is cut in one way only, and the words need no escaping in SQL."""
    joins = (
        sample_text.FINDING_JOIN,
        sample_text.OCCASION_JOIN,
        sample_text.HOURS_JOIN,
        sample_text.END,
        "'",
    )
    for word in (*sample_text.HEADS, *sample_text.TAILS, *OCCASIONS):
        assert not any(join in f" {word} " for join in joins)


@pytest.mark.parametrize("seed", [0, 7, 123_456_789])
def test_a_reason_reads_back_into_its_number(seed):
    """Sentence and number determine each other, from the first index to the last."""
    indexes = [*range(2_000), *range(0, CAPACITY, 10_007), CAPACITY - 1]
    for index in indexes:
        head, finding, occasion, hours = read_back(reason(index, seed))
        number = ((head * sample_text.FINDINGS + finding) * len(OCCASIONS) + occasion) * sample_text.HOURS
        assert number + hours - 1 == number_of(index, seed)


def test_a_million_indexes_give_a_million_reasons():
    """Different indexes give different sentences."""
    assert len({reason(index) for index in range(1_000_000)}) == 1_000_000


def test_reasons_are_deterministic():
    """The same index and seed give the same sentence on every machine and in every version."""
    assert reason(0) == (
        "Oil scavenge line spalled; smoke seen in the bleed air during borescope inspection,"
        " last inspected 10 flight hours ago"
    )


def test_the_seed_changes_the_reasons():
    """Another seed starts elsewhere in the list of sentences."""
    assert {reason(index, 7) for index in range(400)}.isdisjoint(reason(index, 8) for index in range(400))


def test_a_few_hundred_reasons_use_every_family_and_occasion():
    """A small table already speaks of every component type and every occasion."""
    texts = [read_back(reason(index)) for index in range(400)]
    assert {head // (sample_text.PARTS * sample_text.FAULTS) for head, *_ in texts} == set(range(len(FAMILIES)))
    assert {occasion for _, _, occasion, _ in texts} == set(range(len(OCCASIONS)))


@pytest.mark.parametrize("index", [-1, CAPACITY])
def test_an_index_outside_the_list_is_refused(index):
    """An index below 0 or past the last sentence is an error, never a repeated sentence."""
    with pytest.raises(ValueError, match="a reason's index is 0 to"):
        reason(index)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 10, 97, 400, 20_000, 500_000, 999_983])
def test_a_coprime_step_visits_every_place_once(size):
    """Steps of that length around a ring come by every place."""
    step = coprime_step(size)
    assert len({place * step % size for place in range(size)}) == size
