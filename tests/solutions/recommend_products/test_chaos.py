"""Kill -9 of the server that works on the pipeline, of the trainer, and of the replica: it goes on or comes back."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.house.processes import Server, settled_home
from tests.solutions.recommend_products.test_flow import shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
_TRAINER = "stoa.compute.training.recommenders.train"
_REPLICA = "stoa.compute.serving.replica"


class Client:
    """The shop's own client: whatever happens to the server, it asks again."""

    def __init__(self, key: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}"}
        self.url = ""

    def call(self, operation: str, **request: Any) -> Any:
        """The result of an operation, or the run of a durable one."""
        answer = httpx.post(
            f"{self.url}/api/recommend_products/{operation}",
            json=request,
            headers=self._headers,
            timeout=60,
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def upload(self, content: bytes) -> str:
        """Store a file."""
        files = {"file": ("rows.csv", content)}
        answer = httpx.post(f"{self.url}/api/files", files=files, headers=self._headers, timeout=60)
        return str(answer.json()["id"])

    def run(self) -> dict[str, Any]:
        """The newest run of the pipeline."""
        found = self.call("pipelines", limit=1)["runs"]
        return dict(found[0]) if found else {"outcome": "running", "steps": []}

    def until_over(self) -> dict[str, Any]:
        """The newest run, once it has ended."""
        while (run := self.run())["outcome"] == "running":
            time.sleep(0.3)
        return run

    def ranks(self) -> list[str]:
        """Proof that something serves."""
        answer = self.call("rank", user="u0", items=["b1", "b2", "a1", "a2"])
        return list(answer["items"])


def processes(module: str, home: Path) -> list[int]:
    """Process ids of that module that work for this data folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if module in line and any(str(home) in word for word in line):
            found.append(process.pid)
    return found


def kill_one(module: str, home: Path, seconds: float = 60) -> None:
    """Kill -9 one such process as soon as there is one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for pid in processes(module, home):
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)
    raise AssertionError(f"no {module} came up")


def test_killed_anywhere_it_goes_on_and_the_old_model_serves(tmp_path: Path) -> None:
    home = tmp_path / "home"
    client = Client(settled_home(home))
    with Server(home) as server:
        client.url = server.url
        client.call("settings_set", models=["ease", "neumf"], parameters={"neumf": {"epochs": 3}})
        client.call("add_interactions", file=client.upload(shop()))
        kill_one(_TRAINER, home)  # the job starts another, from its last checkpoint
        assert client.until_over()["outcome"] == "deployed"
        first = client.ranks()
        assert {*first[:2]} == {"a1", "a2"}

        kill_one(_REPLICA, home)
        assert client.ranks() == first  # asked again of the replica that took its place

        client.call("settings_set", models=["neumf", "ease"], margin=-1)
        client.call("add_interactions", file=client.upload(shop(users=80, seed=3)), replace=True)
        while not processes(_TRAINER, home):
            time.sleep(0.05)
        assert client.ranks() == first
        os.kill(server.process.pid, signal.SIGKILL)
    with Server(home) as server:
        client.url = server.url
        assert client.ranks()[:2] == first[:2] or client.run()["outcome"] == "deployed"
        assert client.until_over()["outcome"] == "deployed"
        assert len(client.call("models")["models"]) == 2
        assert len(client.ranks()) == 4
