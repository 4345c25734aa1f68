"""Errors as data: the one shape (RFC 9457 problem details) in which they leave Stoa, and the way back.

REST answers it, event streams carry it, MCP quotes it, the CLI prints it and reads it from a remote
server. This file knows none of those faces.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from stoa.base.errors import Bug, InvalidInput, LimitReached, ProviderError, StoaError, error_types

_KINDS = {kind.code: kind for kind in error_types()}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    problem: str


class Problem(BaseModel):
    """An error, as any client of Stoa sees it."""

    type: str = "about:blank"
    title: str
    """The kind of error in words; the same for every error of one code."""
    status: int
    code: str
    detail: str
    """What happened."""
    hint: str = ""
    """What to do about it."""
    request_id: str = ""
    fields: list[FieldProblem] = Field(default_factory=list)
    retry_after: float | None = None
    """Seconds after which trying again makes sense."""


def problem_of(error: StoaError, request_id: str = "") -> Problem:
    """The public form of an error. Of its details only `fields` leaves the house."""
    return Problem(
        title=_title(type(error)),
        status=error.status,
        code=error.code,
        detail=error.message,
        hint=error.hint,
        request_id=request_id,
        fields=[FieldProblem.model_validate(each) for each in error.details.get("fields", [])],
        retry_after=error.retry_after if isinstance(error, LimitReached) else None,
    )


def error_of(problem: Mapping[str, Any]) -> StoaError:
    """The error that a problem, or the `error` of a run, tells of."""
    kind = _KINDS.get(str(problem.get("code", "")), Bug)
    message = str(problem.get("detail") or problem.get("message") or "The work failed.")
    hint = str(problem.get("hint") or "")
    if issubclass(kind, LimitReached):
        return kind(message, hint=hint, retry_after=float(problem.get("retry_after") or 60))
    if issubclass(kind, ProviderError):
        return kind(message, hint=hint, retryable=bool(problem.get("retryable", False)))
    return kind(message, hint=hint, fields=problem.get("fields") or [])


def refusal(errors: list[Any], *, hint: str) -> InvalidInput:
    """One error for what pydantic or FastAPI found wrong with a request."""
    fields = [
        {"field": _path(each["loc"]), "problem": str(each["msg"]).removeprefix("Value error, ")}
        for each in errors
    ]
    first = fields[0]
    where = f"'{first['field']}': " if first["field"] else ""
    return InvalidInput(f"{where}{first['problem'].rstrip('.')}.", hint=hint, fields=fields)


def invalid(error: ValidationError, *, hint: str) -> InvalidInput:
    """`refusal` for a pydantic error."""
    return refusal(list(error.errors(include_url=False, include_input=False)), hint=hint)


def unforeseen(request_id: str) -> Bug:
    """What callers are told of an error that nobody foresaw: an id to quote, and nothing else."""
    return Bug(
        "Something went wrong in Stoa.",
        hint=f"Report it with the id {request_id}; the log of the server has it too.",
    )


def _title(kind: type[StoaError]) -> str:
    words = "".join(
        f" {letter.lower()}" if letter.isupper() else letter for letter in kind.__name__
    )
    return words.strip().capitalize()


def _path(location: tuple[int | str, ...]) -> str:
    inside = location[1:] if location and location[0] in {"body", "query", "path"} else location
    return ".".join(str(part) for part in inside)
