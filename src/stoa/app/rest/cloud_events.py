"""Events over HTTP: send them in, read and follow the log, subscribe with webhooks, send again.

`POST /api/events` takes CloudEvents 1.0 (structured, batched, binary), with an API key or a session;
`POST /api/events/sources/{id}` takes them from senders that sign (Standard Webhooks) instead, but for the binary mode.
"""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from stoa.app.rest.events import Event, EventStream, SendEvent
from stoa.app.rest.failures import RESPONSES, request_id_of
from stoa.app.rest.parts import Parts
from stoa.base.errors import TooLarge
from stoa.base.identity.caller import Caller
from stoa.contract import Request as Body
from stoa.core.events.binding import BODY_LIMIT, read_events
from stoa.core.events.log import MOST, DeliveryView, EventView
from stoa.core.events.sources import SourceView
from stoa.core.events.subscriptions import SubscriptionView
from stoa.core.events.tables import DeliveryState
from stoa.dispatch import PublishedType

_LARGEST = 2**53
_CLOUD_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        **{name: {"type": "string"} for name in ("specversion", "id", "source", "type", "subject")},
        "data": {},
    },
}
_EVENT_BODY = {
    "requestBody": {
        "required": True,
        "description": "CloudEvents 1.0: structured, batched, or any body with `ce-` headers.",
        "content": {
            "application/cloudevents+json": {"schema": _CLOUD_EVENT},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "items": _CLOUD_EVENT}
            },
        },
    }
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


class Received(BaseModel):
    """What became of events that were sent in."""

    accepted: int
    duplicates: int
    """They had come before, by source and id."""


class NewSubscription(Body):
    """A webhook to be."""

    url: str = Field(min_length=1, max_length=2000, description="Where events are posted to.")
    types: list[str] = Field(["*"], description="Event types; `*` stands for any characters.")
    title: str = Field("", max_length=200, description="To tell webhooks apart.")


class ChangedSubscription(Body):
    """What to change of a webhook; what is left out stays."""

    url: str | None = Field(None, min_length=1, max_length=2000)
    types: list[str] | None = None
    title: str | None = Field(None, max_length=200)
    active: bool | None = None


class NewSecret(Body):
    """How to replace a secret."""

    overlap_hours: float = Field(
        24, ge=0, le=720, description="For so long the secret before signs too."
    )


class NewSource(Body):
    """A sender that signs."""

    title: str = Field(min_length=1, max_length=200)
    types: list[str] = Field(description="Event types that it may send; `*` for any characters.")
    secret: str | None = Field(None, max_length=200, description="Its own; none: a new one.")


class Replay(Body):
    """What to send again."""

    subscription: str | None = Field(None, max_length=120, description="Only to this consumer.")
    events: list[str] | None = Field(
        None, max_length=1000, description="These events; none: all that are dead letters."
    )


class Replayed(BaseModel):
    """How many deliveries were put back."""

    deliveries: int


class WithSecret(BaseModel):
    """A webhook or source with its secret, which is shown this once."""

    secret: str
    subscription: SubscriptionView | None = None
    source: SourceView | None = None


def cloud_events(parts: Parts) -> APIRouter:
    """The routes under `/api/events`."""
    router = APIRouter(prefix="/api/events", tags=["Events"], responses=RESPONSES)
    _add_subscriptions(router, parts)
    _add_sources(router, parts)
    _add_log(router, parts)
    return router


def _add_log(router: APIRouter, parts: Parts) -> None:
    events = parts.dispatcher.platform.events
    Signed = Annotated[Caller, Depends(parts.caller)]  # noqa: N806 - a type
    Types = Annotated[str, Query(max_length=2000, description="Comma-separated; `*` for any.")]  # noqa: N806
    Limit = Annotated[int, Query(ge=1, le=MOST)]  # noqa: N806 - a type

    @router.post(
        "",
        operation_id="events.receive",
        summary="Send events in",
        status_code=202,
        openapi_extra=_EVENT_BODY,
    )
    async def receive(request: Request, caller: Signed) -> Received:
        """All of a batch, or none. An event of the same source and id is taken once."""
        events.admit_publisher(caller)
        found = read_events(_headers(request), await _body(request))
        fresh = await events.receive_all(caller.workspace_id, found)
        return Received(accepted=fresh, duplicates=len(found) - fresh)

    @router.get("", operation_id="events.list", summary="The event log, newest first")
    async def show_all(
        caller: Signed,
        types: Types = "*",
        before: Annotated[str | None, Query(max_length=40)] = None,
        limit: Limit = 50,
    ) -> list[EventView]:
        chosen = [] if types == "*" else _types(types)
        return await events.log.list(caller, types=chosen, before=before, limit=limit)

    @router.get("/types", operation_id="events.types", summary="The types that solutions publish")
    async def published(_caller: Signed) -> list[PublishedType]:
        return parts.dispatcher.published_types()

    @router.get(
        "/stream",
        operation_id="events.stream",
        summary="Follow the log as server-sent events",
        response_class=Response,
        responses=_STREAM,
    )
    async def stream(
        request: Request,
        caller: Signed,
        types: Types = "*",
        after: Annotated[int | None, Query(ge=0, le=_LARGEST)] = None,
        last_event_id: Annotated[
            str, Header(description="Go on after this event.", pattern="^[0-9]{0,15}$")
        ] = "",
    ) -> Response:
        """Each event is a CloudEvent as JSON under its number. Without `after` or `Last-Event-ID`:
        only what comes from now on."""
        start = int(last_event_id) if last_event_id else after
        following = events.follow(caller, _types(types), after=start)

        async def work(send: SendEvent) -> None:
            async for number, event in following:
                await send(Event("event", event.model_dump_json(exclude_none=True), id=f"{number}"))

        return EventStream(work, closing=parts.closing.wait, request_id=request_id_of(request))

    @router.get("/deliveries", operation_id="events.deliveries", summary="Who was told what")
    async def deliveries(
        caller: Signed,
        event: Annotated[str | None, Query(max_length=40)] = None,
        subscription: Annotated[str | None, Query(max_length=120)] = None,
        state: DeliveryState | None = None,
        limit: Limit = 50,
    ) -> list[DeliveryView]:
        found = await events.log.deliveries(
            caller, event_id=event, consumer=subscription, state=state, limit=limit
        )
        return [*found]

    @router.post("/replay", operation_id="events.replay", summary="Send again")
    async def replay(caller: Signed, body: Replay) -> Replayed:
        count = await events.log.replay(caller, consumer=body.subscription, event_ids=body.events)
        events.wake()
        return Replayed(deliveries=count)

    @router.get("/{event_id}", operation_id="events.show", summary="Show an event")
    async def show(caller: Signed, event_id: str) -> EventView:
        return await events.log.show(caller, event_id)


