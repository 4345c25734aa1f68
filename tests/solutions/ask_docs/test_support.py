"""Quotes are found word for word, and sentences may say only what they quote."""

import pytest

from stoa.solutions.ask_docs.answering import DraftCitation, DraftSentence
from stoa.solutions.ask_docs.support import check_sentence, find_quotes

PASSAGE = (
    "Employees may carry over up to five days.\nThey must be taken by 31 March; other-\nwise they "
    "lapse. The “Harbour” portal costs £1,200 a year.\nMiriam Okafor runs it."
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("carry over up to five days", ["carry over up to five days"]),
        ("Carry over up to  five days.", ["carry over up to five days."]),
        ("five days. They must be taken", ["five days.\nThey must be taken"]),
        ("otherwise they lapse", ["other-\nwise they lapse"]),
        ('The "Harbour" portal', ["The “Harbour” portal"]),
        ("Employees may … be taken by 31 March", ["Employees may", "be taken by 31 March"]),
        ('"up to five days!"', ["up to five days"]),
        ("up to six days", []),
        ("Employees may … be taken by 1 April", []),
        ("a", []),
        ("", []),
        ("…", []),
    ],
)
def test_find_quotes(quote: str, found: list[str]) -> None:
    quotes = find_quotes(quote, 1, PASSAGE)
    assert [each.text for each in quotes] == found
    assert all(PASSAGE[each.start : each.end] == each.text for each in quotes)


def said(text: str, quote: str = "Employees may carry over up to five days") -> DraftSentence:
    return DraftSentence(text=text, citations=[DraftCitation(passage=1, quote=quote)])


@pytest.mark.parametrize(
    ("text", "support"),
    [
        ("Up to five days may be carried over.", "supported"),
        ("Up to 5 days may be carried over.", "supported"),
        ("Employees may carry over five days, which lapse after 31 March.", "supported"),
        ("Employees may not carry over five days.", "weak"),
        ("Employees may carry over six days.", None),
        ("Employees may carry over up to 50 days.", None),
        ("Employees of Globex may carry over five days.", None),
        ("Bananas grow in warm places.", None),
    ],
)
def test_sentences(text: str, support: str | None) -> None:
    checked = check_sentence(said(text), {1: PASSAGE})
    assert (checked.support if checked else None) == support


def test_figures_in_any_spelling() -> None:
    quote = "portal costs £1,200 a year"
    assert check_sentence(said("The portal costs £1200 a year.", quote), {1: PASSAGE})
    assert not check_sentence(said("The portal costs £1.20 a year.", quote), {1: PASSAGE})


def test_names_may_come_from_the_question() -> None:
    text = "At Larkfield employees may carry over five days."
    assert check_sentence(said(text), {1: PASSAGE}, context="What about Larkfield?")
    assert not check_sentence(said(text), {1: PASSAGE})


def test_long_passages_are_checked_fast() -> None:
    passage = "word " * 20_000 + PASSAGE
    checked = check_sentence(said("Up to five days may be carried over."), {1: passage})
    assert checked is not None
