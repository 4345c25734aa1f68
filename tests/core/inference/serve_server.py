"""A server that speaks Ray Serve's REST API and answers as its applications, with real models, in threads.

Source: https://docs.ray.io/en/latest/serve/api/index.html#serve-rest-api
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.types import Message

from stoa.base.errors import StoaError
from stoa.compute.serving.ray_application import Model
from tests.http_server import answering

APPLICATIONS = "/api/serve/applications/"


class ServeServer:
    """One cluster: its dashboard and its proxy at one address."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.address = ""
        self.applications: dict[str, dict[str, Any]] = {}
        self.puts: list[dict[str, Any]] = []
        self.broken = 0
        """Requests to applications that fail from now on."""
        self.before_put: Callable[[], None] = lambda: None
        self._models: dict[str, Model] = {}

    def details(self) -> dict[str, Any]:
        """What the dashboard tells."""
        return {"applications": dict(self.applications), "target_capacity": 80.0}

    def put(self, body: dict[str, Any]) -> None:
        """Make the applications those of the list, but for those that never came through this API."""
        self.puts.append(body)
        wanted = {each["name"]: each for each in body["applications"]}
        for name, application in list(self.applications.items()):
            if name not in wanted and application["deployed_app_config"] is not None:
                del self.applications[name]
                self._models.pop(name, None)
        for name, config in wanted.items():
            if self.applications.get(name, {}).get("deployed_app_config") != config:
                self.applications[name] = self._deployed(name, config)

    def answer(self, name: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """As the application would."""
        if self.broken:
            self.broken -= 1
            return 500, b"Internal Server Error"
        model = self._models.get(name)
        if model is None:
            return 404, b"Path not found"
        response = asyncio.run(model(_request(headers, body)))
        return response.status_code, bytes(response.body)

    def _deployed(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        status, message = "RUNNING", ""
        if "folder" in config.get("args", {}):
            try:
                self._models[name] = Model(config["args"]["folder"], config["args"]["token_hash"])
            except StoaError as error:
                status, message = "DEPLOY_FAILED", str(error)
        return {"status": status, "message": message, "deployed_app_config": config}


@contextmanager
def running_serve(token: str = "") -> Iterator[ServeServer]:
    """A cluster for the time of the block."""
    cluster = ServeServer(token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._may():
                self._answer(200, json.dumps(cluster.details()).encode())

        def do_PUT(self) -> None:
            body = self._body()
            if self._may():
                cluster.before_put()
                cluster.put(json.loads(body))
                self._answer(200, b"")

        def do_POST(self) -> None:
            headers = {"authorization": self.headers.get("Authorization", "")}
            self._answer(*cluster.answer(self.path.lstrip("/"), headers, self._body()))

        def _may(self) -> bool:
            known = self.headers.get("Authorization") == f"Bearer {cluster.token}"
            if self.path != APPLICATIONS or (cluster.token and not known):
                self._answer(401, b"Unauthorized")
                return False
            return True

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with answering(Handler) as cluster.address:
        yield cluster


def someones(name: str = "theirs") -> dict[str, Any]:
    """An application of other people, as they sent it."""
    return {
        "name": name,
        "route_prefix": f"/{name}",
        "import_path": "shop.main:app",
        "runtime_env": {"env_vars": {"KEY": "theirs"}},
    }


def folders(shared: Path) -> list[str]:
    """Applications that have an artefact in the shared folder."""
    return sorted(each.parent.name for each in shared.glob("*/artefact"))


def _request(headers: dict[str, str], body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)
