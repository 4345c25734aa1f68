"""How much of other people's questions it answers, and how many of its answers are right.

Run this file as a module for the numbers per database:
`python -m tests.solutions.ask_data.semantic.test_development_data`.
Chinook, broker, restaurants and academic were looked at while the parser was written; the questions over
ewallet were never read.
"""

import csv
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from stoa.solutions.ask_data.semantic.parse import NotUnderstood, Understood, parse
from tests.solutions.ask_data.semantic.databases import DATA, open_duckdb, open_sqlite, right
from tests.solutions.ask_data.semantic.questions import CHINOOK, pairs

_FILES = ("questions_gen", "instruct_basic", "instruct_advanced")

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="no development data beside this checkout"
)


class Score(NamedTuple):
    """Questions asked, answered, and answered right."""

    asked: int
    answered: int
    right: int


def _questions(file: str, database: str) -> Iterator[dict[str, str]]:
    with (DATA / "questions" / f"{file}.csv").open(newline="") as lines:
        yield from (row for row in csv.DictReader(lines) if row["db_name"] == database)


def score(database: str) -> Score:
    """The score over one database; gold queries run in DuckDB, as PostgreSQL's do."""
    catalogue, run = open_duckdb((DATA / "sql" / f"{database}.sql").read_text())
    asked = answered = good = 0
    for file in _FILES:
        for row in _questions(f"{file}_postgres", database):
            asked += 1
            found = parse(row["question"], catalogue)
            if isinstance(found, Understood):
                answered += 1
                good += right([row["query"]], found.sql, run, "duckdb")
    return Score(asked, answered, good)


@pytest.mark.parametrize(
    ("database", "coverage"),
    [("restaurants", 0.88), ("broker", 0.54), ("academic", 0.72), ("ewallet", 0.15)],
)
def test_nineteen_of_twenty_answers_are_right(database: str, coverage: float) -> None:
    pytest.importorskip("duckdb")
    found = score(database)
    assert found.right >= 0.95 * found.answered or found.answered - found.right <= 1
    assert found.answered >= coverage * found.asked


def chinook() -> Score:
    """The score over our own questions about Chinook; silence counts as right where it is wanted."""
    catalogue, run = open_sqlite(DATA / "Chinook_Sqlite.sqlite")
    asked = answered = good = 0
    for question, gold in pairs(CHINOOK):
        asked += 1
        found = parse(question, catalogue)
        if isinstance(found, Understood):
            answered += 1
            good += bool(gold) and right([gold], found.sql, run, "sqlite")
    return Score(asked, answered, good)


def test_chinook_is_answered_rightly() -> None:
    found = chinook()
    assert found.right == found.answered
    assert found.answered >= 0.8 * found.asked


@pytest.mark.parametrize("database", ["restaurants", "academic"])
def test_what_the_database_cannot_know_is_not_answered(database: str) -> None:
    pytest.importorskip("duckdb")
    catalogue, _ = open_duckdb((DATA / "sql" / f"{database}.sql").read_text())
    rows = list(_questions("idk", database))
    assert rows
    for row in rows:
        assert isinstance(parse(row["question"], catalogue), NotUnderstood), row["question"]


if __name__ == "__main__":
    print(f"chinook: {chinook()}")
    for name in ("restaurants", "broker", "academic", "ewallet"):
        result = score(name)
        print(f"{name}: asked {result.asked}, answered {result.answered}, right {result.right}")
