"""The four ways to call an operation, as a client outside of Stoa would, with one key each.

Every face answers alike: the result as data, or the problem that it refused with.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click.testing
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from stoa.app.cli.main import stoa
from stoa.app.cli.options import shape_of
from stoa.app.problems import problem_of
from stoa.base.errors import StoaError
from stoa.contract import Operation, Solution
from tests.house.sample import with_files


@dataclass(frozen=True)
class Answered:
    """What a face answered: a result, or the code of a refusal."""

    result: Any = None
    code: str = ""


Face = Callable[[Solution, Operation, dict[str, Any]], Answered]


def rest(url: str, key: str) -> Face:
    """Over HTTP; durable operations are followed to their end, or until they wait for a person."""

    def call(solution: Solution, operation: Operation, request: dict[str, Any]) -> Answered:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:

            def upload(path: Path) -> str:
                files = {"file": (path.name, path.read_bytes())}
                return str(client.post("/api/files", files=files).json()["id"])

            body = with_files(operation, request, solution.folder, upload)
            answer = client.post(f"/api/{solution.name}/{operation.name}", json=body)
            if answer.status_code == 202:
                where = answer.headers["location"]
                run = client.get(where).json()
                while run["state"] in {"queued", "running"}:
                    time.sleep(0.02)
                    run = client.get(where).json()
                if run["state"] == "waiting":
                    return Answered(code="waiting")
                if run["state"] != "done":
                    return Answered(code=run["error"]["code"])
                return Answered(result=run["result"])
        if answer.is_error:
            return Answered(code=answer.json()["code"])
        return Answered(result=answer.json())

    return call


def mcp(url: str, key: str) -> Face:
    """With the official client over streamable HTTP."""

    async def answered(
        solution: Solution, operation: Operation, request: dict[str, Any]
    ) -> Answered:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=120) as http:
            async with Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client:
                ids: dict[Path, str] = {}
                with_files(
                    operation, request, solution.folder, lambda path: ids.setdefault(path, "")
                )
                for path in ids:
                    content = base64.b64encode(path.read_bytes()).decode()
                    stored = await client.call_tool(
                        "stoa_upload", {"name": path.name, "content_base64": content}
                    )
                    assert stored.structured_content is not None
                    ids[path] = stored.structured_content["id"]
                body = with_files(operation, request, solution.folder, lambda path: ids[path])
                result = await client.call_tool(f"{solution.name}_{operation.name}", body)
        data: Any = result.structured_content
        return Answered(code=data["code"]) if result.is_error else Answered(result=data)

    return lambda *given: asyncio.run(answered(*given))


def cli(url: str, key: str) -> Face:
    """The command line, told to work on that server."""

    def call(solution: Solution, operation: Operation, request: dict[str, Any]) -> Answered:
        words = ["--json", solution.name, operation.name]
        if operation.destructive:
            words.append("--yes")
        body = with_files(operation, request, solution.folder, str)
        for name, field in operation.request.model_fields.items():
            if name not in body:
                continue
            flag, shape, value = f"--{name.replace('_', '-')}", shape_of(field), body[name]
            if shape.kind is bool:
                words.append(flag if value else f"--no-{flag[2:]}")
                continue
            for each in value if shape.many else [value]:
                text = json.dumps(each) if shape.is_json else str(each)
                words += [flag, text]
        runner = click.testing.CliRunner()
        done = runner.invoke(
            stoa, words, env={"STOA_URL": url, "STOA_KEY": key}, catch_exceptions=True
        )
        if isinstance(done.exception, StoaError):
            return Answered(code=problem_of(done.exception).code)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return Answered(result=done.output)

    def as_json(solution: Solution, operation: Operation, request: dict[str, Any]) -> Answered:
        answered = call(solution, operation, request)
        return answered if answered.code else Answered(result=json.loads(answered.result))

    return as_json
