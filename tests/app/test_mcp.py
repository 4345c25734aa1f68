"""The MCP face, with the official client over HTTP and over standard input and output."""

import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.app.live import LiveSite


@asynccontextmanager
async def client_of(site: LiveSite, who: str = "owner") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {site.site.keys[who]}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        async with Client(streamable_http_client(f"{site.url}/mcp", http_client=http)) as client:
            yield client


def text_of(result: CallToolResult) -> str:
    assert result.content[0].type == "text"
    return result.content[0].text


async def test_each_operation_is_a_tool(site: LiveSite) -> None:
    async with client_of(site) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    greet = tools["example_greet"]
    assert greet.description == "Greet somebody."
    assert greet.input_schema["required"] == ["name"]
    assert greet.output_schema is not None
    assert greet.output_schema["properties"]["text"]
    assert tools["example_wipe"].annotations is not None
    assert tools["example_wipe"].annotations.destructive_hint


async def test_a_caller_sees_only_what_they_may_call(site: LiveSite) -> None:
    async with client_of(site, "narrow") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        refused = await client.call_tool("example_rule", {})
    assert names == {"stoa_upload", "stoa_run", "example_greet"}
    assert refused.is_error
    assert text_of(refused).startswith("forbidden:")


async def test_a_tool_answers_structured_and_as_text(site: LiveSite) -> None:
    async with client_of(site) as client:
        result = await client.call_tool("example_greet", {"name": "Ada"})
    assert not result.is_error
    assert result.structured_content == {"text": "Hello Ada!"}
    assert json.loads(text_of(result)) == {"text": "Hello Ada!"}


async def test_a_durable_operation_is_waited_for_with_progress(site: LiveSite) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with client_of(site) as client:
        result = await client.call_tool("example_count", {"to": 4}, progress_callback=on_progress)
    assert result.structured_content == {"sum": 10}
    assert heard == [(1.0, 4.0, "at 1"), (2.0, 4.0, "at 2"), (3.0, 4.0, "at 3"), (4.0, 4.0, "at 4")]


async def test_a_long_run_answers_its_id(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stoa.app.mcp.WAIT_SECONDS", 0.2)
    async with client_of(site) as client:
        result = await client.call_tool("example_count", {"to": 2, "pause": 2.0})
        assert result.structured_content is not None
        run_id = result.structured_content["run_id"]
        shown = await client.call_tool("stoa_run", {"run_id": run_id})
    assert shown.structured_content is not None
    assert shown.structured_content["operation"] == "count"
    async with client_of(site, "stranger") as client:
        foreign = await client.call_tool("stoa_run", {"run_id": run_id})
    assert text_of(foreign).startswith("not_found:")


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("example_greet", {}, "invalid_input: 'name': Field required."),
        ("example_count", {"to": 3, "fail_at": 2}, "conflict: 2 is a bad number. Count elsewhere."),
        ("example_tire", {}, "limit_reached: Enough for today. Come back tomorrow."),
        ("example_break_down", {}, "bug: Something went wrong in Stoa."),
        ("example_nothing", {}, "not_found: There is no tool 'example_nothing'."),
        ("stoa_upload", {"name": "a", "content_base64": "%"}, "invalid_input: content_base64"),
        ("stoa_upload", {}, "invalid_input: 'name': Field required."),
    ],
)
async def test_errors_are_tool_errors_with_a_hint(
    site: LiveSite, tool: str, arguments: dict[str, object], says: str
) -> None:
    async with client_of(site) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert text_of(result).startswith(says)
    assert "12345" not in text_of(result)


async def test_a_file_is_uploaded_and_used(site: LiveSite) -> None:
    content = base64.b64encode(b"12345").decode()
    async with client_of(site) as client:
        stored = await client.call_tool("stoa_upload", {"name": "a.txt", "content_base64": content})
        assert stored.structured_content is not None
        file_id = stored.structured_content["id"]
        weighed = await client.call_tool("example_weigh", {"files": [file_id]})
    assert weighed.structured_content == {"size": 5, "names": ["a.txt"]}
    async with client_of(site, "stranger") as client:
        foreign = await client.call_tool("example_weigh", {"files": [file_id]})
    assert text_of(foreign).startswith("not_found:")


def test_nobody_without_proof(site: LiveSite) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = httpx.post(f"{site.url}/mcp", json=message)
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_signed_in"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.slow
async def test_standard_input_and_output(tmp_path: Path) -> None:
    script = tmp_path / "example_mcp.py"
    script.write_text(_SCRIPT)
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(script), "mcp"],
        env={"STOA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=str(tmp_path),
    )
    async with Client(server) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        counted = await client.call_tool("example_count", {"to": 4})
        refused = await client.call_tool("example_tire", {})
    assert "example_greet" in names
    assert counted.structured_content == {"sum": 10}
    assert text_of(refused).startswith("limit_reached:")


_SCRIPT = """
from stoa import wiring
from stoa.app.cli import main
from tests.app.example import EXAMPLE

wiring.solutions = lambda: [EXAMPLE]
main.main()
"""
