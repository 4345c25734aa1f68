"""The sentence that answers is found, shown whole, and nothing is shown where nothing answers."""

import time
from dataclasses import replace

import pytest

from stoa.core.language.answers import choose_answer
from stoa.core.language.candidates import Candidate, Text, find_candidates
from stoa.core.language.cues import asked_for, cue_score

POLICY = Text(
    """# Leave
Every employee has 25 days of annual leave. Leave is requested in the portal. It must be approved there
by the line manager.

Grade | Days | Notice
Junior | 25 | one month
Senior | 28 | three months

To request leave:
1. Open the portal.
2. Choose the days you want.
3. Press the send button.
""",
    "Handbook",
)
TRAVEL = Text("# Trains\nTrains are booked in second class. Miriam Okafor approves every flight.")


def answer(question: str, *, near: str = "") -> list[str]:
    """What is chosen, with `near` as the text that an encoder finds close."""
    candidates = find_candidates(question, [POLICY, TRAVEL])
    if near:
        candidates = [
            replace(each, similarity=0.8 if near in each.text else 0.1) for each in candidates
        ]
    return [
        " ".join(choice.candidate.text.split()) for choice in choose_answer(question, candidates)
    ]


def test_by_words() -> None:
    assert answer("How many days of annual leave does every employee have?") == [
        "Every employee has 25 days of annual leave."
    ]
    assert answer("In which class are trains booked?") == ["Trains are booked in second class."]
    assert answer("Who feeds the geese on Sundays?") == []
    assert answer("") == []


def test_by_meaning() -> None:
    assert answer("Which vacation allowance is there?", near="25 days") == [
        "Every employee has 25 days of annual leave."
    ]
    assert answer("Which vacation allowance is there?", near="nothing") == []


def test_a_row_comes_with_its_header() -> None:
    rows = [each for each in find_candidates("days of notice", [POLICY]) if each.kind == "row"]
    assert {(each.lead, each.text) for each in rows} == {
        ("Grade | Days | Notice", "Junior | 25 | one month"),
        ("Grade | Days | Notice", "Senior | 28 | three months"),
    }
    assert "Grade: Senior. Days: 28. Notice: three months" in {
        each.reading.removeprefix("Leave. ") for each in rows
    }
    assert answer("What is the notice of a senior?") == ["Senior | 28 | three months"]


def test_a_list_is_shown_whole() -> None:
    assert answer("How do I request leave?", near="Open the portal.") == [
        "1. Open the portal. 2. Choose the days you want. 3. Press the send button."
    ]


def test_a_sentence_that_points_back_inherits_words() -> None:
    found = find_candidates("Who approves requested leave?", [POLICY])
    back = next(each for each in found if each.text.startswith("It must"))
    assert back.before == "Leave is requested in the portal."
    assert back.coverage > back.own_coverage


def test_candidates_are_verbatim_and_few() -> None:
    long = Text("\n\n".join(f"Sentence number {n} is about geese." for n in range(500)))
    found = find_candidates("geese", [POLICY, long], limit=20)
    assert len(found) == 20
    texts = [POLICY.text, long.text]
    assert all(texts[each.passage][each.start : each.end] == each.text for each in found)


def test_ten_passages_take_milliseconds() -> None:
    passages = [
        Text("\n\n".join(f"Rule {n}.{i} says that it holds." for i in range(40))) for n in range(10)
    ]
    find_candidates("Which rule holds?", passages)  # stems are kept from the first time on
    started = time.process_time()
    find_candidates("Which rule holds?", passages)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("question", "kind", "holds", "lacks"),
    [
        ("How many days?", "amount", "It is 25 days.", "It is long."),
        ("When is it paid?", "time", "On the first Monday.", "By reception."),
        ("Who runs it?", "person", "Run by Miriam Okafor.", "It runs well."),
        ("Why is that?", "reason", "Because of tax.", "It is so."),
        ("Where is it?", "place", "It is in Leeds.", "It exists."),
        ("Wann kommt er?", "time", "Am 3. März um 10:00.", "Er kommt."),
        ("Wie viele Tage?", "amount", "25 Tage.", "Tage."),
    ],
)
def test_cues(question: str, kind: str, holds: str, lacks: str) -> None:
    assert asked_for(question) == kind
    assert cue_score(question, holds) > cue_score(question, lacks)


def test_near_duplicates_are_shown_once() -> None:
    twice = [
        Candidate(passage, 0, 10, "Every employee has 25 days of leave", "prose", coverage=1.0)
        for passage in range(3)
    ]
    assert len(choose_answer("How many days of leave?", twice)) == 1
