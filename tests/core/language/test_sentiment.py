"""Sentiment of short texts in English and French, against labels where they are at hand."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoa.core.language.classify import Classifier
from stoa.core.language.sentiment import LocalSentiment, judge_sentiment

LABELLED = Path(__file__).parents[4] / "shared" / "data" / "reviews" / "amazon_snippets_half.tsv"
VADER = 0.594
"""What vaderSentiment 3.3.2 reached on the part that was tuned on."""


@pytest.mark.parametrize(
    "text",
    [
        "I love it, best kettle I ever had.",
        "Not bad at all!",
        "No problems so far, works great.",
        "A bit pricey, but the sound is fantastic.",
        "👍👍",
        ":)",
        "J'adore, je recommande vivement.",
        "Rien à redire, livraison rapide.",
        "Pas mal du tout pour le prix.",
        "Un peu cher mais la qualité est excellente.",
        "Aucun souci, très contente de mon achat.",
    ],
)
def test_pleased(text: str) -> None:
    assert judge_sentiment(text).score > 0.15


@pytest.mark.parametrize(
    "text",
    [
        "Terrible product, broke after a day.",
        "It is not good.",
        "Looks nice but it does not work.",
        "A complete waste of money.",
        "I would not recommend it.",
        "Never again!!!",
        "😡",
        "Produit nul, cassé au bout de deux jours.",
        "Ce n'est pas bon.",
        "Joli mais ne fonctionne pas.",
        "Je ne recommande pas ce vendeur.",
        "Très déçue, service client inexistant.",
        "Une honte !",
    ],
)
def test_displeased(text: str) -> None:
    assert judge_sentiment(text).score < -0.15


@pytest.mark.parametrize(
    "text",
    ["", "  ", "The box holds forty screws.", "Le carton contient quarante vis.", "42", "<br/>"],
)
def test_nothing_is_felt(text: str) -> None:
    assert judge_sentiment(text).score == 0


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("It is very good.", "It is good."),
        ("It is good.", "It is slightly good."),
        ("It is good!!!", "It is good."),
        ("It is GOOD.", "It is good."),
        ("It is good.", "It is not good."),
        ("Bad sound but a great screen.", "A great screen but bad sound."),
        ("C'est très bon.", "C'est bon."),
        ("C'est bon.", "Ce n'est pas bon."),
        (
            "Le son est mauvais mais l'écran est superbe.",
            "L'écran est superbe mais le son est mauvais.",
        ),
    ],
)
def test_order(more: str, less: str) -> None:
    assert judge_sentiment(more).score > judge_sentiment(less).score


def test_spans_say_which_words() -> None:
    text = "Great screen, awful sound."
    kinds = {text[span.start : span.end]: span.kind for span in judge_sentiment(text).spans}
    assert kinds == {"Great": "positive", "awful": "negative"}


def test_a_language_it_can_not_read_is_admitted() -> None:
    judged = judge_sentiment("Das Gerät ist leider schon nach einem Tag kaputt gegangen.")
    assert not judged.sure
    assert judged.language == "de"


async def test_it_is_a_classifier() -> None:
    seam: Classifier = LocalSentiment()
    assert await seam.score(["great", "", "awful"]) == [
        judge_sentiment(text).score for text in ("great", "", "awful")
    ]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_scored(text: str) -> None:
    judged = judge_sentiment(text)
    assert -1 <= judged.score <= 1
    assert all(0 <= span.start < span.end <= len(text) for span in judged.spans)


def test_on_reviews_never_tuned_on() -> None:
    if not LABELLED.exists():
        pytest.skip("the labelled reviews are development data and not in the repository")
    rows = [line.split("\t") for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    kept = [(float(row[1]), row[2]) for row in rows if _set_aside(row[0].split("_")[0])]
    labels = np.array([label for label, _ in kept])
    scores = np.array([judge_sentiment(text).score for _, text in kept])
    assert len(kept) > 700
    assert np.corrcoef(scores, labels)[0, 1] > VADER


def _set_aside(review: str) -> bool:
    """Whole reviews, so that no sentence of one that was read is among them."""
    return hashlib.sha256(review.encode()).digest()[0] % 2 == 1
