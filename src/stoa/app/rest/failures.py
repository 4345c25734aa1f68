"""Errors to HTTP, once: every refusal of every route is problem+json with a hint and a request id."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.responses import Response

from stoa.app.problems import Problem, problem_of, refusal
from stoa.base.errors import InvalidInput, LimitReached, NotFound, NotSignedIn, StoaError, TooLarge

MEDIA_TYPE = "application/problem+json"
_SEE = "/api/openapi.json says what there is and what it takes."

_STATUSES = {
    400: "The request can't be read.",
    401: "No valid key or session.",
    403: "Neither role nor key scope allows it.",
    404: "Absent, or not yours to see.",
    409: "Clashes with what is there.",
    413: "Over a stated limit.",
    415: "Content of a kind that nothing here reads.",
    422: "The request does not fit.",
    429: "A rate limit or a budget is used up.",
    500: "A bug of ours.",
    502: "A model provider failed.",
    503: "The operator must act.",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in _STATUSES.items()
}
"""What any operation may answer beside its result, for the OpenAPI document."""


class Described(FastAPI):
    """FastAPI whose OpenAPI document explains the problems that every route may answer."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        document = super().openapi()
        _, made = models_json_schema(
            [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
        )
        document["components"]["schemas"].update(made["$defs"])
        return document


def handle_failures(app: FastAPI) -> None:
    """Make the application answer problem+json to every error that somebody foresaw."""
    app.add_exception_handler(StoaError, _stoa_error)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_exception_handler(HTTPException, _http_error)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response."""
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=problem.status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def request_id_of(request: Request) -> str:
    """The id under which the log knows this request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def answer_error(error: StoaError, request_id: str) -> Response:
    """An error that somebody foresaw, as a response."""
    headers: dict[str, str] = {}
    if isinstance(error, LimitReached):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="stoa"'
    return answer(problem_of(error, request_id), headers)


async def _stoa_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoaError)
    return answer_error(error, request_id_of(request))


async def _misfit(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = refusal(list(error.errors()), hint=_SEE)
    return answer(problem_of(found, request_id_of(request)))


async def _http_error(request: Request, error: Exception) -> Response:
    """What the frameworks below refuse by themselves: no such path, wrong method, body too large."""
    assert isinstance(error, HTTPException)
    kinds: dict[int, StoaError] = {
        404: NotFound(f"There is nothing at {request.url.path}.", hint=_SEE),
        413: TooLarge("The body is over the limit.", hint="Send less, or upload it as a file."),
    }
    known = kinds.get(error.status_code, InvalidInput(f"{error.detail}.", hint=_SEE))
    problem = problem_of(known, request_id_of(request))
    return answer(problem.model_copy(update={"status": error.status_code}), error.headers)
