"""What is right about one result: is the place found, the answer right, each citation on its page?

A cited answer is any result of this shape: `kind`, `text`, `sentences` with `citations` (document
`title`, `page`, `quote`, `passage`), and `passages` (`id`, `title`, `page`, `last_page`, `text`).
Nothing more is known of who gave it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from stoa.core.evaluation.cases import Case

_DEEPEST = 10


class Verdict(BaseModel):
    """What one rule of a suite said of an answer."""

    rule: str
    passed: bool
    reason: str = ""
    """What is wrong; of a judge, its reason either way."""
    judged: str = ""
    """A judge's word, where a judge was asked."""


class Grade(BaseModel):
    """How one case went. None: the figure does not apply to this case."""

    case: str
    answer: str
    asked: str = ""
    """What was asked, in short, for reports."""
    verdicts: list[Verdict] = Field(default_factory=list)
    """Of the rules of a suite, in their order."""
    rank: int | None = None
    """Position, from 1, of the first passage of the right page; 0: not among the first ten."""
    correct: bool | None = None
    exact: bool | None = None
    """Of a result compared with a gold one: whether it is the same, without columns beside it."""
    right_when_answered: bool | None = None
    """As `correct`, but None where the question was refused."""
    citations: float | None = None
    """Share of the citations that point at the right page with words that stand there."""
    refused: bool | None = None
    """Of an unanswerable question: whether it was refused. The right thing."""
    refused_wrongly: bool | None = None
    """Of an answerable question: whether it was refused all the same."""
    seconds: float = 0.0
    tokens: int = 0
    cost_usd: float | None = 0.0
    """None where the price is not known."""
    kept: bool = False
    """The answer was kept from an earlier run; time, tokens and cost are that run's."""
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything about the case that counts is right."""
        right = self.correct is not False and self.refused is not False
        return not self.error and right and all(each.passed for each in self.verdicts)


def grade(case: Case, result: Mapping[str, Any], seconds: float) -> Grade:
    """Grade a result against its case."""
    text = str(result.get("text", ""))
    common: dict[str, Any] = {
        "case": case.name,
        "answer": text,
        "seconds": round(seconds, 4),
        "tokens": int(result.get("input_tokens", 0)) + int(result.get("output_tokens", 0)),
    }
    if case.expect is not None:
        return Grade(**common, correct=is_part(case.expect, result))
    sentences: Sequence[Mapping[str, Any]] = result.get("sentences", [])
    refused = not sentences
    if not case.answerable:
        return Grade(**common, refused=refused)
    return Grade(
        **common,
        rank=_rank(case, result.get("passages", [])),
        correct=not refused and all(_holds(text, each) for each in case.contains),
        citations=_citations(case, sentences, result.get("passages", [])),
        refused_wrongly=refused,
    )


def is_part(expected: Any, actual: Any) -> bool:
    """Whether every value of `expected` stands at the same place in `actual`. A list is matched
    item by item from its start."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and is_part(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, list | tuple):
        return (
            isinstance(actual, list | tuple)
            and len(actual) >= len(expected)
            and all(is_part(one, other) for one, other in zip(expected, actual, strict=False))
        )
    return bool(expected == actual)


def _rank(case: Case, passages: Sequence[Mapping[str, Any]]) -> int:
    for number, passage in enumerate(passages[:_DEEPEST], start=1):
        span = range(passage["page"], passage.get("last_page", passage["page"]) + 1)
        if _is_document(case, passage) and (not case.pages or set(span) & set(case.pages)):
            return number
    return 0


def _citations(
    case: Case, sentences: Sequence[Mapping[str, Any]], passages: Sequence[Mapping[str, Any]]
) -> float | None:
    texts = {passage["id"]: plain(passage["text"]) for passage in passages}
    cited = [citation for sentence in sentences for citation in sentence["citations"]]
    if not cited:
        return None
    right = sum(
        _is_document(case, citation)
        and (not case.pages or citation["page"] in case.pages)
        and plain(citation["quote"]) in texts.get(citation["passage"], "")
        for citation in cited
    )
    return right / len(cited)


def _is_document(case: Case, found: Mapping[str, Any]) -> bool:
    return not case.document or plain(case.document) == plain(found["title"])


def _holds(text: str, wanted: str) -> bool:
    return any(plain(each) in plain(text) for each in wanted.split("|"))


def plain(text: str) -> str:
    """Lower case, white space as single spaces: how texts are compared."""
    return " ".join(text.casefold().split())
