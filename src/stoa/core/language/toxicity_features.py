"""A text as a row of numbers for the toxicity model: what hurts, whom, and how it is said.

Each number is between 0 and about 1, and says something a person would say too ("an insult aimed at the
reader"); `NAMES` is their legend. Knows no weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stoa.core.language.sentiment import Felt, feelings
from stoa.core.language.toxicity_hits import Hit, hits_of
from stoa.core.language.toxicity_lexicon import lexicon
from stoa.core.language.toxicity_text import Token, tokens_of

_FEWEST_LETTERS = 20
"""From which on capitals are shouting."""
_AIMED = ("insult", "contempt", "beastly", "charge", "profanity", "sexual")
NAMES = (
    "threat", "wish", "slur", "dismissal",
    *(f"{kind}:{aim}" for kind in _AIMED for aim in ("you", "them", "open", "thing", "self")),
    "hits", "kinds", "disguised", "shouting", "exclaiming", "mocking emoji",
    "negative about you", "negative about them", "negative about things", "positive", "you", "them", "very short", "wordless",
)  # fmt: skip
_PLACE = {name: at for at, name in enumerate(NAMES)}


@dataclass(frozen=True)
class Seen:
    """A text as the model sees it."""

    tokens: list[Token]
    hits: list[Hit]
    row: np.ndarray
    """float32, (len(NAMES),)."""
    known: int
    """How many of its words a list knows, of whatever kind."""


def see(text: str) -> Seen:
    """Read one text."""
    tokens = tokens_of(text)
    hits = hits_of(text, tokens)
    row = np.zeros(len(NAMES), np.float32)
    for hit in hits:
        name = f"{hit.kind}:{hit.aim}" if hit.kind in _AIMED else hit.kind
        row[_PLACE[name]] = max(row[_PLACE[name]], hit.weight)
    _counts(row, tokens, hits)
    _manner(row, text, tokens)
    felt = feelings(text, tokens)
    _feelings(row, tokens, felt)
    return Seen(tokens, hits, row, len(hits) + len(felt))


def _counts(row: np.ndarray, tokens: Sequence[Token], hits: Sequence[Hit]) -> None:
    aimed = [hit for hit in hits if hit.aim not in ("thing", "self")]
    weights = sum(hit.weight for hit in aimed)
    row[_PLACE["hits"]] = min(1.0, weights / 4)
    row[_PLACE["kinds"]] = min(1.0, len({hit.kind for hit in aimed if hit.weight >= 0.5}) / 4)
    row[_PLACE["disguised"]] = max((hit.weight for hit in hits if hit.disguised), default=0.0)


def _manner(row: np.ndarray, text: str, tokens: Sequence[Token]) -> None:
    head = text[:2000]
    letters = sum(each.isalpha() for each in head)
    if letters >= _FEWEST_LETTERS:
        capitals = sum(each.isupper() for each in head) / letters
        row[_PLACE["shouting"]] = min(1.0, max(0.0, (capitals - 0.15) / 0.5))
    row[_PLACE["exclaiming"]] = min(1.0, text.count("!") / 4)
    if not text.isascii():
        signs = lexicon().emoji
        row[_PLACE["mocking emoji"]] = max(
            (signs[each] for each in text if each in signs), default=0.0
        )
    words = [token.word for token in tokens[:300] if token.word.strip("0123456789.,")]
    said = lexicon().context
    row[_PLACE["you"]] = min(1.0, sum(word in said.you for word in words) / 2)
    row[_PLACE["them"]] = min(1.0, sum(word in said.them for word in words) / 2)
    row[_PLACE["very short"]] = 1.0 if 0 < len(words) <= 3 else 0.0
    row[_PLACE["wordless"]] = 0.0 if words else 1.0


def _feelings(row: np.ndarray, tokens: Sequence[Token], found: Sequence[Felt]) -> None:
    said = lexicon().context
    positive, negative = 0.0, {"you": 0.0, "them": 0.0, "things": 0.0}
    for felt in found:
        if felt.valence > 0:
            positive += felt.valence
            continue
        near = [token.word for token in tokens[max(0, felt.first - 5) : felt.last + 3]]
        if any(word in said.thing for word in near):
            about = "things"
        elif any(word in said.you for word in near):
            about = "you"
        elif any(word in said.them for word in near):
            about = "them"
        else:
            about = "things"
        negative[about] -= felt.valence
    row[_PLACE["positive"]] = min(1.0, positive / 6)
    for about, value in negative.items():
        row[_PLACE[f"negative about {about}"]] = min(1.0, value / 6)
