"""The MCP face: one tool for each operation, plus one to upload a file and one to look at a run.

Served over streamable HTTP at `/mcp` with the same keys as REST, and over stdio for the in-process
owner. Tools are made from the declarations; a caller is shown only those they may call. It knows no
solution by name.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, TypeVar

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from stoa.app.callers import Callers
from stoa.app.following import follow, outcome
from stoa.app.problems import Problem, invalid, problem_of, unforeseen
from stoa.app.rest.failures import answer
from stoa.base.database import new_id
from stoa.base.errors import Forbidden, InvalidInput, NotFound, StoaError
from stoa.base.files import FileView
from stoa.base.identity.caller import Caller
from stoa.base.telemetry import get_logger
from stoa.contract import Operation, Solution
from stoa.core.flows.flows import RunView
from stoa.dispatch import Dispatcher, RunStarted

WAIT_SECONDS = 300.0
"""How long a tool call waits for a durable run before it answers with the run's id."""
BODY_LIMIT = 48 * 2**20
"""Largest message over HTTP, in bytes: files come as base64 in it."""

_log = get_logger("stoa.mcp")
_CALLER = "stoa.caller"
Kind = TypeVar("Kind", bound=BaseModel)
Context = ServerRequestContext[Any, Any]
Finish = Callable[[Context, Caller, dict[str, Any]], Awaitable[BaseModel | dict[str, Any]]]


class UploadFile(BaseModel):
    """A file to store, so that an operation can be given its id."""

    name: str = Field(description="File name with its ending.")
    content_base64: str = Field(description="The bytes, base64.")


class ShowRun(BaseModel):
    """A durable run to look at."""

    run_id: str


