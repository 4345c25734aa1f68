"""The local toxicity scorer: hard civil cases stay low, disguised abuse is seen, anything at all is survived."""

import base64
import csv
import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoa.core.language.classify import Classifier, Judge
from stoa.core.language.toxicity import LocalToxicity, judge_toxicity
from stoa.core.language.toxicity_model import WEIGHTS_FILE
from stoa.core.language.toxicity_text import LONGEST
from stoa.core.language.toxicity_train import calibrate, examples, train
from tests.core.language.scoring import auc, calibration_error

CASES = tomllib.loads(Path(__file__).with_name("toxicity_cases.toml").read_text(encoding="utf-8"))
LABELLED = Path(__file__).parents[4] / "shared" / "data" / "toxicity" / "toxicity_en_half.csv"


def written(kind: str) -> list[str]:
    return [*CASES[kind]["en"], *CASES[kind]["fr"]]


@pytest.mark.parametrize("text", written("civil"))
def test_a_harsh_but_civil_review_scores_low(text: str) -> None:
    judged = judge_toxicity(text)
    assert judged.score < 0.4, judged
    assert judged.sure


@pytest.mark.parametrize("text", written("toxic"))
def test_abuse_scores_high_and_shows_where(text: str) -> None:
    judged = judge_toxicity(text)
    assert judged.score > 0.6, judged
    assert judged.spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("You are a f.u.c.k.i.n.g idiot", "f.u.c.k.i.n.g"),
        ("such an id1ot, you are", "id1ot"),
        ("you m o r o n", "m o r o n"),
        ("tu es un c\u043ennard", "c\u043ennard"),  # a Cyrillic o
        ("you b\u200bitch", "b\u200bitch"),  # an invisible space
        ("ENCULÉ, va", "ENCULÉ"),
        ("you idioooooot", "idioooooot"),
        ("#YouAreScum", "Scum"),
        ("<p>you <b>moron</b></p>", "moron"),
        ("J'aime pas ce **conn@rd**", "conn@rd"),
    ],
)
def test_disguises_are_seen_and_marked_in_the_source(text: str, found: str) -> None:
    judged = judge_toxicity(text)
    assert found in [text[span.start : span.end] for span in judged.spans]


@pytest.mark.parametrize(
    ("worse", "milder"),
    [
        ("You are an idiot.", "I am an idiot."),
        ("You are an idiot.", "You are not an idiot."),
        ("You are an idiot.", "He called me an idiot."),
        ("You are stupid.", "This zipper is stupid."),
        ("You fucking clown.", "Fucking brilliant."),
        ("I will kill you.", "This phone kills it."),
        ("Tu es un connard.", "Il m'a traité de connard."),
        ("Vous êtes stupides.", "Cette notice est stupide."),
    ],
)
def test_who_is_meant_matters(worse: str, milder: str) -> None:
    assert judge_toxicity(worse).score > judge_toxicity(milder).score + 0.25


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("", 0.3),
        ("   \n", 0.3),
        ("😀👍", 0.3),
        ("12345", 0.3),
        ("?!", 0.3),
        ("ok", 0.3),
        ("a" * 5000, 0.6),
    ],
)
def test_next_to_nothing_is_not_toxic(text: str, most: float) -> None:
    judged = judge_toxicity(text)
    assert judged.score < most
    assert not judged.spans


def test_an_emoji_can_insult() -> None:
    assert judge_toxicity("🖕").score > judge_toxicity("👍").score


@pytest.mark.parametrize(
    "text",
    [
        "Das Produkt ist leider schon nach einem Tag kaputt gegangen und niemand antwortet mir.",
        "El producto se rompió después de dos días y nadie contesta mis mensajes desde hace semanas.",
        "Продукт сломался через день, и никто не отвечает на мои письма.",
        "このヤカンはすぐに壊れました。返金してください。",
    ],
)
def test_a_language_it_can_not_read_goes_to_a_person(text: str) -> None:
    judged = judge_toxicity(text)
    assert not judged.sure
    assert judged.note
    assert 0.4 <= judged.score <= 0.6


def test_two_languages_in_one_text() -> None:
    text = "The parcel was late. Bande de connards, rendez-moi mon argent. Thank you for nothing."
    judged = judge_toxicity(text)
    assert judged.score > 0.6
    assert any("connards" in text[span.start : span.end] for span in judged.spans)


def test_a_huge_text_is_read_to_its_limit_and_says_so() -> None:
    long = "The kettle works well and the lid closes. " * 5000
    judged = judge_toxicity(long)
    assert len(long) > LONGEST
    assert not judged.sure
    assert f"{LONGEST:,}" in judged.note
    assert (
        judge_toxicity(long[: LONGEST // 2] + " You are all fucking idiots, rot in hell. ").score
        > 0.6
    )


@pytest.mark.parametrize(
    "unit",
    ["a", "a!", "<a", "i ", "f*", "f**k ", "é", "#Aa", "you are ", "w.", "http://", "'", "🖕"],
)
def test_no_text_takes_forever(unit: str) -> None:
    """Each of these took seconds or minutes before words and spans had a limit."""
    judged = judge_toxicity(unit * (LONGEST // len(unit)))
    assert len(judged.spans) <= 100


async def test_it_is_a_classifier() -> None:
    local = LocalToxicity()
    seam: Classifier = local
    judge: Judge = local
    texts = ["", "You are scum.", "Nice kettle."]
    scores = await seam.score(texts)
    assert scores == [each.score for each in await judge.judge(texts)]
    assert scores == await LocalToxicity().score(texts)
    assert await seam.score([]) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gets_a_score_and_spans_in_order(text: str) -> None:
    judged = judge_toxicity(text)
    assert 0 <= judged.score <= 1
    last = 0
    for span in judged.spans:
        assert last <= span.start < span.end <= len(text)
        last = span.end


def test_the_grammar_makes_the_same_sentences_again() -> None:
    made = examples(per_line=1)
    assert made == examples(per_line=1)
    assert {each.toxic for each in made} == {True, False}
    assert not any("{" in each.text for each in made)
    assert made != examples(per_line=1, seed=7)


@pytest.mark.slow
def test_the_weights_that_ship_are_those_that_the_command_makes() -> None:
    made = train(examples())
    ships = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    assert made["features"] == pytest.approx(ships["features"], abs=0.02)
    assert made["offset"] == pytest.approx(ships["offset"], abs=0.02)
    assert made["examples"] == ships["examples"]
    assert made["letters"]["scale"] == pytest.approx(ships["letters"]["scale"], rel=0.02)
    one, other = (
        np.frombuffer(base64.b64decode(each["letters"]["values"]), np.int8).astype(int)
        for each in (made, ships)
    )
    assert np.abs(one - other).max() <= 2


def test_platt_finds_the_curve_that_made_the_labels() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 3, 20_000)
    toxic = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(float)
    slope, shift = calibrate(logits, toxic)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(-1, abs=0.06)


def test_on_comments_never_tuned_on() -> None:
    """Half of the labelled comments were set aside, by their hash, before the first word was listed."""
    if not LABELLED.exists():
        pytest.skip("the labelled comments are development data and not in the repository")
    with LABELLED.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if _set_aside(row["text"])]
    scores = np.array([judge_toxicity(row["text"]).score for row in rows])
    toxic = np.array([row["is_toxic"] == "Toxic" for row in rows])
    assert len(rows) > 200
    assert auc(scores, toxic) > 0.88
    assert calibration_error(scores, toxic) <= 0.08


def _set_aside(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1
