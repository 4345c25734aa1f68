"""The seam of classifiers: texts in, one number each out, and where it can be told, why.

Toxicity is 0..1 (the chance that a reasonable moderator would call the text toxic), sentiment is -1..1.
A classifier may be local (`toxicity.py`, `sentiment.py`) or a model prompt that a solution owns; this
file knows neither.
"""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Classifier(Protocol):
    """Scores texts. Cheap to hold, safe to share between tasks, keeps nothing of what it saw."""

    @property
    def name(self) -> str:
        """Who answers, for reports: `local-toxicity-1`, or `provider:model`."""
        ...

    async def score(self, texts: Sequence[str]) -> list[float]:
        """One number a text, in order. Any text is taken: empty, huge, in any language."""
        ...


class Span(BaseModel):
    """A place in the text that moved the score: `text[start:end]`, in characters."""

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    kind: str
    """What it is: `threat`, `insult`, `slur`, `positive` …"""
    weight: float
    """How much it counted, 0..1 (sentiment: -1..1)."""


class Judgement(BaseModel):
    """One text's score with its reasons."""

    model_config = ConfigDict(frozen=True)

    score: float
    sure: bool
    """False: the classifier can't read this text well (another language, no words); ask a person."""
    language: str
    """ISO 639-1 code it was read in; empty where nothing tells."""
    spans: tuple[Span, ...] = ()
    """In the order of the text, without overlaps."""
    note: str = ""
    """Why it is not sure, for people."""


class Judge(Classifier, Protocol):
    """A classifier that gives reasons, as the local ones do."""

    async def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """One judgement a text, in order; `score` gives the same numbers."""
        ...
