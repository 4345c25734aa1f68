"""Intervals, tests and agreement against values worked out elsewhere, and their properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.core.evaluation.similarity import similarity
from stoa.core.evaluation.statistics import bootstrap_difference, kappa, mcnemar, wilson


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_of_known_shares(successes: int, total: int, low: float, high: float) -> None:
    assert wilson(successes, total) == pytest.approx((low, high), abs=2e-4)


def test_nothing_tried_tells_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500), st.integers(0, 500))
def test_wilson_holds_the_share(total: int, successes: int) -> None:
    successes = min(successes, total)
    low, high = wilson(successes, total)
    assert 0 <= low <= successes / total + 1e-12
    assert successes / total - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 0.0625),
        (10, 0, 0.001953),
        (1, 9, 0.021484),
        (3, 12, 0.035156),
    ],
)
def test_mcnemar_is_the_binomial_test(one: int, other: int, p: float) -> None:
    assert mcnemar(one, other) == pytest.approx(p, abs=1e-6)
    assert mcnemar(other, one) == mcnemar(one, other)


def test_mcnemar_of_many_cases_is_no_overflow() -> None:
    assert 0 <= mcnemar(3000, 5000) < 1e-6


def test_the_bootstrap_sees_a_difference_and_its_absence() -> None:
    better, worse = [1.0] * 80 + [0.0] * 20, [1.0] * 50 + [0.0] * 50
    low, high = bootstrap_difference(better, worse)
    assert 0.15 < low < 0.3 < high < 0.45
    assert bootstrap_difference(better, better) == (0.0, 0.0)
    assert bootstrap_difference(better, worse) == (low, high)
    assert bootstrap_difference([], []) == (0.0, 0.0)


def test_kappa() -> None:
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert kappa(first, second) == pytest.approx(0.4)
    assert kappa(first, first) == 1.0
    assert kappa(["yes", "no"], ["no", "yes"]) == -1.0
    assert kappa(["yes"], ["yes"]) == 1.0
    assert kappa([], []) == 0.0


@given(st.text(max_size=80), st.text(max_size=80))
def test_similarity_is_a_share_and_even(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) <= 1 + 1e-9
    assert similarity(one, other) == pytest.approx(similarity(other, one))


def test_similarity_of_words() -> None:
    assert similarity("The parcel was delivered.", "the PARCEL was delivered") == pytest.approx(1)
    near = similarity("The delivery was late", "delivered too late")
    assert 0.1 < near < 0.9
    assert similarity("kettle", "parcel") == 0
    assert similarity("", "parcel") == 0
