"""Evaluation cases as they stand in a solution's `cases.toml`, read and checked."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stoa.base.errors import InvalidInput


class Case(BaseModel):
    """One request and what is right about its result.

    With `question`, the result is graded as a cited answer (see `graders.py`). With `expect`, every
    value in it must stand in the result at the same place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = ""
    request: dict[str, Any] = Field(default_factory=dict)
    """More fields of the request; `question` is added to them."""
    operation: str = ""
    """Empty: the operation named at the top of the file."""
    document: str = ""
    """Title or file name of the document that holds the answer."""
    pages: tuple[int, ...] = ()
    """Pages that hold it; empty: any page of the document."""
    contains: tuple[str, ...] = ()
    """Texts that must all stand in the answer; `a|b` takes either."""
    answerable: bool = True
    expect: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_gradable(self) -> "Case":
        if not self.question and self.expect is None:
            raise ValueError("a case needs a question or an 'expect'")
        if self.question and self.expect is None and self.answerable and not self.contains:
            raise ValueError("an answerable question needs 'contains'")
        return self

    @property
    def name(self) -> str:
        """What the case is called in a report."""
        return self.question or f"{self.operation} {self.request}"


class CaseFile(BaseModel):
    """All cases of a solution, and the bar they must pass."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    bar: dict[str, float] = Field(default_factory=dict)
    """Smallest passing value by name of a figure, such as `correct = 0.8`."""
    case: tuple[Case, ...] = Field(min_length=1)


def load_cases(folder: Path) -> CaseFile:
    """Read `cases.toml` of a solution's folder.

    Raises:
        InvalidInput: it is missing, is no TOML, or a case can't be graded.
    """
    path = folder / "cases.toml"
    try:
        return CaseFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"'{folder.name}' has no cases.toml.", hint="Write one beside its solution.py."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path.name} is no TOML: {error}.", hint="Mend the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{path.name}, '{where}': {first['msg']}.", hint="Mend it.") from error
