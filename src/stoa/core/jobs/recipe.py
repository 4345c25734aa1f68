"""Recipes: a pydantic model says what a job takes, a TOML file says what it is given.

Training code declares the model beside itself; a solution keeps the file beside its flow.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stoa.base.errors import InvalidInput

R = TypeVar("R", bound=BaseModel)


def read_recipe(kind: type[R], file: Path, changes: Mapping[str, Any] | None = None) -> R:
    """A recipe from a TOML file, with some values changed (`{"optimiser": {"rate": 0.1}}`).

    Raises:
        InvalidInput: the file is not TOML, or a value does not fit; `fields` says which.
    """
    try:
        plain = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"There is no recipe '{file.name}'.", hint="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"'{file.name}' is not TOML: {error}.", hint="Mend the file.") from error
    return make_recipe(kind, _merged(plain, changes or {}))


def make_recipe(kind: type[R], plain: Mapping[str, Any]) -> R:
    """A recipe from plain values. Raises InvalidInput as `read_recipe`."""
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        problems = [
            {"field": ".".join(str(part) for part in each["loc"]), "problem": each["msg"]}
            for each in error.errors()
        ]
        first = problems[0]
        raise InvalidInput(
            f"The recipe's '{first['field']}': {first['problem']}.",
            hint=f"See the fields of {kind.__name__}.",
            fields=problems,
        ) from error


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return merged
