"""Endpoints on a real Ray cluster: deployed, updated and killed under load, beside other people's applications."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.errors import Refused
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.inference.inference import Inference
from stoa.core.inference.ray_applications import Applications
from stoa.core.inference.ray_serve import name_of, ray_serve_of
from stoa.core.inference.views import Probe, Scaling, State
from stoa.core.registry.registry import Registry
from tests.core.inference.conftest import RANK, SECRET, Register, load
from tests.ray_cluster import RayCluster

PROBE = Probe(method="rank", payload=RANK)
THEIRS: dict[str, Any] = {
    "name": "theirs",
    "route_prefix": "/theirs",
    "import_path": "tests.core.inference.theirs:application",
    "runtime_env": {"env_vars": {"THEIRS": "kept"}},
}
SCALING = Scaling(start_seconds=300, timeout_seconds=60)
Serves = Callable[[], Awaitable[Inference]]

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One kind is enough: no table knows of the cluster."""
    return sqlite


@pytest.fixture
async def serves(
    database: Database, registry: Registry, ray_cluster: RayCluster, tmp_path: Path
) -> AsyncIterator[Serves]:
    """Launches processes that serve on the cluster; all are closed after the test."""
    made: list[Inference] = []
    settings = Settings.load(
        home=tmp_path / "home",
        jobs_folder=str(tmp_path / "shared"),
        ray_address=ray_cluster.dashboard,
        ray_serve_address=ray_cluster.serve,
    )

    async def launch() -> Inference:
        cluster = ray_serve_of(settings, SECRET)
        made.append(Inference(database, registry, secret=SECRET, cluster=cluster))
        await made[-1].launch()
        return made[-1]

    yield launch
    for each in made:
        await each.close()


@pytest.fixture
async def applications(ray_cluster: RayCluster) -> AsyncIterator[Applications]:
    """The cluster's applications, seen from outside; none are left."""
    found = Applications(ray_cluster.dashboard)
    yield found
    await found._ask("PUT", {"applications": []})
    await found.close()


async def replicas(applications: Applications, name: str) -> list[int]:
    """Processes of an application that are ready."""
    found = (await applications._details())["applications"][name]
    return [
        each["pid"]
        for deployment in found["deployments"].values()
        for each in deployment["replicas"]
        if each["state"] == "RUNNING"
    ]


async def until(what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + 300
    while not await condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.5)


async def test_updates_and_deaths_lose_no_call_and_leave_others_alone(
    serves: Serves, applications: Applications, register: Register, alice: Caller
) -> None:
    await applications.put(THEIRS)

    async def theirs_run() -> bool:
        found = await applications.find("theirs")
        return found is not None and found.status == "RUNNING"

    await until("their application runs", theirs_run)
    [their_pid] = await replicas(applications, "theirs")
    first, second = await register(seed=1), await register(seed=2)
    here, there = await serves(), await serves()
    view = await here.deploy(alice, "films", first, scaling=SCALING, probes=[PROBE])
    assert (view.state, view.models[0].kind) == (State.LIVE, "neural")
    async with load(here, alice) as mine, load(there, alice) as others:
        await asyncio.sleep(2)
        await here.deploy(alice, "films", second, probes=[PROBE])
        await until("both ask the new one", lambda: _both(second, mine, others))
        [pid] = await replicas(applications, name_of(second, SCALING))
        os.kill(pid, signal.SIGKILL)
        before = mine[second], others[second]

        async def again() -> bool:
            now = await replicas(applications, name_of(second, SCALING))
            grown = mine[second] > before[0] + 50 and others[second] > before[1] + 50
            return bool(now) and pid not in now and grown

        await until("another process answers", again)
        await there.roll_back(alice, "films")
        seen = mine[first], others[first]
        await until("both go back", lambda: _grown(first, seen, mine, others))
    print(f"answered without an error: {dict(mine)} and {dict(others)}", file=sys.stderr)
    assert await replicas(applications, "theirs") == [their_pid]
    theirs = await applications.find("theirs")
    assert theirs is not None
    assert theirs.config == THEIRS


async def _both(version: str, *counted: Counter[str]) -> bool:
    return all(each[version] > 50 for each in counted)


async def _grown(version: str, seen: tuple[int, int], *counted: Counter[str]) -> bool:
    return all(each[version] > before + 50 for each, before in zip(counted, seen, strict=True))


async def test_replicas_come_with_load(
    serves: Serves,
    applications: Applications,
    register: Register,
    alice: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model is so quick that its process is idle most of the time: a small load has to be enough."""
    monkeypatch.setattr("stoa.core.inference.ray_serve.TARGET_REQUESTS", 0.1)
    version = await register()
    scaling = SCALING.model_copy(update={"max_replicas": 2, "target_outstanding": 1.0})
    inference = await serves()
    await inference.deploy(alice, "films", version, scaling=scaling)

    async def two() -> bool:
        return len(await replicas(applications, name_of(version, scaling))) == 2

    async with load(inference, alice):
        await until("a second process is ready", two)


async def test_what_the_cluster_can_not_start_changes_nothing(
    serves: Serves, applications: Applications, register: Register, alice: Caller
) -> None:
    good, other = await register(seed=1), await register(seed=2)
    inference = await serves()
    await inference.deploy(alice, "films", good, scaling=SCALING)
    too_much = SCALING.model_copy(update={"threads": 200, "start_seconds": 15.0})
    with pytest.raises(Refused, match="not ready in 15 s"):
        await inference.deploy(alice, "films", other, scaling=too_much)
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == good

    async def gone() -> bool:
        return await applications.find(name_of(other, too_much)) is None

    await until("what did not start is taken down", gone)


async def test_two_that_deploy_at_once_both_succeed(
    serves: Serves, applications: Applications, register: Register, alice: Caller
) -> None:
    first, second = await register(seed=1), await register(seed=2)
    here, there = await serves(), await serves()
    await asyncio.gather(
        here.deploy(alice, "films", first, scaling=SCALING),
        there.deploy(alice, "books", second, scaling=SCALING),
    )
    for inference in (here, there):
        assert (await inference.ask(alice, "films", "rank", RANK)).version_id == first
        assert (await inference.ask(alice, "books", "rank", RANK)).version_id == second
