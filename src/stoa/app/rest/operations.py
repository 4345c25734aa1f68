"""One POST route for each operation of each solution, typed in the OpenAPI document.

Made from the declarations alone: this file knows no solution by name.
"""

import inspect
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Request, Response
from pydantic import BaseModel

from stoa.app.rest.events import Event, EventStream, SendEvent
from stoa.app.rest.failures import RESPONSES, request_id_of
from stoa.app.rest.parts import Parts
from stoa.base.identity.caller import Caller
from stoa.contract import Operation, Route, Solution
from stoa.dispatch import RunStarted

JSON_LIMIT = 4 * 2**20
"""Largest request body of an operation, in bytes. Bigger things are uploaded as files first."""


class Progress(BaseModel):
    """How far an operation is."""

    message: str
    done: int
    total: int


def operations(parts: Parts) -> APIRouter:
    """The routes of every operation, and the plain GET routes that solutions add."""
    router = APIRouter(prefix="/api", responses=RESPONSES)
    for solution in parts.dispatcher.solutions.values():
        for operation in solution.operations:
            _add_operation(router, parts, solution, operation)
        for route in solution.routes:
            _add_route(router, parts, solution, route)
    return router


def _add_operation(
    router: APIRouter, parts: Parts, solution: Solution, operation: Operation
) -> None:
    endpoint = (
        _durable(parts, solution, operation)
        if operation.durable
        else _direct(parts, solution, operation)
    )
    responses: dict[int | str, dict[str, Any]] = {}
    if operation.streams is not None:
        responses[200] = {"content": {"text/event-stream": {"schema": _event_schema(operation)}}}
    if operation.durable:
        responses[202] = {"headers": {"Location": {"schema": {"type": "string"}}}}
    router.add_api_route(
        f"/{solution.name}/{operation.name}",
        endpoint,
        methods=["POST"],
        status_code=202 if operation.durable else 200,
        response_model=RunStarted if operation.durable else operation.result,
        operation_id=f"{solution.name}.{operation.name}",
        summary=operation.summary,
        description=inspect.getdoc(operation.run) or "",
        tags=[solution.title],
        responses=responses,
        openapi_extra={
            "x-roles": sorted(operation.roles),
            "x-durable": operation.durable,
            "x-destructive": operation.destructive,
        },
        max_body_size=JSON_LIMIT,
    )


def _direct(parts: Parts, solution: Solution, operation: Operation) -> Any:
    """Answers the result, or a stream of events to a client that accepts one."""

    async def endpoint(
        request: Request, caller: Caller, body: BaseModel, accept: str = ""
    ) -> BaseModel | Response:
        dispatcher = parts.dispatcher
        if "text/event-stream" not in accept:
            return await dispatcher.call(caller, solution.name, operation.name, body)

        async def work(send: SendEvent) -> None:
            async def on_event(event: BaseModel) -> None:
                await send(Event("emit", event.model_dump_json()))

            async def on_progress(message: str, done: int, total: int) -> None:
                note = Progress(message=message, done=done, total=total)
                await send(Event("progress", note.model_dump_json()))

            result = await dispatcher.call(
                caller,
                solution.name,
                operation.name,
                body,
                on_event=on_event,
                on_progress=on_progress,
            )
            await send(Event("result", result.model_dump_json()))

        dispatcher.admit(caller, solution, operation)  # a refusal still gets its own status
        return EventStream(work, closing=parts.closing.wait, request_id=request_id_of(request))

    accept = inspect.Parameter(
        "accept",
        inspect.Parameter.KEYWORD_ONLY,
        default="",
        annotation=Annotated[str, Header(include_in_schema=False)],
    )
    return _typed(endpoint, parts, operation, accept)


def _durable(parts: Parts, solution: Solution, operation: Operation) -> Any:
    """Starts a run and answers where to watch it."""

    async def endpoint(
        response: Response, caller: Caller, body: BaseModel, idempotency_key: str | None = None
    ) -> RunStarted:
        started = await parts.dispatcher.start(
            caller, solution.name, operation.name, body, key=idempotency_key
        )
        response.headers["Location"] = f"/api/runs/{started.run_id}"
        return started

    key = inspect.Parameter(
        "idempotency_key",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None,
            Header(description="The same key starts the work once.", max_length=100),
        ],
    )
    return _typed(endpoint, parts, operation, key)


def _typed(endpoint: Any, parts: Parts, operation: Operation, extra: inspect.Parameter) -> Any:
    """Give the endpoint the signature from which FastAPI reads what to take from a request."""
    kind = operation.request
    optional = not any(field.is_required() for field in kind.model_fields.values())
    body = Body(default_factory=kind) if optional else Body()
    own = next(iter(inspect.signature(endpoint).parameters.values()))
    keyword = inspect.Parameter.KEYWORD_ONLY
    endpoint.__signature__ = inspect.Signature(
        [
            own.replace(kind=keyword),
            inspect.Parameter(
                "caller", keyword, annotation=Annotated[Caller, Depends(parts.caller)]
            ),
            inspect.Parameter("body", keyword, annotation=Annotated[kind, body]),
            extra,
        ]
    )
    return endpoint


def _event_schema(operation: Operation) -> dict[str, Any]:
    assert operation.streams is not None
    return {
        "type": "string",
        "description": f"Events `emit` ({operation.streams.__name__}), `progress`, `result` "
        f"({operation.result.__name__}) or `error` (Problem).",
    }


def _add_route(router: APIRouter, parts: Parts, solution: Solution, route: Route) -> None:
    async def endpoint(
        request: Request, caller: Annotated[Caller, Depends(parts.caller)]
    ) -> Response:
        media_type, content = await route.answer(
            parts.dispatcher.platform, caller, request.path_params
        )
        return Response(content, media_type=media_type, headers={"Cache-Control": "private"})

    router.add_api_route(
        f"/{solution.name}/{route.path.lstrip('/')}",
        endpoint,
        methods=["GET"],
        response_class=Response,
        tags=[solution.title],
        summary=" ".join((inspect.getdoc(route.answer) or route.path).split("\n\n")[0].split()),
        operation_id=f"{solution.name}.{route.path.strip('/').replace('/', '.')}",
    )
