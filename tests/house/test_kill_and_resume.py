"""Durable operations of every solution survive kill -9: the result is as if nothing had happened."""

import random
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from stoa.contract import Operation, Solution
from stoa.wiring import solutions
from tests.house.processes import Server, settled_home
from tests.house.sample import SampleCall, comparable, sample_calls, with_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def durable_calls() -> list[tuple[Solution, Operation, SampleCall]]:
    """The first durable call of each solution's sample that stands on its own."""
    found = []
    for solution in solutions():
        for call in sample_calls(solution):
            operation = solution.operation(call.operation)
            if operation is not None and operation.durable and "${" not in str(call.request):
                found.append((solution, operation, call))
                break
    return found


@pytest.mark.parametrize(
    ("solution", "operation", "call"), durable_calls(), ids=lambda each: getattr(each, "name", "")
)
def test_a_killed_run_goes_on(
    solution: Solution, operation: Operation, call: SampleCall, tmp_path: Path
) -> None:
    filled = solution if call.over_sample else None
    key = settled_home(tmp_path / "calm", filled)
    with Server(tmp_path / "calm") as server:
        started = time.monotonic()
        calm = ended(server.url, key, begun(server.url, key, solution, operation, call))
        took = time.monotonic() - started
    assert calm["state"] == "done", calm

    key = settled_home(tmp_path / "stormy", filled)
    with Server(tmp_path / "stormy") as server:
        run_id = begun(server.url, key, solution, operation, call)
        time.sleep(random.uniform(0, took))
        server.kill()
    with Server(tmp_path / "stormy") as server:
        stormy = ended(server.url, key, run_id)
    assert stormy["state"] == "done", stormy
    assert comparable(stormy["result"]) == comparable(calm["result"])


def test_sigterm_ends_in_order_and_the_run_goes_on(tmp_path: Path) -> None:
    """A stop in the middle of a run: no error, exit code 0, and the run ends after the next start."""
    solution, operation, call = durable_calls()[0]
    key = settled_home(tmp_path)
    with Server(tmp_path) as server:
        run_id = begun(server.url, key, solution, operation, call)
        server.process.terminate()
        assert server.process.wait(60) == 0, server.said
        assert "Traceback" not in server.said
    with Server(tmp_path) as server:
        assert ended(server.url, key, run_id)["state"] == "done"


def begun(url: str, key: str, solution: Solution, operation: Operation, call: SampleCall) -> str:
    """Start the call; return the run's id."""
    with client(url, key) as asking:

        def upload(path: Path) -> str:
            files = {"file": (path.name, path.read_bytes())}
            return str(asking.post("/api/files", files=files).json()["id"])

        body = with_files(operation, call.request, solution.folder, upload)
        answer = asking.post(f"/api/{solution.name}/{operation.name}", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


def ended(url: str, key: str, run_id: str) -> dict[str, Any]:
    """The run, once it has ended."""
    with client(url, key) as asking:
        while True:
            run: dict[str, Any] = asking.get(f"/api/runs/{run_id}").json()
            if run["state"] in {"done", "failed", "cancelled"}:
                return run
            time.sleep(0.05)


def client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
