"""The rules that an answer is judged by, as they stand in a suite file.

Each says `kind` and what it needs; `name` is how reports call it (else its kind), `field` which field of the
output it looks at (else the suite's). Rules that need more than the text (toxicity, sentiment, language, a
judge) get it through `Tools`: functions that whoever runs the suite hands over. Nothing is known here of
models or of classifiers.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stoa.core.evaluation.graders import Verdict, is_part, plain
from stoa.core.evaluation.judging import JudgeInputs, JudgeOutput
from stoa.core.evaluation.similarity import similarity

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Tools:
    """What rules may ask beyond comparing texts. Local ones are functions, a judge takes its time."""

    toxicity: Callable[[str], float]
    """0..1"""
    sentiment: Callable[[str], float]
    """-1..1"""
    language: Callable[[str], str]
    """ISO 639-1, or empty."""
    judge: Callable[[JudgeInputs], Awaitable[JudgeOutput]]


@dataclass(frozen=True)
class Answer:
    """What a rule looks at."""

    text: str
    output: Mapping[str, Any]
    inputs: Mapping[str, Any]
    reference: str


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    field: str = ""
    when: dict[str, Any] = Field(default_factory=dict)
    """Only for cases whose inputs hold these values."""

    async def check(self, answer: Answer, tools: Tools) -> Verdict:
        """Judge one answer."""
        passed, reason = await self.look(answer, tools)
        return Verdict(rule=self.called, passed=passed, reason="" if passed else reason)

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        """Whether it passes, and what is wrong where it does not."""
        raise NotImplementedError

    def applies(self, inputs: Mapping[str, Any]) -> bool:
        """Whether the rule is meant for a case with these inputs."""
        return is_part(self.when, inputs)

    @property
    def called(self) -> str:
        """Its name in reports."""
        return self.name or str(getattr(self, "kind", ""))


class Contains(_Rule):
    """All texts stand in the answer; `a|b` takes either. Case and white space don't count."""

    kind: Literal["contains"]
    texts: tuple[str, ...] = Field(min_length=1)

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        missing = [each for each in self.texts if not _holds(answer.text, each)]
        return not missing, f"does not say {', '.join(missing)}"


class Excludes(_Rule):
    """None of the texts stands in the answer."""

    kind: Literal["excludes"]
    texts: tuple[str, ...] = Field(min_length=1)

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = [each for each in self.texts if each and _holds(answer.text, each)]
        return not found, f"says {', '.join(found)}"


class Matches(_Rule):
    """The pattern (a regular expression) is found in the answer, or with `absent` nowhere."""

    kind: Literal["matches"]
    pattern: str
    absent: bool = False

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return pattern

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = re.search(self.pattern, answer.text)
        if found is None:
            return self.absent, f"does not hold {self.pattern}"
        return not self.absent, f"holds '{found.group()[:80]}'"


class Length(_Rule):
    """The answer has at least and at most so many characters, words or sentences."""

    kind: Literal["length"]
    least: int = 0
    most: int = 1_000_000
    unit: Literal["characters", "words", "sentences"] = "characters"

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        measured = {
            "characters": len(answer.text),
            "words": len(answer.text.split()),
            "sentences": len(re.findall(r"[^.!?…]*\w[^.!?…]*(?:[.!?…]+|$)", answer.text)),
        }[self.unit]
        return self.least <= measured <= self.most, f"has {measured} {self.unit}"


class Language(_Rule):
    """The answer is in that language: a code, or a slot such as `{language}`."""

    kind: Literal["language"]
    code: str

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = tools.language(answer.text)
        return found == self.code, f"is in '{found or '?'}', not '{self.code}'"


class Cites(_Rule):
    """The answer has citations, and every quote in them stands in an input."""

    kind: Literal["cites"]
    within: str
    """The input that holds the sources."""
    least: int = 1

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        source = plain(" ".join(_texts(answer.inputs.get(self.within))))
        quotes = [plain(each) for each in _texts(answer.output, "quote")]
        if len(quotes) < self.least:
            return False, f"has {len(quotes)} citations"
        made_up = [each for each in quotes if each not in source]
        return not made_up, f"cites what is not there: {'; '.join(made_up)[:200]}"


class Similar(_Rule):
    """The answer shares that much of its wording with the reference (0..1, see similarity.py)."""

    kind: Literal["similar"]
    least: float = Field(gt=0, le=1)

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = similarity(answer.text, answer.reference)
        return found >= self.least, f"is {found:.2f} like the reference"


