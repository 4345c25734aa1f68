"""What sources look at in the tests: a web server and git repositories on loopback."""

import os
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


def counts(report: Any) -> tuple[int, int, int, int, int]:
    return report.added, report.changed, report.deleted, report.unchanged, report.failed


class Pages(BaseHTTPRequestHandler):
    """Serves what a test puts here."""

    pages: dict[str, tuple[int, str]] = {}
    meanwhile: list[Callable[[], object]] = []
    """Done before the next answer."""

    def do_GET(self) -> None:
        while self.meanwhile:
            self.meanwhile.pop()()
        status, body = self.pages.get(self.path, (404, ""))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", body)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def html(days: int) -> str:
    return (
        "<!doctype html><html><head><title>Leave policy</title></head><body><main>"
        f"<h1>Leave policy</h1><p>Every employee has {days} days of annual leave in a calendar year."
        "</p><p>Leave is requested in the Harbour portal two weeks before.</p></main></body></html>"
    )


def git(folder: Path, *arguments: str) -> None:
    person = {
        f"GIT_{who}_{what}": "t@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **person},
    )  # fmt: skip


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


class GitServer(BaseHTTPRequestHandler):
    """Serves the repositories under `root` as any host of git does, over HTTP to read."""

    root: Path
    asked: list[str] = []
    """Paths, without their queries."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        self.asked.append(path)
        length = self.headers.get("Content-Length", "0")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": length,
        }
        done = subprocess.run(
            ["git", "http-backend"], input=self.rfile.read(int(length)), env=environment,
            capture_output=True, check=True,
        )  # fmt: skip
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
