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
