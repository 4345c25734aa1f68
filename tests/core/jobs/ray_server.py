"""A server that speaks Ray's jobs API and runs what is submitted, on this machine.

Source: https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_server import answering

_JOB = re.compile(r"/api/jobs/([^/]+)(/stop|/logs)?")


class RayServer:
    """The jobs of one cluster."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.address = ""
        self.submitted: dict[str, dict[str, Any]] = {}
        self.stopped: set[str] = set()
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def submit(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Start the entrypoint."""
        id_ = body["submission_id"]
        if id_ in self.submitted:
            return 500, f"Job with submission_id {id_} already exists."
        self.submitted[id_] = body
        command = shlex.split(body["entrypoint"])
        assert command[0] == "python"
        self._processes[id_] = subprocess.Popen(
            [sys.executable, *command[1:]],
            env={**os.environ, **body["runtime_env"]["env_vars"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        return 200, {"job_id": id_, "submission_id": id_}

    def status(self, id_: str) -> tuple[int, Any]:
        """Where a job stands."""
        if id_ not in self._processes:
            return 404, f"Job {id_} does not exist"
        code = self._processes[id_].poll()
        if code is None:
            status = "RUNNING"
        else:
            status = "STOPPED" if id_ in self.stopped else "SUCCEEDED" if code == 0 else "FAILED"
        return 200, {"submission_id": id_, "status": status, "driver_exit_code": code}

    def stop(self, id_: str) -> tuple[int, Any]:
        """SIGTERM, as Ray does first."""
        self.stopped.add(id_)
        with suppress(ProcessLookupError):
            os.kill(self._processes[id_].pid, signal.SIGTERM)
        return 200, {"stopped": True}

    def close(self) -> None:
        """End what is left."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def running_ray(token: str = "") -> Iterator[RayServer]:
    """A cluster for the time of the block."""
    cluster = RayServer(token)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/api/jobs/":
                self._answer(*cluster.submit(json.loads(body)))
            else:
                self._of_job()

        def do_GET(self) -> None:
            self._of_job()

        def _of_job(self) -> None:
            found = _JOB.fullmatch(self.path)
            if found is None:
                self._answer(404, "no such path")
            elif found.group(2) == "/logs":
                self._answer(200, {"logs": "No module named stoa"})
            elif found.group(2) == "/stop":
                self._answer(*cluster.stop(found.group(1)))
            else:
                self._answer(*cluster.status(found.group(1)))

        def _answer(self, code: int, content: Any) -> None:
            if cluster.token and self.headers.get("Authorization") != f"Bearer {cluster.token}":
                code, content = 401, "Unauthorized"
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked was cut off
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with answering(Handler) as cluster.address:
        try:
            yield cluster
        finally:
            cluster.close()
