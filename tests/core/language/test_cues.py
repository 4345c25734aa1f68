"""What a question asks for, and whether a sentence holds it."""

import pytest

from stoa.core.language.cues import asked_for, cue_score


@pytest.mark.parametrize(
    ("question", "sentence", "score"),
    [
        ("How many days of leave are there?", "You get 25 days.", 1.0),
        ("How many days of leave are there?", "There are five paid learning days.", 1.0),
        ("How many days of leave are there?", "When the 27th is a Sunday, pay comes before.", 0.5),
        ("How many days of leave are there?", "Unused leave is paid out.", 0.0),
        ("How many people work here?", "Larkfield has 1,240 people.", 1.0),
        ("How much is the budget?", "It is £1,200.", 1.0),
        ("When are salaries paid?", "On the 27th, before midnight.", 1.0),
        ("Tell me about leave", "Leave is granted.", 0.5),
    ],
)
def test_a_sentence_holds_what_was_asked_for(question: str, sentence: str, score: float) -> None:
    assert cue_score(question, sentence) == score


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many days?", "amount"),
        ("When does it open?", "time"),
        ("Who signs?", "person"),
        ("Why is that?", "reason"),
        ("Where is it?", "place"),
        ("How do I reset it?", "way"),
        ("Leave", ""),
    ],
)
def test_what_a_question_asks_for(question: str, kind: str) -> None:
    assert asked_for(question) == kind
