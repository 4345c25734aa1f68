"""Suites: many cases for one prompt or one operation, and the rules that each answer is judged by.

    prompt = "reply"                    # or: operation = "ask"
    bar = { passed = 0.9 }
    [[rule]]                            # for every case
    kind = "contains"
    texts = ["{author}"]
    [[case]]                            # one case …
    id = "thanks"
    inputs = { text = "Lovely kettle.", author = "Nadia" }
    [[cases]]                           # … or many: every combination of what stands under `each`
    id = "late-{author}"
    each = { author = ["Tom", "Maya"], about = [{ product = "lamp", topic = "bulb" }] }
    inputs = { text = "The {topic} of my {product} broke.", author = "{author}" }

`{name}` takes an input or a value of `each`; a text that is nothing but `"{name}"` takes the value itself,
whatever its type. Rules are told in `rules.py`.
"""

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stoa.base.errors import InvalidInput
from stoa.core.evaluation.rules import Rule, filled, with_values

MOST_CASES = 20_000


class SuiteCase(BaseModel):
    """One request, and what is right about its answer beside the suite's own rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    inputs: dict[str, Any]
    reference: str = ""
    """A good answer, for rules that compare."""
    rules: tuple[Rule, ...] = ()


class CaseTable(BaseModel):
    """Many cases at once: every combination of the lists under `each`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    each: dict[str, list[Any]] = Field(min_length=1)
    inputs: dict[str, Any]
    reference: str = ""
    rules: tuple[Rule, ...] = ()

    def cases(self) -> Iterator[SuiteCase]:
        """All combinations, the last list turning fastest."""
        for chosen in itertools.product(*self.each.values()):
            values: dict[str, Any] = {}
            for name, value in zip(self.each, chosen, strict=True):
                values |= value if isinstance(value, dict) else {name: value}
            yield SuiteCase(
                id=str(filled(self.id, values)),
                inputs=filled(self.inputs, values),
                reference=str(filled(self.reference, values)),
                rules=tuple(with_values(rule, values) for rule in self.rules),
            )


class Suite(BaseModel):
    """A suite as its file says it, its tables spread out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    prompt: str = ""
    """A prompt of the solution, by the name of its file without the ending."""
    operation: str = ""
    field: str = "text"
    """Which field of the output is the answer's text."""
    bar: dict[str, float] = Field(default_factory=lambda: {"passed": 1.0})
    """Least share by figure: `passed`, or the name of a rule."""
    rule: tuple[Rule, ...] = ()
    case: tuple[SuiteCase, ...] = Field(min_length=1, max_length=MOST_CASES)

    @model_validator(mode="after")
    def _is_runnable(self) -> "Suite":
        if bool(self.prompt) == bool(self.operation):
            raise ValueError("a suite is for a 'prompt' or an 'operation', for one of them")
        ids = [case.id for case in self.case]
        if (
            twice := next((each for each in ids if ids.count(each) > 1), "")
            if len(set(ids)) < len(ids)
            else ""
        ):
            raise ValueError(f"two cases are called '{twice}'")
        if not self.rule and not all(case.rules for case in self.case):
            raise ValueError("every case needs a rule, its own or one for all")
        return self

    @property
    def asks_a_judge(self) -> bool:
        """Whether some rule is put to a judge."""
        return any(
            rule.kind == "judge" for rule in (*self.rule, *(r for c in self.case for r in c.rules))
        )


def load_suite(path: Path) -> Suite:
    """Read a suite file.

    Raises:
        InvalidInput: it is missing, is no TOML, or says something that makes no sense.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = [CaseTable.model_validate(each) for each in content.pop("cases", [])]
        spread: list[Any] = [
            case for table in tables for case in itertools.islice(table.cases(), MOST_CASES + 1)
        ]
        return Suite.model_validate(
            {"name": path.stem, **content, "case": [*content.get("case", []), *spread]}
        )
    except OSError as error:
        raise InvalidInput(
            f"There is no suite '{path}'.", hint="Name a file, or one of the solution's suites/."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} is no TOML: {error}.", hint="Mend the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{path.name}, '{where}': {first['msg']}.", hint="Mend it.") from error
