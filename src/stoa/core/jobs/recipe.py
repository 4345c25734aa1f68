"""Recipes: a pydantic model, declared beside the training code, says what a job takes."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stoa.base.errors import InvalidInput

R = TypeVar("R", bound=BaseModel)


def make_recipe(kind: type[R], plain: Mapping[str, Any]) -> R:
    """A recipe from plain values. Raises InvalidInput where one does not fit; `fields` says which."""
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
