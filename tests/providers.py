"""A real HTTP server that speaks the wire formats of model providers, and does as it is told.

    with running_stub() as stub:
        stub.plan(Status(429, retry_after=1), Answer(output={"answer": "yes"}))

OpenAI chat completions and embeddings, Anthropic messages, Amazon Bedrock Converse: plain and
streaming, Bedrock's binary event stream included. Each request takes the next act of the plan; with
the plan empty it gets a plain `Answer`. What came in is kept in `stub.received`.
"""

import base64
import hashlib
import json
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

INPUT_TOKENS, OUTPUT_TOKENS = 11, 7
DIMENSIONS = 8
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """Say `text`, or call a tool: `output` calls the first tool there is, `call` the named one."""

    text: str = "Hello there."
    output: Json | None = None
    call: tuple[str, Json] | None = None
    pause: float = 0.0
    """Seconds between the pieces of a stream."""


@dataclass(frozen=True)
class Status:
    """Fail with an HTTP status, as the provider words it."""

    code: int
    retry_after: int | None = None


@dataclass(frozen=True)
class Hang:
    """Say nothing until the caller hangs up, or so many seconds have passed."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Malformed:
    """Answer 200 with something that is no JSON."""


@dataclass(frozen=True)
class Cut:
    """Break off in the middle of an answer."""

    text: str = "Hello there, this is never"
    output: Json | None = None
    call: tuple[str, Json] | None = None


Act = Answer | Status | Hang | Malformed | Cut


@dataclass
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: Json


@dataclass
class Stub:
    """The server's address, its plan and its memory."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    hung_up: int = 0
    """Callers that went away before their answer was whole."""
    acts: deque[Act] = field(default_factory=deque)
    _round: int = 0

    def forget(self) -> None:
        """Begin anew: what is still under way counts no more."""
        self._round += 1
        self.acts.clear()
        self.received.clear()
        self.hung_up = 0

    def plan(self, *acts: Act) -> None:
        """What to do next, one act a request."""
        self.acts.extend(acts)

    async def answer(self, request: Request) -> Response:
        """The next act, in the wire format of the path asked for."""
        body = json.loads(await request.body())
        self.received.append(Received(request.url.path, dict(request.headers), body))
        wire = _wire(request.url.path, body)
        act = self.acts.popleft() if self.acts else Answer()
        match act:
            case Status():
                return wire.failure(act)
            case Hang():
                await self._hang(request, act.seconds)
                return Response(status_code=504)
            case Malformed():
                return Response("<html>Bad gateway</html>", media_type="application/json")
            case Cut() if not wire.streams:
                whole = json.dumps(wire.whole(Answer(act.text, act.output, act.call)))
                return StreamingResponse(_broken(whole), media_type="application/json")
            case Cut():
                pieces = wire.pieces(Answer(act.text, act.output, act.call))
                return StreamingResponse(_broken_pieces(pieces), media_type=wire.stream_type)
            case Answer() if not wire.streams:
                return JSONResponse(wire.whole(act))
            case _:
                watched = self._watched(wire.pieces(act), act.pause)
                return StreamingResponse(watched, media_type=wire.stream_type)

    async def embed(self, request: Request) -> Response:
        """OpenAI embeddings: a unit vector made from the text's hash."""
        body = json.loads(await request.body())
        self.received.append(Received(request.url.path, dict(request.headers), body))
        act = self.acts.popleft() if self.acts else Answer()
        if isinstance(act, Status):
            return _OpenAI(body).failure(act)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        packed = body.get("encoding_format") == "base64"
        return JSONResponse(
            {
                "object": "list",
                "model": body["model"],
                "data": [
                    {"object": "embedding", "index": i, "embedding": _vector(text, packed)}
                    for i, text in enumerate(texts)
                ],
                "usage": {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS},
            }
        )

    async def rerank(self, request: Request) -> Response:
        """Scores of documents: how many words of the query each has; best first."""
        body = json.loads(await request.body())
        self.received.append(Received(request.url.path, dict(request.headers), body))
        act = self.acts.popleft() if self.acts else Answer()
        if isinstance(act, Status):
            return _OpenAI(body).failure(act)
        if isinstance(act, Malformed):
            return Response("<html>Bad gateway</html>", media_type="application/json")
        asked = set(body["query"].lower().split())
        scores = [len(asked & set(text.lower().split())) for text in body["documents"]]
        best_first = sorted(range(len(scores)), key=lambda index: -scores[index])
        results = [{"index": i, "relevance_score": float(scores[i])} for i in best_first]
        return JSONResponse({"results": results, "usage": {"total_tokens": INPUT_TOKENS}})

    async def _hang(self, request: Request, seconds: float) -> None:
        begun, end = self._round, time.monotonic() + seconds
        while time.monotonic() < end:
            if await request.is_disconnected():
                self.hung_up += begun == self._round
                return
            await anyio.sleep(0.02)

    async def _watched(self, pieces: list[bytes], pause: float) -> AsyncIterator[bytes]:
        begun, whole = self._round, False
        try:
            for piece in pieces:
                yield piece
                await anyio.sleep(pause)
            whole = True
        finally:
            self.hung_up += begun == self._round and not whole


