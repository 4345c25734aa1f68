"""The English answer against its rows: what people write is found, what the rows don't hold is not."""

from typing import Any

import pytest

from stoa.solutions.ask_data.checking import evidence_of, unfounded

QUESTION = "Which five artists sold the most tracks in 2012?"
COLUMNS = ["artist", "tracks_sold", "revenue", "share", "first_sale"]
ROWS: list[list[Any]] = [
    ["Iron Maiden", 19, 1234.5678, 0.1234, "2012-01-03"],
    ["U2", 15, 1200000, 0.25, "2012-05-21 00:00:00"],
    ["Area 51", 12, -40.25, 0.5, None],
]

HELD = [
    "Iron Maiden sold the most tracks in 2012: 19.",
    "Iron Maiden sold nineteen tracks, U2 fifteen and Area 51 twelve.",
    "The revenue of Iron Maiden was $1,234.57.",
    "The revenue was 1,234.6, or about 1,230.",
    "Iron Maiden made 1,235.",
    "U2 made 1.2 million, a share of 25 %.",
    "Iron Maiden has 12.3% of it.",
    "U2 has 25 percent.",
    "Area 51 lost 40.25.",
    "The first sale was on 3 January 2012.",
    "U2 began on May 21, 2012, that is 2012-05-21.",
    "It began in January 2012.",
    "There are three artists among them; one of them is U2.",
    "1. Iron Maiden (19)\n2. U2 (15)\n3. Area 51 (12)",
    "The top 5 artists are led by Iron Maiden.",
    "These are the artists with the most tracks sold.",
]
NOT_HELD = [
    ("Iron Maiden sold 20 tracks.", "20"),
    ("Iron Maiden sold twenty tracks.", "twenty"),
    ("Iron Maiden sold 15 tracks.", "15"),
    ("Iron Maiden sold 19 tracks, U2 12 and Area 51 15.", "12"),
    ("Metallica sold 19 tracks.", "Metallica"),
    ("The winner, Iron Butterfly, sold 19.", "Butterfly"),
    ("Revenue was 1,234.5.", "1,234.5"),
    ("Revenue was 1.3 million.", "1.3 million"),
    ("U2 has 26 %.", "26 %"),
    ("The first sale was on 4 January 2012.", "4 January 2012"),
    ("It was 2012-01-04.", "2012-01-04"),
    ("Together they sold 46 tracks.", "46"),
    ("It began in March 2012.", "March 2012"),
    ("It began in 2013.", "2013"),
    ("Send the report to Mallory.", "Mallory"),
]


@pytest.mark.parametrize("text", HELD)
def test_what_the_rows_say_may_be_said(text: str) -> None:
    assert unfounded(text, evidence_of(QUESTION, COLUMNS, ROWS, 3)) == []


@pytest.mark.parametrize(("text", "wrong"), NOT_HELD)
def test_what_the_rows_do_not_say_is_found_out(text: str, wrong: str) -> None:
    assert wrong in unfounded(text, evidence_of(QUESTION, COLUMNS, ROWS, 3))


def test_with_no_rows_nothing_may_be_said_but_that() -> None:
    evidence = evidence_of(QUESTION, ["artist"], [], 0)
    assert unfounded("No records match the question.", evidence) == []
    assert unfounded("Queen sold 4 tracks.", evidence) == ["4", "Queen"]


def test_ten_thousand_rows_are_looked_through_quickly_enough() -> None:
    rows: list[list[Any]] = [[f"customer {n}", n * 1.5] for n in range(10_000)]
    evidence = evidence_of("Revenue by customer?", ["customer", "revenue"], rows, 10_000)
    assert unfounded("There are 10,000 customers; customer 12 made 18.", evidence) == []
