"""Key phrases and extractive summaries: copied and counted, never invented."""

from stoa.core.language.keyphrases import key_phrases
from stoa.core.language.summary import summarise

QUESTIONS = [
    "How many days of annual leave do I have?",
    "Can annual leave be carried over?",
    "Who approves annual leave for contractors?",
    "What is the wifi password?",
    "Where do I find the wifi password for visitors?",
]


def test_phrases_by_how_many_texts_hold_them() -> None:
    found = key_phrases(QUESTIONS, limit=3)
    assert [(each.text, each.count) for each in found[:2]] == [
        ("annual leave", 3),
        ("wifi password", 2),
    ]
    assert "the" not in " ".join(each.text for each in found).split()


def test_nothing_gives_nothing() -> None:
    assert key_phrases([]) == []
    assert key_phrases(["", "of the and", "123"]) == []


def test_a_summary_copies_the_sentences_that_say_most() -> None:
    text = (
        "The harbour portal is where leave is requested. Leave in the harbour portal is approved by the "
        "manager. The weather was fine. Requests for leave that the portal holds longer than a week lapse. "
        "Somebody ate a sandwich."
    )
    found = summarise(text, most=2)
    assert len(found) == 2
    assert all(each in text for each in found)
    assert "sandwich" not in " ".join(found)
    assert summarise("", most=2) == []
    assert summarise("Only one sentence here.", most=2) == ["Only one sentence here."]
