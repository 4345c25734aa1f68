"""A judge for answers that no simple rule can judge: a rubric in, a typed verdict out; and who judges the judge.

The prompt is `prompts/judge.md`; who has models builds it with the twin below and hands it over. The twin
understands nothing: it compares wording with a reference, and its reason says so. Every judge is first put to
labelled answers of our own (`judge_cases.toml`): how often it agrees with the label stands in the report beside
its verdicts. Knows no model.
"""

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from stoa.core.evaluation.similarity import similarity
from stoa.core.evaluation.statistics import kappa, wilson

VerdictWord = Literal["meets", "partly", "fails"]
_LABELLED = Path(__file__).with_name("judge_cases.toml")
_MEETS, _PARTLY = 0.45, 0.3


class JudgeInputs(BaseModel):
    """One answer to be judged."""

    rubric: str
    request: str
    answer: str
    reference: str = ""


class JudgeOutput(BaseModel):
    """The verdict."""

    verdict: VerdictWord
    reason: str


class LabelledAnswer(BaseModel):
    """An answer with the verdict that a person gave it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: str
    request: str
    reference: str
    answer: str
    label: Literal["meets", "fails"]


class JudgeCheck(BaseModel):
    """How a judge did on answers with a known verdict. "partly" counts as "fails"."""

    judge: str
    cases: int
    agreement: float
    low: float
    """95 % interval of the agreement."""
    high: float
    kappa: float
    lenient: int
    """Times it let pass what a person failed."""
    strict: int
    """Times it failed what a person let pass."""


def by_wording(inputs: JudgeInputs) -> JudgeOutput:
    """The offline twin: how much of the reference's wording the answer shares. Not a judgement of sense."""
    if not inputs.reference:
        return JudgeOutput(
            verdict="partly",
            reason="No model judged, and there is no reference to compare wording with.",
        )
    alike = similarity(inputs.answer, inputs.reference)
    verdict: VerdictWord = "meets" if alike >= _MEETS else "partly" if alike >= _PARTLY else "fails"
    return JudgeOutput(
        verdict=verdict,
        reason=f"No model judged: the wording is {alike:.2f} like the reference ({_MEETS} passes).",
    )


def labelled_answers() -> list[LabelledAnswer]:
    """The labelled set that ships."""
    content = tomllib.loads(_LABELLED.read_text(encoding="utf-8"))
    found: list[LabelledAnswer] = []
    for topic in content["topic"]:
        common = {key: topic[key] for key in ("rubric", "request", "reference")}
        for label in ("meets", "fails"):
            found += [
                LabelledAnswer(**common, answer=answer, label=label) for answer in topic[label]
            ]
    return found


async def check_judge(
    judge: Callable[[JudgeInputs], Awaitable[JudgeOutput]], name: str
) -> JudgeCheck:
    """Put a judge to the labelled answers, one after another."""
    labels: list[str] = []
    given: list[str] = []
    for each in labelled_answers():
        asked = JudgeInputs(
            rubric=each.rubric, request=each.request, reference=each.reference, answer=each.answer
        )
        labels.append(each.label)
        given.append("meets" if (await judge(asked)).verdict == "meets" else "fails")
    pairs = list(zip(labels, given, strict=True))
    agreed = sum(label == verdict for label, verdict in pairs)
    low, high = wilson(agreed, len(pairs))
    return JudgeCheck(
        judge=name,
        cases=len(pairs),
        agreement=round(agreed / len(pairs), 4),
        low=round(low, 4),
        high=round(high, 4),
        kappa=round(kappa(labels, given), 4),
        lenient=pairs.count(("fails", "meets")),
        strict=pairs.count(("meets", "fails")),
    )
