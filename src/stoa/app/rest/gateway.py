"""`/v1`: Stoa's models for any client that speaks OpenAI's protocol, with a Stoa key.

    OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="stoa_…")

Models are asked for by role (`stoa-strong`, `stoa-fast`, `stoa-vision`, `stoa-embedding`) or by the
configured `provider:model`. Calls are booked in the ledger, limits apply, and errors have OpenAI's
shape, so that clients understand them. The key needs the scope `v1`.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from stoa.base.database import new_id, now
from stoa.base.errors import Forbidden, InvalidInput, LimitReached, StoaError
from stoa.base.identity.caller import Caller
from stoa.core.models.models import Models
from stoa.core.models.wire import ChatRequest, EmbeddingRequest, pack
from stoa.dispatch import Dispatcher

SCOPE = "v1"
Json = dict[str, Any]

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def gateway(dispatcher: Dispatcher, caller: Callable[..., Any]) -> APIRouter:
    """The routes; `caller` is the dependency that proves who calls."""
    models = dispatcher.platform.models
    router = APIRouter(prefix="/v1", tags=["gateway"], route_class=_OpenAIRoute)

    async def admitted(proven: Annotated[Caller, Depends(caller)]) -> Caller:
        if not proven.may(SCOPE):
            raise Forbidden(
                "This key may not use the gateway.", hint=f"Make one with the scope {SCOPE}."
            )
        return proven

    @router.get("/models")
    async def list_models(_caller: Annotated[Caller, Depends(admitted)]) -> Json:
        """The models that can be asked for."""
        return {"object": "list", "data": [_model(name) for name in models.offered()]}

    @router.get("/models/{name:path}")
    async def show_model(name: str, _caller: Annotated[Caller, Depends(admitted)]) -> Json:
        """One model."""
        models.offer(name)
        return _model(name)

    @router.post("/chat/completions", response_model=None)
    async def chat(body: ChatRequest, caller: Annotated[Caller, Depends(admitted)]) -> Response:
        """An answer to a conversation, whole or in pieces (`stream`)."""
        models.offer(body.model)  # before anything is loaded for it
        if body.stream:
            return await _stream(models, body, caller)
        from stoa.core.models.speech import completion, conversation_of  # noqa: PLC0415 - heavy

        spoken = await models.converse(body.model, conversation_of(body), caller=caller)
        whole = completion(spoken.response, body.model, new_id("chatcmpl"), spoken.usage)
        return JSONResponse(whole, headers={"x-stoa-answered-by": spoken.answered_by})

    @router.post("/embeddings")
    async def embeddings(
        body: EmbeddingRequest, caller: Annotated[Caller, Depends(admitted)]
    ) -> Json:
        """Unit vectors of texts. Works offline, too."""
        vectors, tokens = await models.embed_for(body.model, body.texts(), caller=caller)
        return {
            "object": "list",
            "model": body.model,
            "data": [
                {"object": "embedding", "index": i, "embedding": pack(v, body.encoding_format)}
                for i, v in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    return router


async def _stream(models: Models, body: ChatRequest, caller: Caller) -> Response:
    """Server-sent events. The first is awaited here, so that a refusal still has its status."""
    from stoa.core.models.speech import conversation_of  # noqa: PLC0415 - heavy

    events = models.converse_stream(body.model, conversation_of(body), caller=caller)
    try:
        first = await anext(events)
    except BaseException:
        await events.aclose()
        raise
    usage_wanted = body.stream_options is not None and body.stream_options.include_usage
    chunks = _chunks(first, events, body.model, usage_wanted=usage_wanted)
    return _Events(chunks)


async def _chunks(
    first: Any, events: Any, model: str, *, usage_wanted: bool
) -> AsyncGenerator[str]:
    from stoa.core.models.conversation import Spoken  # noqa: PLC0415 - heavy
    from stoa.core.models.speech import Deltas, finish_reason, used  # noqa: PLC0415 - heavy

    ident, created, deltas = new_id("chatcmpl"), int(now().timestamp()), Deltas()

    def chunk(choices: list[Json], **more: Any) -> str:
        head = {"id": ident, "object": "chat.completion.chunk", "created": created, "model": model}
        return _event({**head, "choices": choices, **more})

    async with aclosing(events):
        try:
            yield chunk([_choice({"role": "assistant", "content": ""})])
            async for event in _and_then(first, events):
                if isinstance(event, Spoken):
                    yield chunk([_choice({}, finish_reason(event.response))])
                    if usage_wanted:
                        yield chunk([], usage=used(event.usage))
                elif (delta := deltas.of(event)) is not None:
                    yield chunk([_choice(delta)])
            yield "data: [DONE]\n\n"
        except StoaError as error:  # the status is out; the failure goes where the text went
            yield _event(_shape(error))


class _Events(StreamingResponse):
    """Server-sent events that are closed the moment nobody reads them any more, wherever they stand:
    the provider's stream ends with them, and the call is booked."""

    def __init__(self, chunks: AsyncGenerator[str]) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(chunks, media_type="text/event-stream", headers=headers)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks):
            await super().__call__(scope, receive, send)


async def _and_then(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for each in rest:
        yield each


def _choice(delta: Json, reason: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "finish_reason": reason}


def _event(data: Json) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "stoa"}


def _shape(error: StoaError) -> Json:
    """An error as OpenAI's clients expect it; the hint belongs to the message."""
    kind = _TYPES.get(error.status)
    if kind is None:
        kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"error": {"message": str(error), "type": kind, "code": error.code, "param": None}}


class _OpenAIRoute(APIRoute):
    """A route whose errors have OpenAI's shape, those of its dependencies included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors translated."""
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"][1:])
                refusal = InvalidInput(f"'{where}': {first['msg']}.", hint="See OpenAI's API.")
                return JSONResponse(_shape(refusal), 400)
            except StoaError as error:
                headers = {}
                if isinstance(error, LimitReached):
                    headers["retry-after"] = str(max(1, round(error.retry_after)))
                    # Their clients would wait for it on their own, for hours if need be.
                    headers["x-should-retry"] = "false"
                return JSONResponse(_shape(error), error.status, headers=headers)

        return translated
