"""Durable runs over HTTP: look, follow, cancel, resume."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from stoa.app.rest.events import Event, EventStream, SendEvent
from stoa.app.rest.failures import RESPONSES, request_id_of
from stoa.app.rest.parts import Parts
from stoa.base.identity.caller import Caller
from stoa.core.flows.flows import RunView

_FOLLOW: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


def runs(parts: Parts) -> APIRouter:
    """The routes under `/api/runs`."""
    router = APIRouter(prefix="/api/runs", tags=["Runs"], responses=RESPONSES)
    flows = parts.dispatcher.platform.flows
    Signed = Annotated[Caller, Depends(parts.caller)]  # noqa: N806 - a type

    @router.get("", operation_id="runs.list", summary="List runs, newest first")
    async def show_all(
        caller: Signed, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> list[RunView]:
        return await flows.list(caller, limit=limit)

    @router.get("/{run_id}", operation_id="runs.show", summary="Show a run")
    async def show(caller: Signed, run_id: str) -> RunView:
        return await flows.show(caller, run_id)

    @router.get(
        "/{run_id}/events",
        operation_id="runs.events",
        summary="Follow a run as server-sent events",
        response_class=Response,
        responses=_FOLLOW,
    )
    async def events(
        request: Request,
        caller: Signed,
        run_id: str,
        last_event_id: Annotated[
            str, Header(description="Go on after this event.", pattern="^[0-9]{0,9}$")
        ] = "",
    ) -> Response:
        await flows.show(caller, run_id)  # a refusal still gets its own status

        async def work(send: SendEvent) -> None:
            async for event in flows.events(caller, run_id, after=int(last_event_id or 0)):
                await send(Event(event.kind, event.model_dump_json(), id=str(event.number)))
            ended = await flows.show(caller, run_id)
            await send(Event("end", ended.model_dump_json()))

        return EventStream(work, closing=parts.closing.wait, request_id=request_id_of(request))

    @router.post("/{run_id}/cancel", operation_id="runs.cancel", summary="Cancel a run")
    async def cancel(caller: Signed, run_id: str) -> RunView:
        return await flows.cancel(caller, run_id)

    @router.post("/{run_id}/resume", operation_id="runs.resume", summary="Resume a run")
    async def resume(caller: Signed, run_id: str) -> RunView:
        return await flows.resume(caller, run_id)

    return router
