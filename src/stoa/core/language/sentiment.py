"""Sentiment of customers' words, -1..1, without a model: English and French.

A list of our own says how good or bad a word sounds; rules weigh it by what stands before it ("not", "very",
"hardly"), by a "but" in the sentence, by capitals and exclamation marks. The sum is squeezed to -1..1 as VADER does
(Hutto and Gilbert 2014), from whom the kind of rules is taken; words, numbers and code are our own.
"""

import asyncio
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stoa.core.language.classify import Judgement, Span
from stoa.core.language.readable import reading_of
from stoa.core.language.toxicity_text import Token, tokens_of

NAME = "local-sentiment-1"
_FILE = Path(__file__).with_name("sentiment_lexicon.toml")
_SHORTEST_STEM = 4
_LONGEST_PHRASE = 5
_REACH = 3
"""How many words before a valence may negate or strengthen it."""
_TURNED = -0.6
_SHOUTED = 0.25
_SQUEEZE = 15.0
_NEUTRAL = 0.1


@dataclass(frozen=True)
class _Book:
    """The list, laid out for looking up."""

    words: dict[str, float]
    stems: dict[str, float]
    phrases: dict[tuple[str, ...], float]
    phrase_starts: frozenset[str]
    stronger: dict[str, float]
    weaker: dict[str, float]
    negations: frozenset[str]
    but: frozenset[str]
    signs: dict[str, float]
    faces: dict[str, float]


@dataclass(frozen=True, slots=True)
class Felt:
    """One word or phrase that says how somebody feels, as read in its place."""

    valence: float
    first: int
    last: int


class LocalSentiment:
    """The classifier. Holds nothing; share it."""

    name = NAME

    async def score(self, texts: Sequence[str]) -> list[float]:
        """-1 (furious) … 1 (delighted); 0 where nothing is felt."""
        return [each.score for each in await self.judge(texts)]

    async def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """The scores with the words they come from. Works in a thread."""
        return await asyncio.to_thread(lambda: [judge_sentiment(text) for text in texts])


def judge_sentiment(text: str) -> Judgement:
    """One text. Pure and quick: some 50 µs for a sentence."""
    tokens = tokens_of(text)
    felt = feelings(text, tokens)
    total = sum(each.valence for each in felt) + _signs(text)
    if total and "!" in text:
        total += math.copysign(0.3 * min(text.count("!"), 3), total)
    score = total / math.sqrt(total * total + _SQUEEZE)
    reading = reading_of(text, tokens, known=len(felt))
    spans = tuple(
        Span(
            start=tokens[each.first].start,
            end=tokens[each.last].end,
            kind="positive" if each.valence > 0 else "negative",
            weight=round(max(-1.0, min(1.0, each.valence / 4)), 3),
        )
        for each in felt
    )
    return Judgement(
        score=round(score, 4),
        sure=reading.sure,
        language=reading.language,
        spans=spans,
        note=reading.note,
    )


def feelings(text: str, tokens: Sequence[Token]) -> list[Felt]:
    """Words and phrases with a valence, in order, weighed by their context."""
    book = _book()
    words = [token.word for token in tokens]
    found: list[Felt] = []
    at = 0
    while at < len(words):
        length = _phrase(book, words, at)
        base = book.phrases[tuple(words[at : at + length])] if length else _valence(words[at])
        if base:
            valence = _in_context(book, words, at, base, tokens[at].shouted)
            found.append(Felt(valence, at, at + max(length, 1) - 1))
        at += max(length, 1)
    return _around_but(book, words, found)


@lru_cache(maxsize=100_000)
def _valence(word: str) -> float:
    """-4..4, 0 where it is not listed."""
    book = _book()
    if found := book.words.get(word):
        return found
    for length in range(len(word) - 1, _SHORTEST_STEM - 1, -1):
        if found := book.stems.get(word[:length]):
            return found
    return 0.0


def _phrase(book: _Book, words: Sequence[str], at: int) -> int:
    if words[at] not in book.phrase_starts:
        return 0
    for length in range(min(_LONGEST_PHRASE, len(words) - at), 1, -1):
        if tuple(words[at : at + length]) in book.phrases:
            return length
    return 0


def _in_context(book: _Book, words: Sequence[str], at: int, base: float, shouted: bool) -> float:
    factor = 1.0
    for distance in range(1, _REACH + 1):
        if at - distance < 0:
            break
        before = words[at - distance]
        if before in book.negations:
            return base * factor * _TURNED
        fading = 1.0 - 0.1 * (distance - 1)
        factor += fading * (book.stronger.get(before, 0.0) - book.weaker.get(before, 0.0))
    return base * factor * (1.0 + _SHOUTED * shouted)


def _around_but(book: _Book, words: Sequence[str], felt: list[Felt]) -> list[Felt]:
    """What stands before a "but" counts half, what follows it half as much again."""
    turn = max((at for at, word in enumerate(words) if word in book.but), default=-1)
    if turn <= 0 or not felt:
        return felt
    return [
        Felt(each.valence * (0.5 if each.first < turn else 1.5), each.first, each.last)
        for each in felt
    ]


def _signs(text: str) -> float:
    book = _book()
    total = 0.0
    if not text.isascii():
        total += sum(book.signs[each] for each in text if each in book.signs)
    if ":" in text or "<3" in text or ";" in text or "^^" in text:
        total += sum(value for face, value in book.faces.items() if face in text)
    return max(-8.0, min(8.0, total))


@lru_cache(maxsize=1)
def _book() -> _Book:
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    words: dict[str, float] = {}
    stems: dict[str, float] = {}
    phrases: dict[tuple[str, ...], float] = {}
    for language in ("en", "fr"):
        for valence, text in content[language]["words"].items():
            for written in text.split():
                word = written.rstrip("*")
                words.setdefault(word, float(valence))
                if written.endswith("*"):
                    stems.setdefault(word, float(valence))
        for valence, lines in content[language]["phrases"].items():
            phrases |= {tuple(line.split()): float(valence) for line in lines}
    modifiers = content["modifiers"]
    return _Book(
        words=words,
        stems=stems,
        phrases=phrases,
        phrase_starts=frozenset(words[0] for words in phrases),
        stronger=modifiers["stronger"],
        weaker=modifiers["weaker"],
        negations=frozenset(modifiers["not"].split()),
        but=frozenset(modifiers["but"].split()),
        signs=content["emoji"]["signs"],
        faces=content["emoji"]["faces"],
    )