async def _broken(text: str) -> AsyncIterator[bytes]:
    yield text[: len(text) // 2].encode()
    raise ConnectionAbortedError


async def _broken_pieces(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces[: len(pieces) // 2 + 1]:
        yield piece
        await anyio.sleep(0.01)
    raise ConnectionAbortedError


def _vector(text: Any, packed: bool) -> Any:
    seed = int.from_bytes(hashlib.sha256(str(text).encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS).astype("<f4")
    vector /= np.linalg.norm(vector)
    return base64.b64encode(vector.tobytes()).decode() if packed else vector.tolist()


def _halves(text: str) -> list[str]:
    """In pieces of a few characters, as models send them."""
    return [text[i : i + 6] for i in range(0, len(text), 6)]


class _Wire:
    """One request in one provider's format."""

    stream_type = "text/event-stream"

    def __init__(self, body: Json) -> None:
        self.body = body

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    def tools(self) -> list[str]:
        raise NotImplementedError

    def whole(self, act: Answer) -> Json:
        raise NotImplementedError

    def pieces(self, act: Answer) -> list[bytes]:
        raise NotImplementedError

    def failure(self, act: Status) -> Response:
        raise NotImplementedError

    def called(self, act: Answer) -> tuple[str, Json] | None:
        """Name and arguments of the tool to call, if any."""
        if act.output is not None:
            return self.tools()[0], act.output
        return act.call

    def headers(self, act: Status) -> dict[str, str]:
        return {} if act.retry_after is None else {"retry-after": str(act.retry_after)}


class _OpenAI(_Wire):
    def tools(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.body.get("tools", [])]

    def whole(self, act: Answer) -> Json:
        message: Json = {"role": "assistant", "content": act.text}
        if called := self.called(act):
            function = {"name": called[0], "arguments": json.dumps(called[1])}
            call = {"id": "call_1", "type": "function", "function": function}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        reason = "tool_calls" if called else "stop"
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": self.body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": self._usage(),
        }

    def pieces(self, act: Answer) -> list[bytes]:
        called = self.called(act)
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        if called:
            start = {"name": called[0], "arguments": ""}
            deltas.append(
                {
                    "tool_calls": [
                        {"index": 0, "id": "call_1", "type": "function", "function": start}
                    ]
                }
            )
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                for part in _halves(json.dumps(called[1]))
            ]
        else:
            deltas += [{"content": part} for part in _halves(act.text)]
        chunks = [self._chunk([{"index": 0, "delta": delta}]) for delta in deltas]
        reason = "tool_calls" if called else "stop"
        chunks.append(self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))
        chunks.append({**self._chunk([]), "usage": self._usage()})
        return [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [
            b"data: [DONE]\n\n"
        ]

    def _chunk(self, choices: list[Json]) -> Json:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": self.body["model"],
            "choices": choices,
        }

    def _usage(self) -> Json:
        return {
            "prompt_tokens": INPUT_TOKENS,
            "completion_tokens": OUTPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        }

    def failure(self, act: Status) -> Response:
        kinds = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
        error = {"message": "as planned", "type": "error", "code": kinds.get(act.code)}
        return JSONResponse({"error": error}, act.code, headers=self.headers(act))


class _Anthropic(_Wire):
    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.body.get("tools", [])]

    def _block(self, act: Answer) -> tuple[Json, str]:
        if called := self.called(act):
            block = {"type": "tool_use", "id": "toolu_1", "name": called[0], "input": called[1]}
            return block, "tool_use"
        return {"type": "text", "text": act.text}, "end_turn"

    def _message(self) -> Json:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": self.body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
        }

    def whole(self, act: Answer) -> Json:
        block, reason = self._block(act)
        return {**self._message(), "content": [block], "stop_reason": reason}

    def pieces(self, act: Answer) -> list[bytes]:
        block, reason = self._block(act)
        if block["type"] == "text":
            empty: Json = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": part} for part in _halves(act.text)]
        else:
            empty = {**block, "input": {}}
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in _halves(text)]
        events: list[Json] = [
            {"type": "message_start", "message": self._message()},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": OUTPUT_TOKENS},
            },
            {"type": "message_stop"},
        ]
        return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]

    def failure(self, act: Status) -> Response:
        kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
        error = {"type": kinds.get(act.code, "api_error"), "message": "as planned"}
        return JSONResponse({"type": "error", "error": error}, act.code, headers=self.headers(act))


