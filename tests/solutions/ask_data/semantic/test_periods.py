"""Words of time, read as days."""

from datetime import date

import pytest

from stoa.solutions.ask_data.semantic.periods import period_at
from stoa.solutions.ask_data.semantic.tokens import tokenise

_TODAY = date(2024, 3, 31)  # a Sunday, and the last day of a long month


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2012", "2012-01-01", "2013-01-01"),
        ("the year 2012", "2012-01-01", "2013-01-01"),
        ("March 2020", "2020-03-01", "2020-04-01"),
        ("Dec 2020", "2020-12-01", "2021-01-01"),
        ("March 5, 2020", "2020-03-05", "2020-03-06"),
        ("5 March 2020", "2020-03-05", "2020-03-06"),
        ("the 5th of March 2020", "2020-03-05", "2020-03-06"),
        ("2020-02-29", "2020-02-29", "2020-03-01"),
        ("Q4 2023", "2023-10-01", "2024-01-01"),
        ("the first quarter of 2023", "2023-01-01", "2023-04-01"),
        ("last 30 days", "2024-03-01", "2024-04-01"),
        ("past month", "2024-02-29", "2024-04-01"),
        ("last month", "2024-02-01", "2024-03-01"),
        ("this week", "2024-03-25", "2024-04-01"),
        ("last quarter", "2023-10-01", "2024-01-01"),
        ("last two years", "2022-03-31", "2024-04-01"),
        ("next week", "2024-04-01", "2024-04-08"),
        ("yesterday", "2024-03-30", "2024-03-31"),
        ("the 1990s", "1990-01-01", "2000-01-01"),
    ],
)
def test_words_of_time(text: str, start: str, end: str) -> None:
    tokens = tokenise(text)
    found = period_at(tokens, 0, _TODAY)
    assert found is not None
    period, after = found
    assert (str(period.start), str(period.end)) == (start, end)
    assert after == len(tokens)


@pytest.mark.parametrize(
    "text", ["2020-02-30", "February 30, 2020", "12", "last name", "march", "99999"]
)
def test_what_is_no_time(text: str) -> None:
    assert period_at(tokenise(text), 0, _TODAY) is None
