"""Jobs elsewhere: on a cluster that speaks Ray's jobs API, and as a torchrun group."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from stoa.base.errors import Cancelled, JobFailed, ProviderError, SetupError
from stoa.base.identity.caller import Caller
from stoa.core.jobs.job import JobState
from stoa.core.jobs.jobs import Jobs
from tests.conftest import lacking
from tests.core.jobs.conftest import OPEN_RUN, Build, job_of, launch, processes_of, until
from tests.core.jobs.ray_server import RayServer, running_ray

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def cluster() -> Iterator[RayServer]:
    """A cluster that wants a token."""
    with running_ray("token-of-the-cluster") as running:
        yield running


@pytest.fixture
def jobs(build: Build, cluster: RayServer) -> Jobs:
    """Jobs that go to the cluster."""
    return build(ray_address=cluster.address, ray_token=cluster.token)


async def test_a_job_on_a_cluster(jobs: Jobs, cluster: RayServer, alice: Caller) -> None:
    asked = launch(
        steps=3, patterns={"HR": r"HR=(.*?);"}, gpus=0.5, limits={"memory_mb": 4000}, title="rank"
    )
    view = await jobs.run(alice, asked, key="one")
    assert (view.state, view.launcher) == (JobState.DONE, "ray")
    assert view.latest["HR"] == 0.2
    assert (await jobs.artefacts(alice, view.id) / "model.txt").exists()
    submitted = cluster.submitted[f"{view.id}-1"]
    assert submitted["entrypoint_num_gpus"] == 0.5
    assert submitted["entrypoint_memory"] == 4000 * 2**20
    assert "token-of-the-cluster" not in str(submitted)
    assert "PATH" not in submitted["runtime_env"]["env_vars"], "the cluster has its own"


async def test_failures_and_stops(jobs: Jobs, cluster: RayServer, alice: Caller) -> None:
    with pytest.raises(JobFailed, match="code 3"):
        await jobs.run(alice, launch(steps=3, dies_at=1), key="dies")
    long = launch(steps=1000, seconds=0.1, limits={"grace": 0.5})
    task = asyncio.create_task(jobs.run(alice, long, key="long"))
    job_id = await job_of(jobs, alice)
    await until(lambda: processes_of(job_id))
    await jobs.cancel(alice, job_id)
    with pytest.raises(Cancelled):
        await task
    assert cluster.stopped
    await until(lambda: not processes_of(job_id))


async def test_another_follower_adopts_it(
    build: Build, jobs: Jobs, cluster: RayServer, alice: Caller
) -> None:
    asked = launch(steps=10, seconds=0.1)
    task = asyncio.create_task(jobs.run(alice, asked, key="moves", run_id=OPEN_RUN))
    job_id = await job_of(jobs, alice)
    await until(lambda: processes_of(job_id))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    second = build(ray_address=cluster.address, ray_token=cluster.token)
    view = await second.run(alice, asked, key="moves", run_id=OPEN_RUN)
    assert (view.state, view.attempt) == (JobState.DONE, 1)
    assert list(cluster.submitted) == [f"{job_id}-1"]


async def test_a_cluster_that_refuses(build: Build, cluster: RayServer, alice: Caller) -> None:
    with pytest.raises(ProviderError, match="401"):
        await build(ray_address=cluster.address).run(alice, launch(), key="refused")
    with pytest.raises(SetupError, match="no Ray cluster"):
        await build().run(alice, launch(launcher="ray"), key="none")
    with pytest.raises(SetupError, match="no address"):
        build(ray_address="head:8265")
    local = build(ray_address=cluster.address)
    view = await local.run(alice, launch(launcher="local", steps=1), key="here")
    assert view.launcher == "local"


@pytest.mark.slow
async def test_a_torchrun_group(build: Build, alice: Caller) -> None:
    """Two processes; kill -9 of one ends the group, and the next attempt goes on."""
    try:
        import torch  # noqa: F401, PLC0415 - optional part
    except ImportError:
        lacking("torch (pip install stoa[compute])")
    jobs = build()
    asked = launch(
        module="tests.core.jobs.group", processes=2, steps=40, seconds=0.1, retries=1, threads=1
    )
    task = asyncio.create_task(jobs.run(alice, asked, key="group", run_id=OPEN_RUN))
    job_id = await job_of(jobs, alice)
    folder = jobs.folder_of(await jobs.show(alice, job_id), alice)
    await until((folder / "checkpoints" / "step.json").exists)
    pids = [int(path.read_text()) for path in folder.glob("rank-*.pid")]
    assert len(pids) == 2
    os.kill(pids[1], signal.SIGKILL)
    view = await task
    assert (view.state, view.attempt, view.launcher) == (JobState.DONE, 2, "torchrun")
    assert view.metrics == {"world": 2.0}
    assert view.details["first"] > 0
    assert processes_of(job_id) == []


async def test_a_guard_that_can_not_begin_says_why(
    jobs: Jobs, cluster: RayServer, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stoa is not installed on the cluster, say."""
    monkeypatch.setattr("stoa.core.jobs.following.MOST_LOST", 1)
    broken = {"PYTHONHOME": "/nowhere"}
    with pytest.raises(JobFailed, match="vanished") as failed:
        await jobs.run(alice, launch(environment=broken), key="lost")
    assert "No module named stoa" in failed.value.hint
