"""Tokens, stems and figures."""

import pytest

from stoa.core.language.detect import detect_language
from stoa.core.language.words import content_stems, plain_number, stem, tokens


def test_tokens_keep_figures_whole() -> None:
    assert tokens("At 9:30 the PX200 cost 1,250.50, i.e. 40%.") == [
        "at", "9:30", "the", "px200", "cost", "1,250.50", "i", "e", "40%",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "plain"),
    [("1,000", "1000"), ("1.000", "1000"), ("3.5", "3.5"), ("3,5", "3.5"), ("1,250.50", "1250.50"),
     ("40%", "40"), ("9:30", "9:30"), ("7", "7")],
)  # fmt: skip
def test_figures_in_one_form(written: str, plain: str) -> None:
    assert plain_number(written) == plain


def test_words_of_one_meaning_share_a_stem() -> None:
    assert stem("employees") == stem("employee")
    assert stem("requested") == stem("requests")
    assert stem("mitarbeitern", "de") == stem("mitarbeiter", "de")
    assert content_stems("The days of the employees' leave") == content_stems("day employee leave")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Every employee has twenty-five days of annual leave.", "en"),
        ("Jeder Mitarbeiter hat fünfundzwanzig Tage Urlaub.", "de"),
        ("Chaque employé a droit à vingt-cinq jours de congé.", "fr"),
        ("Todos los empleados tienen veinticinco días de vacaciones.", "es"),
        ("Все сотрудники имеют двадцать пять дней отпуска.", "ru"),
        ("hello", ""),
        ("12 34", ""),
        ("", ""),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert detect_language(text) == language
