"""How many questions over databases of other domains are answered, and that the answers are right.

Run this file as a module for the numbers per database:
`python -m tests.solutions.ask_data.semantic.test_worlds`.
"""

from datetime import date
from typing import Final

import pytest

from stoa.solutions.ask_data.semantic.parse import Understood, parse
from tests.solutions.ask_data.semantic.databases import open_sqlite, right
from tests.solutions.ask_data.semantic.questions import pairs
from tests.solutions.ask_data.semantic.worlds import WORLDS

_TODAY: Final = date(2023, 7, 10)
_AT_LEAST: Final = {
    "energy": 24, "foundry": 22, "freight": 24, "gym": 25, "helpdesk": 24, "hotel": 23, "museum": 24, "orchard": 19,
    "podcast": 20,
}  # fmt: skip


def answers(world: str) -> tuple[int, dict[str, bool]]:
    """How many questions there are, and of each that was answered, whether rightly."""
    schema, questions = WORLDS[world]
    catalogue, run = open_sqlite(script=schema)
    asked = pairs(questions)
    found = {question: parse(question, catalogue, today=_TODAY) for question, _ in asked}
    return len(asked), {
        question: right([gold], parsed.sql, run, "sqlite")
        for question, gold in asked
        if isinstance(parsed := found[question], Understood)
    }


@pytest.mark.parametrize("world", WORLDS)
def test_enough_is_answered_and_nearly_all_of_it_rightly(world: str) -> None:
    _, answered = answers(world)
    wrong = [question for question, good in answered.items() if not good]
    assert len(wrong) <= 1, wrong
    assert len(answered) - len(wrong) >= _AT_LEAST[world]


if __name__ == "__main__":
    for name in WORLDS:
        count, judged = answers(name)
        print(f"{name}: asked {count}, answered {len(judged)}, right {sum(judged.values())}")
