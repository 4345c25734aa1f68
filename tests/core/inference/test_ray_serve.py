"""Endpoints on a cluster that speaks Ray Serve's API: deployed, shared, kept, asked, swept, and bad ones."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from stoa.base.database import Database
from stoa.base.errors import InvalidInput, Refused, SetupError
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.inference.inference import Inference
from stoa.core.inference.ray_serve import (
    UNUSED_SECONDS,
    RayServe,
    name_of,
    ray_serve_of,
)
from stoa.core.inference.views import Probe, Scaling, State
from stoa.core.registry.registry import Registry
from tests.core.inference.conftest import RANK, SECRET, Register, until
from tests.core.inference.serve_server import ServeServer, folders, running_serve, someones

PROBE = Probe(method="rank", payload=RANK)
TOKEN = "token-of-the-cluster"
Serves = Callable[[], Awaitable[Inference]]


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One kind is enough: no table knows of the cluster."""
    return sqlite


@pytest.fixture
def cluster() -> Iterator[ServeServer]:
    """A cluster on which somebody else runs an application, and another that no API brought there."""
    with running_serve(TOKEN) as running:
        running.put({"applications": [someones()]})
        running.applications["by hand"] = {"status": "RUNNING", "deployed_app_config": None}
        running.puts.clear()
        yield running


@pytest.fixture
def connect(cluster: ServeServer, tmp_path: Path) -> Callable[[], RayServe]:
    """Makes a connection as the settings describe it."""

    def make() -> RayServe:
        settings = Settings.load(
            home=tmp_path / "home",
            jobs_folder=str(tmp_path / "shared"),
            ray_address=cluster.address,
            ray_serve_address=cluster.address,
            ray_token=TOKEN,
        )
        made = ray_serve_of(settings, SECRET)
        assert made is not None
        return made

    return make


@pytest.fixture
async def serves(
    database: Database, registry: Registry, connect: Callable[[], RayServe]
) -> AsyncIterator[Serves]:
    """Launches processes that serve on the cluster; all are closed after the test."""
    made: list[Inference] = []

    async def launch() -> Inference:
        made.append(Inference(database, registry, secret=SECRET, cluster=connect()))
        await made[-1].launch()
        return made[-1]

    yield launch
    for each in made:
        await each.close()


def ours(cluster: ServeServer) -> list[str]:
    return [name for name in cluster.applications if name.startswith("stoa-")]


async def test_versions_come_up_beside_each_other_and_others_stay_as_they_are(
    serves: Serves, cluster: ServeServer, register: Register, alice: Caller
) -> None:
    inference = await serves()
    first, second = await register(seed=1), await register(seed=2)
    scaling = Scaling(min_replicas=2, max_replicas=5, threads=3, memory_mb=256, drain_seconds=7)
    view = await inference.deploy(alice, "films", first, scaling=scaling, probes=[PROBE])
    assert (view.state, view.models[0].kind) == (State.LIVE, "neural")
    answer = await inference.ask(alice, "films", "rank", RANK)
    assert sorted(answer.value["items"]) == sorted(RANK["items"])
    config = cluster.applications[name_of(first, scaling)]["deployed_app_config"]
    deployment = config["deployments"][0]
    assert deployment["autoscaling_config"]["min_replicas"] == 2
    assert deployment["autoscaling_config"]["max_replicas"] == 5
    assert deployment["ray_actor_options"] == {"num_cpus": 3, "memory": 256 * 2**20}
    assert deployment["graceful_shutdown_timeout_s"] == 7
    await inference.deploy(alice, "films", second)
    assert len(ours(cluster)) == 2
    await inference.roll_back(alice, "films")
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == first
    assert len(cluster.puts) == 2  # the version before was still there
    assert cluster.puts[-1]["target_capacity"] == 80.0
    assert cluster.applications["theirs"]["deployed_app_config"] == someones()
    assert "by hand" in cluster.applications
    with pytest.raises(InvalidInput, match="no method"):
        await inference.ask(alice, "films", "sing", {})


async def test_processes_share_one_application_and_only_they_may_ask_it(
    serves: Serves, cluster: ServeServer, register: Register, alice: Caller
) -> None:
    here, there = await serves(), await serves()
    version = await register()
    await here.deploy(alice, "films", version)
    assert (await there.ask(alice, "films", "rank", RANK)).version_id == version
    assert len(cluster.puts) == 1
    [name] = ours(cluster)
    async with httpx.AsyncClient(trust_env=False) as client:
        known = cluster.applications[name]["deployed_app_config"]["args"]["token_hash"]
        for shown in ("", f"Bearer {TOKEN}", f"Bearer {known}"):
            headers = {"Authorization": shown}
            answer = await client.post(f"{cluster.address}/{name}", content=b"", headers=headers)
            assert answer.status_code == 401


