"""Kill -9 of the server that works on the pipeline, of the trainer, and of the replica: it goes on or comes back."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.registry.artefacts import Artefacts
from stoa.dispatch import Dispatcher
from stoa.solutions.recommend_products.names import models_of
from stoa.wiring import build
from tests.forked import Forked
from tests.house.processes import Server, settled_home
from tests.solutions.recommend_products.mortal_worker import BEFORE_ALIASES, ROLLED_BACK, WRONG
from tests.solutions.recommend_products.test_flow import shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
_TRAINING = "stoa.compute.training.recommenders"
_TRAINER = f"{_TRAINING}.train"
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

    def asked(self) -> str:
        """The model that a person is asked about, once the run waits for the answer."""
        run = self.call("show_pipeline", run=self.run()["id"])
        assert run["outcome"] in ("running", "waiting"), run["reason"]
        return str(run["model"]) if run["approval"] else ""

    def served(self) -> list[tuple[str, int]]:
        """What the endpoint points at."""
        return [(each["model"], each["version"]) for each in self.call("endpoint")["arms"]]

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


class Asking:
    """Somebody who asks `rank` all the time: which versions answered, and what went wrong."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api/recommend_products/rank"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answered: Counter[str] = Counter()
        self.wrong: list[str] = []

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        body = {"user": "u0", "items": ["b1", "b2", "a1", "a2"]}
        with httpx.Client(headers=self._headers, timeout=60) as client:
            while not self._over.wait(0.01):
                answer = client.post(self._url, json=body)
                if answer.status_code != 200 or len(answer.json()["items"]) != 4:
                    self.wrong.append(answer.text)
                    continue
                self.answered[answer.json()["model"]] += 1


class Works:
    """Workers on one home, one after the other: each is killed, the next goes on."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._orders = home / "die"
        self._orders.mkdir()
        self.kills = 0

    def order(self, name: str) -> None:
        """Leave an order for the workers to come."""
        (self._orders / name).touch()

    @contextmanager
    def one(self) -> Iterator[Forked]:
        """A worker; killed at the end wherever it is."""
        with (self._home / "worker.log").open("ab") as log:
            worker = Forked(
                "tests.solutions.recommend_products.mortal_worker",
                env={**os.environ, "STOA_HOME": str(self._home)},
                stdout=log,
                stderr=log,
            )
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()

    def dies_of(self, name: str) -> None:
        """One that has the order to die there, and does."""
        self.order(name)
        with self.one() as worker:
            assert worker.wait(240) == -signal.SIGKILL, name
        assert not (self._orders / name).exists()
        self.kills += 1

    def killed_beside(self, module: str) -> None:
        """One that is killed as soon as such a process works for this home."""
        before = {*processes(module, self._home)}
        with self.one() as worker:
            while not {*processes(module, self._home)} - before:
                assert worker.poll() is None, (self._home / "worker.log").read_text()
                time.sleep(0.01)
        self.kills += 1


class Books:
    """What the registry holds, read by another process of the same house."""

    def __init__(self, home: Path, elsewhere: Path) -> None:
        self._house: Dispatcher = build(Settings.load(home=home))
        self._elsewhere = elsewhere
        self._caller: Caller = asyncio.run(self._house.platform.accounts.ensure_sample())

    def close(self) -> None:
        """Let go of the database."""
        self._house.platform.database.close()

    def aliases(self) -> dict[int, list[str]]:
        """Version → aliases, and every byte of every version is what its hash says."""
        return asyncio.run(self._checked())

    async def _checked(self) -> dict[int, list[str]]:
        platform = self._house.platform
        stored = Artefacts(platform.database, platform.objects, self._elsewhere)
        versions = await platform.registry.versions.list(self._caller, models_of("shop"))
        for each in versions:
            await stored.open(self._caller, each.artefact_id, check=True)
        return {each.version: each.aliases for each in versions}


def test_the_worker_killed_in_every_step_goes_on_and_the_old_model_answers_all_along(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    client = Client(key := settled_home(home))
    works, books = Works(home), Books(home, tmp_path / "elsewhere")
    with Server(home, "--no-work") as server:
        client.url = server.url
        client.call("settings_set", models=["ease", "popularity"], margin=-1)
        client.call("add_interactions", file=client.upload(shop()))
        with works.one():
            assert client.until_over()["outcome"] == "deployed"
        first = client.call("endpoint")["arms"][0]["model"]

        with Asking(server.url, key) as asking:
            client.call("settings_set", models=["ease", "popularity"], margin=-1, approval=True)
            again = shop(users=80, seed=3)
            client.call("add_interactions", file=client.upload(again), replace=True)
            works.killed_beside(f"{_TRAINING}.prepare")
            works.dies_of("prepare")
            works.killed_beside(_TRAINER)
            for step in ("judge_champion", "train", "judge", "register"):
                works.dies_of(step)
                assert books.aliases().get(1) == ["champion"], step
            with works.one():
                while not (asked := client.asked()):
                    time.sleep(0.05)
            works.kills += 1
            client.call("approve", model=asked)
            works.dies_of("approve")
            assert {*asking.answered} == {first}
            works.killed_beside(_REPLICA)  # the worker tries the model before it goes live
            assert {*asking.answered} == {first}
            for step in (BEFORE_ALIASES, "deploy", "smoke_test"):
                works.dies_of(step)
            with works.one():
                assert (run := client.until_over())["outcome"] == "deployed", run["reason"]
            assert books.aliases() == {1: [], 2: ["champion"]}
            assert client.served() == [(run["model"], 2)]

            client.call("run_pipeline")
            works.order(WRONG)
            works.dies_of("register")
            [newest] = client.call("models", limit=1)["models"]
            client.call("approve", model=newest["id"])  # before anybody has been asked
            for step in ("deploy", ROLLED_BACK, "take_back"):
                works.dies_of(step)
            with works.one():
                assert client.until_over()["outcome"] == "rolled_back"
            assert client.served() == [(run["model"], 2)]
            assert books.aliases() == {1: [], 2: ["champion"], 3: []}
    assert asking.wrong == []
    assert works.kills == 17
    books.close()