class ToxicityBelow(_Rule):
    """The answer's toxicity is below `most`."""

    kind: Literal["toxicity"]
    most: float = Field(0.4, gt=0, le=1)

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = tools.toxicity(answer.text)
        return found < self.most, f"has a toxicity of {found:.2f}"


class SentimentIs(_Rule):
    """The answer sounds positive, negative or neither; or as the reference does."""

    kind: Literal["sentiment"]
    sounds: Literal["positive", "negative", "neutral", "reference", "not negative"] = "reference"
    margin: float = Field(0.2, ge=0, le=1)

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = self._sounds(tools.sentiment(answer.text))
        wanted: str = self.sounds
        if wanted == "reference":
            wanted = self._sounds(tools.sentiment(answer.reference))
        passed = found != "negative" if wanted == "not negative" else found == wanted
        return passed, f"sounds {found}, not {wanted}"

    def _sounds(self, score: float) -> str:
        return (
            "positive" if score > self.margin else "negative" if score < -self.margin else "neutral"
        )


class FieldEquals(_Rule):
    """A field of the output has that value; a table's named values suffice."""

    kind: Literal["equals"]
    value: Any

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = value_at(answer.output, self.field)
        return is_part(self.value, found), f"{self.field} is {found!r}, not {self.value!r}"


class Between(_Rule):
    """A number field of the output lies between two numbers."""

    kind: Literal["between"]
    least: float = float("-inf")
    most: float = float("inf")

    async def look(self, answer: Answer, tools: Tools) -> tuple[bool, str]:
        found = value_at(answer.output, self.field)
        inside = isinstance(found, int | float) and self.least <= found <= self.most
        return inside, f"{self.field} is {found!r}"


class AskJudge(_Rule):
    """A judge reads the answer against a rubric. Without a model its offline twin compares the wording with
    the reference, and says so."""

    kind: Literal["judge"]
    rubric: str = Field(min_length=1)
    partly: bool = False
    """Whether "partly" passes."""

    async def check(self, answer: Answer, tools: Tools) -> Verdict:
        judged = await tools.judge(
            JudgeInputs(
                rubric=self.rubric,
                request=told(answer.inputs),
                reference=answer.reference,
                answer=answer.text,
            )
        )
        passed = judged.verdict == "meets" or (self.partly and judged.verdict == "partly")
        return Verdict(rule=self.called, passed=passed, reason=judged.reason, judged=judged.verdict)


Rule = Annotated[
    Contains | Excludes | Matches | Length | Language | Cites | Similar | ToxicityBelow | SentimentIs
    | FieldEquals | Between | AskJudge,
    Field(discriminator="kind"),
]  # fmt: skip


def with_values(rule: Rule, values: Mapping[str, Any]) -> Rule:
    """The rule with its `{slots}` filled; in a pattern, as text and not as a pattern."""
    if rule.kind == "matches":
        values = {
            name: re.escape(each) if isinstance(each, str) else each
            for name, each in values.items()
        }
    return type(rule).model_validate(filled(rule.model_dump(), values))


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """A template with its `{slots}` filled, in texts, lists and tables. Unknown slots stay."""
    if isinstance(template, str):
        whole = _SLOT.fullmatch(template)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _SLOT.sub(lambda found: str(values.get(found[1], found[0])), template)
    if isinstance(template, Mapping):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled(value, values) for value in template]
    return template


def value_at(output: Any, path: str) -> Any:
    """The value under `a.b.0.c`; None where there is none."""
    for part in path.split(".") if path else []:
        if isinstance(output, Mapping):
            output = output.get(part)
        elif isinstance(output, Sequence) and not isinstance(output, str) and part.isdigit():
            output = output[int(part)] if int(part) < len(output) else None
        else:
            return None
    return output


def _holds(text: str, wanted: str) -> bool:
    return any(plain(each) in plain(text) for each in wanted.split("|"))


def _texts(value: Any, key: str = "") -> list[str]:
    """All texts within a value; with `key`, only those under fields of that name."""
    if isinstance(value, str):
        return [] if key else [value]
    if isinstance(value, Mapping):
        return [
            text
            for name, each in value.items()
            for text in (_texts(each) if name == key else _texts(each, key))
        ]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each, key)]
    return []


def told(inputs: Mapping[str, Any]) -> str:
    """Inputs as lines of text, for a judge and for reports."""
    shown = {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in inputs.items()
    }
    return "\n".join(f"{name}: {value}" for name, value in shown.items() if value not in ("", None))
