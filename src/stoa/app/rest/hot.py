"""The short road of hot operations: `POST /api/{solution}/{operation}` answered before the framework.

It takes what is plain (a JSON body of known length, of one who is proved) and does what the ordinary
route does, through the same door and with the same errors. Whatever is out of the ordinary (another
content type, a stream, a body that does not parse or fit) is handed on untouched to the ordinary route,
which answers as ever; so the two can't differ in what they refuse. It knows no solution by name.
"""

import json
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stoa.app.proven import ProvenCallers
from stoa.app.rest.failures import answer_error
from stoa.app.rest.parts import Parts
from stoa.base.errors import StoaError
from stoa.contract import Operation, Solution

LONGEST_BODY: Final = 2**18
"""Larger bodies take the ordinary road: parsing them here would keep others waiting."""
_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
_ONCE: Final = frozenset(
    {b"content-type", b"content-length", b"authorization", b"cookie", b"accept", b"stoa-workspace"}
)


class HotRoute:
    """One hot operation; `path` is what metrics call it."""

    is_hot = True

    def __init__(self, solution: Solution, operation: Operation) -> None:
        self.path = f"/api/{solution.name}/{operation.name}"
        self.solution = solution.name
        self.operation = operation.name
        self.request = operation.request
        self.result: TypeAdapter[Any] = TypeAdapter(operation.result)


class HotRoad:
    """Answers hot operations and hands everything else on."""

    def __init__(self, app: ASGIApp, *, parts: Parts) -> None:
        self._app = app
        self._dispatcher = parts.dispatcher
        self._callers = ProvenCallers(parts.callers)
        self._routes = {
            route.path: route
            for solution in parts.dispatcher.solutions.values()
            for operation in solution.operations
            if operation.hot
            for route in (HotRoute(solution, operation),)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST" or not _is_plain(scope):
            await self._app(scope, receive, send)
            return
        taken: list[Message] = []
        body = await _whole_body(receive, taken)
        data = _parsed(body) if body else None
        if not isinstance(data, dict):
            await self._app(scope, _again(taken, receive), send)
            return
        try:
            caller = await self._callers.of(HTTPConnection(scope))
            try:
                request = route.request.model_validate(data)
            except ValidationError:
                await self._app(scope, _again(taken, receive), send)
                return
            scope["route"] = route
            result = await self._dispatcher.call(caller, route.solution, route.operation, request)
        except StoaError as error:
            scope["route"] = route
            response = answer_error(error, scope.get("state", {}).get("request_id", ""))
            await response(scope, receive, send)
            return
        value = route.result.validate_python(result, from_attributes=True)
        content = route.result.dump_json(value, by_alias=True)
        headers = [
            (b"content-length", b"%d" % len(content)),
            (b"content-type", b"application/json"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _is_plain(scope: Scope) -> bool:
    """Whether headers promise a JSON body of a known, small length, and one answer is wanted."""
    if scope.get("root_path"):
        return False
    seen: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _ONCE:
            if name in seen:
                return False
            seen[name] = value
        elif name == b"transfer-encoding":
            return False
    length = seen.get(b"content-length", b"")
    return (
        seen.get(b"content-type", b"").lower() in _JSON
        and length.isdigit()
        and len(length) < 8
        and int(length) <= LONGEST_BODY
        and b"text/event-stream" not in seen.get(b"accept", b"")
    )


async def _whole_body(receive: Receive, taken: list[Message]) -> bytes | None:
    """The body; None where the client is gone or sends more than it said. `taken` keeps it."""
    size = 0
    while True:
        message = await receive()
        taken.append(message)
        if message["type"] != "http.request":
            return None
        size += len(message.get("body", b""))
        if size > LONGEST_BODY:
            return None
        if not message.get("more_body", False):
            break
    if len(taken) == 1:
        whole: bytes = message.get("body", b"")
        return whole
    return b"".join(each.get("body", b"") for each in taken)


def _parsed(body: bytes) -> Any:
    """As the framework parses; None for what it refuses."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _again(taken: list[Message], receive: Receive) -> Receive:
    """What was taken, once more, and then what comes."""
    waiting = iter(taken)

    async def receive_again() -> Message:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return receive_again
