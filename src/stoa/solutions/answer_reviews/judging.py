"""Who says how toxic a text is: the local classifier, or the model, watched by the local one.

A text is read in pieces, so that its length hides nothing; the worst piece counts. A model's word is
taken, but never against the local classifier without a person: a review that talks a model into a mild
score is held, not let through.
"""

import asyncio
import html
import re
from collections.abc import Sequence
from typing import Literal

from stoa.contract import Call
from stoa.core.language.classify import Judge, Judgement, Span
from stoa.core.language.toxicity import LocalToxicity
from stoa.core.models.prompts import Prompt
from stoa.solutions.answer_reviews.asking import ToxicityInputs, ToxicityOutput
from stoa.solutions.answer_reviews.schema import ChannelSettings, Score

_PIECE = 4_000
"""Characters that are judged at once."""
_OVERLAP = 200
_AT_ONCE = 4
_MOST_SPANS = 40
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|em|font|i|mark|s|small|span|strong|sub|sup|u|wbr)\b[^<>]{0,2000}>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[a-zA-Z/!][^<>]{0,2000}>")
_ORDERS = re.compile(
    r"ignore (?:all |any |the |your |previous |prior |above |preceding )+(?:instructions?|prompts?|rules?)"
    r"|disregard (?:all |any |the |your |previous |prior )+(?:instructions?|prompts?|rules?)"
    r"|(?:system|developer) prompt|you are (?:now|no longer) (?:a|an|the)\b|toxicity (?:score )?(?:is|=|:) ?0"
    r"|ignore[zr]? (?:toutes? )?(?:les|tes|vos) (?:instructions|consignes|règles)"
    r"|oublie[zr]? (?:toutes? )?(?:les|tes|vos) (?:instructions|consignes|règles)",
    re.IGNORECASE,
)
LOCAL = LocalToxicity()
Band = Literal["fine", "unsure", "harmful"]
_ORDER: dict[Band, int] = {"fine": 0, "unsure": 1, "harmful": 2}


class PromptedToxicity:
    """The toxicity prompt as a classifier."""

    name = "model"

    def __init__(self, call: Call, prompt: Prompt[ToxicityInputs, ToxicityOutput]) -> None:
        self._call = call
        self._prompt = prompt

    async def score(self, texts: Sequence[str]) -> list[float]:
        """The chance that a moderator would call each text toxic."""
        return [each.score for each in await self.judge(texts)]

    async def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """The scores with the words that the model quotes, where they really stand in the text."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(text: str) -> Judgement:
            async with places:
                reply = await self._call.prompt(self._prompt, ToxicityInputs(text=text))
            self.name = reply.answered_by
            spans = _located(text, reply.output.quotes)
            return Judgement(score=reply.output.score, sure=True, language="", spans=spans)

        return list(await asyncio.gather(*(one(text) for text in texts)))


async def judge_text(text: str, judge: Judge, settings: ChannelSettings) -> Score:
    """How toxic a text is, by `judge`; unsure where it contradicts the local classifier.

    HTML is judged both as it stands and as it reads.
    """
    versions = list(dict.fromkeys((text, plain_text(text))))
    local = [await _worst(each, LOCAL) for each in versions]
    judged = local if judge is LOCAL else [await _worst(each, judge) for each in versions]
    nearest = max(local, key=lambda each: each.score)
    worst = max(judged, key=lambda each: each.score)
    sure, note = (nearest.sure, nearest.note) if judge is LOCAL else (True, "")
    if _ORDER[band(worst.score, settings)] < _ORDER[band(nearest.score, settings)]:
        sure, note = False, f"{judge.name} finds it milder than the local classifier does."
    if _ORDERS.search(versions[-1]):
        sure, note = False, "It reads as if it gave orders to a model."
    return Score(
        score=round(min(1.0, max(0.0, worst.score)), 4),
        by=judge.name,
        sure=sure,
        note=note,
        spans=[*(judged[0].spans or local[0].spans)][:_MOST_SPANS],
    )


def band(score: float, settings: ChannelSettings) -> Band:
    """Where a score lies between the thresholds of a channel; both of them belong to the middle."""
    if score < settings.low:
        return "fine"
    return "harmful" if score > settings.high else "unsure"


def plain_text(text: str) -> str:
    """A text as a browser would show it: tags gone, entities read."""
    if "<" not in text and "&" not in text:
        return text
    return " ".join(html.unescape(_TAG.sub(" ", _INLINE.sub("", text))).split())


def pieces(text: str) -> list[tuple[int, str]]:
    """The text in pieces of at most 4,000 characters that overlap, with where each begins."""
    if len(text) <= _PIECE:
        return [(0, text)]
    found, start = [], 0
    while start < len(text):
        end = min(start + _PIECE, len(text))
        if end < len(text):
            end = max(text.rfind(" ", start + _PIECE // 2, end), start + _PIECE // 2)
        found.append((start, text[start:end]))
        start = end if end == len(text) else end - _OVERLAP
    return found


async def _worst(text: str, judge: Judge) -> Judgement:
    parts = pieces(text)
    judged = await judge.judge([part for _, part in parts])
    starts = [start for start, _ in parts]
    worst = max(zip(judged, starts, strict=True), key=lambda each: each[0].score)
    spans = tuple(
        span.model_copy(update={"start": span.start + worst[1], "end": span.end + worst[1]})
        for span in worst[0].spans
    )
    unsure = next((each for each in judged if not each.sure), None)
    return worst[0].model_copy(
        update={
            "spans": spans,
            "sure": unsure is None,
            "note": unsure.note if unsure is not None else "",
        }
    )


def _located(text: str, quotes: Sequence[str]) -> tuple[Span, ...]:
    found: list[Span] = []
    for quote in quotes:
        start = text.find(quote) if quote else -1
        if start >= 0 and all(start >= s.end or start + len(quote) <= s.start for s in found):
            found.append(Span(start=start, end=start + len(quote), kind="quoted", weight=1.0))
    return tuple(sorted(found, key=lambda span: span.start))