class McpTools:
    """The tools, and the calls of them, for whoever `caller_of` says is calling."""

    def __init__(self, dispatcher: Dispatcher, caller_of: Callable[[Context], Caller]) -> None:
        self._dispatcher = dispatcher
        self._caller_of = caller_of
        self._operations = {
            f"{solution.name}_{operation.name}": (solution, operation)
            for solution in dispatcher.solutions.values()
            for operation in solution.operations
        }
        self._house: dict[str, tuple[Tool, Finish]] = {
            "stoa_upload": (_tool("stoa_upload", UploadFile, FileView), self._upload),
            "stoa_run": (_tool("stoa_run", ShowRun, RunView), self._show_run),
        }
        self.server: Server[Any] = Server(
            "stoa",
            version=version("stoa"),
            instructions="Fields that take a file take the id that stoa_upload answers.",
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def _list(
        self, context: Context, _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        caller = self._caller_of(context)
        tools = [tool for tool, _ in self._house.values()]
        for name, (solution, operation) in self._operations.items():
            try:
                self._dispatcher.admit(caller, solution, operation)
            except Forbidden:
                continue
            tools.append(_operation_tool(name, solution, operation))
        return ListToolsResult(tools=tools)

    async def _call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """Every error becomes a tool error with its hint, so that the model can act on it."""
        try:
            result = await self._answer(context, params.name, params.arguments or {})
        except StoaError as error:
            return _failed(problem_of(error))
        except Exception:  # noqa: BLE001 - the edge: logged with an id, told as an id
            error_id = new_id("req")
            _log.exception("unforeseen error", request_id=error_id)
            return _failed(problem_of(unforeseen(error_id), error_id))
        data = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
        text = TextContent(type="text", text=json.dumps(data, ensure_ascii=False))
        return CallToolResult(content=[text], structured_content=data)

    async def _answer(
        self, context: Context, name: str, arguments: dict[str, Any]
    ) -> BaseModel | dict[str, Any]:
        caller = self._caller_of(context)
        if name in self._house:
            return await self._house[name][1](context, caller, arguments)
        if name not in self._operations:
            raise NotFound(f"There is no tool '{name}'.", hint="List the tools.")
        solution, operation = self._operations[name]
        if operation.durable:
            return await self._run(context, caller, solution, operation, arguments)
        return await self._dispatcher.call(
            caller,
            solution.name,
            operation.name,
            arguments,
            on_progress=_reporter(context),
        )

    async def _run(
        self,
        context: Context,
        caller: Caller,
        solution: Solution,
        operation: Operation,
        arguments: dict[str, Any],
    ) -> BaseModel | dict[str, Any]:
        """Start a durable run and wait for it, for a while; it goes on if the client leaves."""
        started = await self._dispatcher.start(caller, solution.name, operation.name, arguments)
        flows = self._dispatcher.platform.flows
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                run = await follow(flows, caller, started.run_id, _reporter(context))
        except TimeoutError:
            return started
        return outcome(run)

    async def _upload(
        self, _context: Context, caller: Caller, arguments: dict[str, Any]
    ) -> FileView:
        given = _valid(UploadFile, arguments)
        try:
            content = base64.b64decode(given.content_base64, validate=True)
        except binascii.Error as error:
            raise InvalidInput("content_base64 is not base64.", hint="Encode the bytes.") from error
        return await self._dispatcher.platform.files.add(caller, given.name, content)

    async def _show_run(
        self, _context: Context, caller: Caller, arguments: dict[str, Any]
    ) -> RunView:
        given = _valid(ShowRun, arguments)
        return await self._dispatcher.platform.flows.show(caller, given.run_id)


class McpOverHttp:
    """`/mcp`: streamable HTTP, without sessions, so that any process may answer any request."""

    def __init__(self, dispatcher: Dispatcher, callers: Callers) -> None:
        self._callers = callers
        self._tools = McpTools(dispatcher, _caller_of_request)
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block lasts."""
        self._manager = StreamableHTTPSessionManager(
            self._tools.server,
            stateless=True,
            max_request_body_size=BODY_LIMIT,
            # the envelope around the whole application checks hosts and origins already
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, once it has proven who calls."""
        assert self._manager is not None, "requests before the application has started"
        request = Request(scope)
        try:
            scope[_CALLER] = await self._callers.of(request)
        except StoaError as error:
            response = answer(problem_of(error), {"WWW-Authenticate": 'Bearer realm="stoa"'})
            await response(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


async def serve_stdio(dispatcher: Dispatcher, caller: Caller) -> None:
    """Speak MCP over this process's standard input and output, as `caller`, until input ends."""
    server = McpTools(dispatcher, lambda _context: caller).server
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _caller_of_request(context: Context) -> Caller:
    assert context.request is not None
    caller = context.request.scope[_CALLER]
    assert isinstance(caller, Caller)
    return caller


def _reporter(context: Context) -> Callable[[str, int, int], Awaitable[None]]:
    """Progress notes as MCP notifications. MCP wants a number that grows; notes without one count."""
    reported = 0.0

    async def report(message: str, done: int, total: int) -> None:
        nonlocal reported
        reported = max(float(done), reported + 0.001)
        await context.session.report_progress(reported, float(total) or None, message)

    return report


def _operation_tool(name: str, solution: Solution, operation: Operation) -> Tool:
    answers = (operation.result, RunStarted) if operation.durable else (operation.result,)
    tool = _tool(name, operation.request, *answers)
    tool.title = f"{solution.title}: {operation.name}"
    tool.description = operation.summary
    tool.annotations = ToolAnnotations(destructive_hint=operation.destructive)
    return tool


def _tool(name: str, request: type[BaseModel], *answers: type[BaseModel]) -> Tool:
    return Tool(
        name=name,
        description=" ".join((request.__doc__ or "").split()),
        input_schema=request.model_json_schema(),
        output_schema=_either([kind.model_json_schema(mode="serialization") for kind in answers]),
    )


def _either(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema for any of several; MCP wants an object with its definitions at the top."""
    if len(schemas) == 1:
        return schemas[0]
    definitions: dict[str, Any] = {}
    for schema in schemas:
        definitions |= schema.pop("$defs", {})
    return {"type": "object", "anyOf": schemas, "$defs": definitions}


def _valid(kind: type[Kind], arguments: dict[str, Any]) -> Kind:
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        raise invalid(error, hint="See the tool's fields.") from error


def _failed(problem: Problem) -> CallToolResult:
    text = f"{problem.detail} {problem.hint}".strip()
    return CallToolResult(
        content=[TextContent(type="text", text=f"{problem.code}: {text}")],
        structured_content=problem.model_dump(mode="json", exclude_none=True),
        is_error=True,
    )