class _Bedrock(_Wire):
    stream_type = "application/vnd.amazon.eventstream"

    def __init__(self, body: Json, *, streams: bool) -> None:
        super().__init__(body)
        self._streams = streams

    @property
    def streams(self) -> bool:
        return self._streams

    def tools(self) -> list[str]:
        return [tool["toolSpec"]["name"] for tool in self.body["toolConfig"]["tools"]]

    def _usage(self) -> Json:
        total = INPUT_TOKENS + OUTPUT_TOKENS
        return {"inputTokens": INPUT_TOKENS, "outputTokens": OUTPUT_TOKENS, "totalTokens": total}

    def whole(self, act: Answer) -> Json:
        content: Json = {"text": act.text}
        if called := self.called(act):
            content = {"toolUse": {"toolUseId": "tool_1", "name": called[0], "input": called[1]}}
        return {
            "output": {"message": {"role": "assistant", "content": [content]}},
            "stopReason": "tool_use" if called else "end_turn",
            "usage": self._usage(),
            "metrics": {"latencyMs": 1},
        }

    def pieces(self, act: Answer) -> list[bytes]:
        called = self.called(act)
        events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
        if called:
            start = {"toolUse": {"toolUseId": "tool_1", "name": called[0]}}
            events.append(("contentBlockStart", {"contentBlockIndex": 0, "start": start}))
            deltas: list[Json] = [
                {"toolUse": {"input": part}} for part in _halves(json.dumps(called[1]))
            ]
        else:
            deltas = [{"text": part} for part in _halves(act.text)]
        events += [
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}) for delta in deltas
        ]
        events += [
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "tool_use" if called else "end_turn"}),
            ("metadata", {"usage": self._usage(), "metrics": {"latencyMs": 1}}),
        ]
        return [_frame(kind, payload) for kind, payload in events]

    def failure(self, act: Status) -> Response:
        kinds = {
            401: "UnrecognizedClientException",
            404: "ResourceNotFoundException",
            429: "ThrottlingException",
            500: "InternalServerException",
            503: "ServiceUnavailableException",
        }
        headers = {
            **self.headers(act),
            "x-amzn-errortype": kinds.get(act.code, "ModelErrorException"),
        }
        return JSONResponse({"message": "as planned"}, act.code, headers=headers)


def _frame(kind: str, payload: Json) -> bytes:
    """One message of AWS's event stream: lengths, checksum, headers, JSON, checksum."""
    headers = b""
    for name, value in (
        (":message-type", "event"),
        (":event-type", kind),
        (":content-type", "application/json"),
    ):
        headers += struct.pack("!B", len(name)) + name.encode()
        headers += struct.pack("!BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


def _wire(path: str, body: Json) -> _Wire:
    if path.endswith("/chat/completions"):
        return _OpenAI(body)
    if path.endswith("/messages"):
        return _Anthropic(body)
    return _Bedrock(body, streams=path.endswith("/converse-stream"))


Lifespan = Literal["on", "off"]


def serve(application: Any, lifespan: Lifespan) -> tuple[uvicorn.Server, threading.Thread, str]:
    """Serve an ASGI application on a free port of loopback, in a thread."""
    config = uvicorn.Config(application, port=0, log_config=None, lifespan=lifespan)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    return server, thread, f"http://127.0.0.1:{port}"


@contextmanager
def serving(application: Any, *, lifespan: Lifespan = "off") -> Iterator[str]:
    """The address of `application` while the block lasts."""
    server, thread, url = serve(application, lifespan)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(timeout=5)


@contextmanager
def running_stub() -> Iterator[Stub]:
    """A stub on a free port."""
    stub = Stub()
    routes = [
        Route("/v1/embeddings", stub.embed, methods=["POST"]),
        Route("/v1/rerank", stub.rerank, methods=["POST"]),
        Route("/{path:path}", stub.answer, methods=["POST"]),
    ]
    with serving(Starlette(routes=routes)) as url:
        stub.url = url
        yield stub