def _add_subscriptions(router: APIRouter, parts: Parts) -> None:
    webhooks = parts.dispatcher.platform.events.subscriptions
    Signed = Annotated[Caller, Depends(parts.caller)]  # noqa: N806 - a type
    path = "/subscriptions"

    @router.get(path, operation_id="subscriptions.list", summary="List webhooks")
    async def show_all(caller: Signed) -> list[SubscriptionView]:
        return await webhooks.list(caller)

    @router.post(path, operation_id="subscriptions.add", summary="Add a webhook", status_code=201)
    async def add(caller: Signed, body: NewSubscription) -> WithSecret:
        """The secret, with which you check the signature, is shown this once."""
        view, secret = await webhooks.add(caller, url=body.url, types=body.types, title=body.title)
        return WithSecret(secret=secret, subscription=view)

    @router.get(
        f"{path}/{{subscription_id}}", operation_id="subscriptions.show", summary="Show a webhook"
    )
    async def show(caller: Signed, subscription_id: str) -> SubscriptionView:
        return await webhooks.show(caller, subscription_id)

    @router.patch(
        f"{path}/{{subscription_id}}",
        operation_id="subscriptions.change",
        summary="Change, pause or resume a webhook",
    )
    async def change(
        caller: Signed, subscription_id: str, body: ChangedSubscription
    ) -> SubscriptionView:
        return await webhooks.change(
            caller,
            subscription_id,
            url=body.url,
            types=body.types,
            title=body.title,
            active=body.active,
        )

    @router.delete(
        f"{path}/{{subscription_id}}",
        operation_id="subscriptions.remove",
        summary="Remove a webhook",
        status_code=204,
    )
    async def remove(caller: Signed, subscription_id: str) -> None:
        await webhooks.remove(caller, subscription_id)

    @router.post(
        f"{path}/{{subscription_id}}/secret",
        operation_id="subscriptions.secret",
        summary="Replace a webhook's secret",
    )
    async def rotate(caller: Signed, subscription_id: str, body: NewSecret) -> WithSecret:
        """For a while messages carry two signatures, by the new secret and by the one before."""
        overlap = timedelta(hours=body.overlap_hours)
        return WithSecret(secret=await webhooks.rotate(caller, subscription_id, overlap=overlap))


def _add_sources(router: APIRouter, parts: Parts) -> None:
    events = parts.dispatcher.platform.events
    Signed = Annotated[Caller, Depends(parts.caller)]  # noqa: N806 - a type

    @router.get("/sources", operation_id="sources.list", summary="List senders that sign")
    async def show_all(caller: Signed) -> list[SourceView]:
        return await events.sources.list(caller)

    @router.post(
        "/sources", operation_id="sources.add", summary="Add a sender that signs", status_code=201
    )
    async def add(caller: Signed, body: NewSource) -> WithSecret:
        view, secret = await events.sources.add(
            caller, title=body.title, types=body.types, secret=body.secret
        )
        return WithSecret(secret=secret, source=view)

    @router.delete(
        "/sources/{source_id}",
        operation_id="sources.remove",
        summary="Remove a sender that signs",
        status_code=204,
    )
    async def remove(caller: Signed, source_id: str) -> None:
        await events.sources.remove(caller, source_id)

    @router.post(
        "/sources/{source_id}",
        operation_id="sources.receive",
        summary="Send events in, signed",
        status_code=202,
        openapi_extra=_EVENT_BODY,
    )
    async def receive(request: Request, source_id: str) -> Received:
        """Instead of a key: the signature of Standard Webhooks, by the secret of the source."""
        headers = _headers(request)
        workspace, found = await events.sources.read(source_id, headers, await _body(request))
        fresh = await events.receive_all(workspace, found)
        return Received(accepted=fresh, duplicates=len(found) - fresh)


async def _body(request: Request) -> bytes:
    """The whole body; one that is too large is given up as soon as that is known."""
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > BODY_LIMIT:
            raise TooLarge(
                f"The request is larger than {BODY_LIMIT // 2**20} MiB.", hint="Send fewer events."
            )
    return bytes(pieces)


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _types(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()] or ["*"]