async def test_what_does_not_come_up_is_taken_down_again(
    serves: Serves, cluster: ServeServer, register: Register, alice: Caller, tmp_path: Path
) -> None:
    inference = await serves()
    good = await register()
    await inference.deploy(alice, "films", good)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.json").write_text('{"kind": "neural"}')
    bad = await register(tmp_path / "bad")
    with pytest.raises(Refused, match="could not start it"):
        await inference.deploy(alice, "films", bad)
    assert ours(cluster) == [name_of(good, Scaling())]
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == good


async def test_an_application_that_another_change_undid_is_put_again(
    serves: Serves, cluster: ServeServer, register: Register, alice: Caller
) -> None:
    """Somebody who read the list earlier sends it back: what came between is gone from it."""
    first, second = await register(seed=1), await register(seed=2)
    here, there = await serves(), await serves()
    earlier = {"applications": [someones()]}
    undone: list[str] = []

    def undo() -> None:
        if ours(cluster) and not undone:
            undone.extend(ours(cluster))
            cluster.put(earlier)

    cluster.before_put = undo
    await asyncio.gather(here.deploy(alice, "films", first), there.deploy(alice, "books", second))
    await here.deploy(alice, "more", first, scaling=Scaling(max_batch=8))
    for inference in (here, there):
        assert (await inference.ask(alice, "films", "rank", RANK)).version_id == first
        assert (await inference.ask(alice, "books", "rank", RANK)).version_id == second
    assert undone


async def test_calls_are_asked_again_and_a_lost_application_comes_back(
    serves: Serves, cluster: ServeServer, register: Register, alice: Caller
) -> None:
    inference = await serves()
    version = await register()
    await inference.deploy(alice, "films", version, scaling=Scaling(min_replicas=3, max_replicas=3))
    cluster.broken = 2
    answers = [inference.ask(alice, "films", "rank", RANK) for _ in range(5)]
    assert {each.version_id for each in await asyncio.gather(*answers)} == {version}
    cluster.put({"applications": []})
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == version


async def test_what_nobody_uses_is_swept(
    serves: Serves,
    connect: Callable[[], RayServe],
    cluster: ServeServer,
    register: Register,
    alice: Caller,
    tmp_path: Path,
) -> None:
    inference = await serves()
    first, second = await register(seed=1), await register(seed=2)
    await inference.deploy(alice, "films", first)
    await inference.deploy(alice, "films", second)
    sweeper = connect()
    await sweeper.sweep()
    assert len(ours(cluster)) == 2
    shared, long_ago = tmp_path / "shared" / "serving", time.time() - UNUSED_SECONDS - 5
    os.utime(shared / name_of(first, Scaling()) / "used", (long_ago, long_ago))
    await sweeper.sweep()
    assert ours(cluster) == folders(shared) == [name_of(second, Scaling())]
    assert "theirs" in cluster.applications
    await sweeper.close()
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == second


async def test_users_touch_what_they_use(
    connect: Callable[[], RayServe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoa.core.inference.ray_serve.TOUCH_SECONDS", 0.05)
    used = tmp_path / "shared" / "serving" / "stoa-x" / "used"
    cluster = connect()
    cluster.use("stoa-x")
    cluster.use("stoa-x")
    cluster.leave("stoa-x")
    await until(used.exists)
    used.unlink()
    await until(used.exists)
    cluster.leave("stoa-x")
    used.unlink()
    await asyncio.sleep(0.2)
    assert not used.exists()
    await cluster.close()


async def test_a_cluster_that_is_away_changes_nothing(
    serves: Serves, cluster: ServeServer, register: Register, alice: Caller
) -> None:
    inference = await serves()
    version, other = await register(seed=1), await register(seed=2)
    await inference.deploy(alice, "films", version)
    cluster.token = "another"
    with pytest.raises(Refused, match="401"):
        await inference.deploy(alice, "films", other)
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == version


@pytest.mark.parametrize(
    ("dashboard", "proxy"),
    [
        ("", "http://head:8000"),
        ("http://head:8265", "head:8000"),
        ("http://a:b@head", "http://head"),
    ],
)
async def test_addresses_that_are_none(dashboard: str, proxy: str, tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path, ray_address=dashboard, ray_serve_address=proxy)
    with pytest.raises(SetupError, match="no address"):
        ray_serve_of(settings, SECRET)
    assert ray_serve_of(Settings.load(home=tmp_path), SECRET) is None
