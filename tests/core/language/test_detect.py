"""Which language a text is in, also of a few words."""

import pytest

from stoa.core.language.detect import detect_language, likely_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Lovely kettle, quick delivery.", "en"),
        ("Très bien, merci.", "fr"),
        ("Super schnell geliefert", "de"),
        ("Muy bueno", "es"),
        ("ok", ""),
        ("", ""),
        ("😍😍👍", ""),
        ("とても素敵なやかん", ""),
    ],
)
def test_a_few_words_are_told_among_nine_languages(text: str, language: str) -> None:
    assert likely_language(text) == language


def test_a_sentence_is_told_among_all() -> None:
    assert detect_language("Bardzo ładny czajnik, dostawa przyszła dzień wcześniej.") == "pl"
