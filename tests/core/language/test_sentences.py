"""Sentences end where a reader ends them, and keep their places."""

import pytest

from stoa.core.language.sentences import split_sentences


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One ends. Two begins!", ["One ends.", "Two begins!"]),
        (
            "Dr. Smith paid $3.5 million on Jan. 5, 2024.",
            ["Dr. Smith paid $3.5 million on Jan. 5, 2024."],
        ),
        ("It was e.g. a bargain. See Fig. 3 now.", ["It was e.g. a bargain.", "See Fig. 3 now."]),
        ("J. R. Tolkien wrote it. It sold.", ["J. R. Tolkien wrote it.", "It sold."]),
        ("Version 2.1.3 is out. Get it.", ["Version 2.1.3 is out.", "Get it."]),
        ("“Really?” she asked. Yes.", ["“Really?” she asked.", "Yes."]),
        ("Kommen Sie z. B. um 9 Uhr. Danke.", ["Kommen Sie z. B. um 9 Uhr.", "Danke."]),
        ("Il est parti. Où ça ? Là-bas.", ["Il est parti.", "Où ça ?", "Là-bas."]),
        ("这是一个句子。第二句。", ["这是一个句子。", "第二句。"]),
        ("wrapped over\ntwo lines. Next one.", ["wrapped over\ntwo lines.", "Next one."]),
        ("", []),
        (" \n\n ", []),
        ("...", ["..."]),
    ],
)
def test_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert texts(text) == sentences


def test_lines_that_are_units_of_their_own() -> None:
    text = (
        "# Title\n\nA paragraph of text.\n- first item\n- second item\n  goes on\n1. Open it.\n2. Close it.\n\n"
        "Grade | Days\nSenior | 28\nSubheading\nThe text under it ends here."
    )
    assert [(each.kind, " ".join(each.text.split())) for each in split_sentences(text)] == [
        ("heading", "Title"),
        ("prose", "A paragraph of text."),
        ("item", "first item"),
        ("item", "second item goes on"),
        ("item", "Open it."),
        ("item", "Close it."),
        ("row", "Grade | Days"),
        ("row", "Senior | 28"),
        ("heading", "Subheading"),
        ("prose", "The text under it ends here."),
    ]


@pytest.mark.parametrize(
    "text", ["A b. C d.\n\n- e\n- f", "x" * 5000, ". . . .", "a\n" * 200, "| a | b |"]
)
def test_places_are_kept(text: str) -> None:
    found = split_sentences(text)
    assert all(text[each.start : each.end] == each.text for each in found)
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert "".join("".join(texts(text)).split()) in "".join(text.split()) or found


def test_a_long_line_costs_what_it_is_long() -> None:
    """Looking for cells from every place of a line would take hours here; the time limit says so."""
    (sentence,) = split_sentences("word " * 400_000)
    assert sentence.kind == "prose"
