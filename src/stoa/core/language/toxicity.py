"""Toxicity of short texts, 0..1, without a model server: English and French.

A list of words and turns of phrase is read in context (`toxicity_hits.py`), the reading becomes a row of
numbers (`toxicity_features.py`), and a small logistic model says how much they count together
(`toxicity_model.py`). What it is good for and what it is not is told in docs/guide/classifiers.md.
"""

import asyncio
from collections.abc import Sequence

from stoa.core.language.classify import Judgement, Span
from stoa.core.language.readable import reading_of
from stoa.core.language.toxicity_features import see
from stoa.core.language.toxicity_hits import Hit
from stoa.core.language.toxicity_model import model
from stoa.core.language.toxicity_text import Token

NAME = "local-toxicity-1"
_UNREADABLE = 0.5
"""The score of a text in a language that can't be read, where nothing in it is known: a person decides."""
_MOST_SPANS = 100
"""Nobody reads more, and a text may be nothing but abuse."""


class LocalToxicity:
    """The classifier. Holds nothing; share it."""

    name = NAME

    async def score(self, texts: Sequence[str]) -> list[float]:
        """The chance that a moderator would call each text toxic."""
        return [each.score for each in await self.judge(texts)]

    async def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """The scores with the places they come from. Works in a thread."""
        return await asyncio.to_thread(lambda: [judge_toxicity(text) for text in texts])


def judge_toxicity(text: str) -> Judgement:
    """One text."""
    seen = see(text)
    score = model().chance(seen)
    reading = reading_of(text, seen.tokens, known=seen.known)
    if not reading.sure and reading.language not in ("en", "fr"):
        score = max(score, _UNREADABLE)
    return Judgement(
        score=round(score, 4),
        sure=reading.sure,
        language=reading.language,
        spans=_spans(seen.tokens, seen.hits),
        note=reading.note,
    )


def _spans(tokens: Sequence[Token], hits: Sequence[Hit]) -> tuple[Span, ...]:
    """The strongest hit of each place, at most a hundred, in the order of the text, without overlaps."""
    taken: list[Span] = []
    for hit in sorted(hits, key=lambda each: (-each.weight, each.first)):
        start, end = tokens[hit.first].start, tokens[hit.last].end
        if all(end <= each.start or start >= each.end for each in taken):
            taken.append(Span(start=start, end=end, kind=hit.kind, weight=round(hit.weight, 3)))
        if len(taken) == _MOST_SPANS:
            break
    return tuple(sorted(taken, key=lambda each: each.start))
