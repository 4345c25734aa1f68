"""Jobs from recipe to outcome: metrics, log, artefacts, failures, limits, cancelling, tenancy."""

import asyncio
import os
import signal
from datetime import timedelta

import psutil
import pytest
from pydantic import ValidationError

from stoa.base.errors import Cancelled, JobFailed, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.jobs.job import JobState
from stoa.core.jobs.jobs import Jobs
from stoa.core.jobs.launchers import environment_of
from tests.core.jobs.conftest import OPEN_RUN, Build, job_of, launch, processes_of, state_of, until


async def test_a_job_is_done(jobs: Jobs, alice: Caller) -> None:
    heard: list[tuple[str, int, int]] = []

    async def hear(message: str, done: int, total: int) -> None:
        heard.append((message, done, total))

    asked = launch(steps=3, patterns={"HR": r"HR=(.*?);", "NDCG": r"NDCG=(.*?);"})
    view = await jobs.run(alice, asked, key="one", on_progress=hear)
    assert view.state is JobState.DONE
    assert view.metrics == {"HR": 0.2}
    assert view.details == {"first": 0}
    assert heard[-1] == ("step 3 of 3", 3, 3)
    assert view.latest == {"loss": pytest.approx(1 / 3), "HR": 0.2, "NDCG": 0.1}
    assert view.memory_mb >= 0
    assert view.exit_code == 0
    curves = {curve.name: curve.points for curve in await jobs.curves(alice, view.id)}
    assert [point.step for point in curves["loss"]] == [0, 1, 2]
    assert [point.value for point in curves["HR"]] == [0.0, 0.1, 0.2]
    assert "epoch 2: HR=0.20;" in await jobs.log(alice, view.id)
    files = await jobs.artefacts(alice, view.id)
    assert (files / "model.txt").read_text() == "3 steps"


async def test_the_same_key_is_the_same_job(jobs: Jobs, alice: Caller, bob: Caller) -> None:
    one = await jobs.run(alice, launch(steps=1), key="same")
    again = await jobs.run(alice, launch(steps=2), key="same")
    other = await jobs.run(bob, launch(steps=2), key="same")
    assert again == one
    assert other.id != one.id
    assert other.metrics == {"HR": 0.1}


async def test_ids_of_another_workspace_are_not_found(
    jobs: Jobs, alice: Caller, bob: Caller
) -> None:
    view = await jobs.run(alice, launch(steps=1), key="mine")
    for look in (jobs.show, jobs.cancel, jobs.curves, jobs.log, jobs.artefacts):
        with pytest.raises(NotFound):
            await look(bob, view.id)
    assert await jobs.list(bob) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_failure_tells_the_end_of_the_log(jobs: Jobs, alice: Caller) -> None:
    with pytest.raises(JobFailed) as failed:
        await jobs.run(alice, launch(steps=3, dies_at=1), key="dies")
    assert "ended with code 3" in failed.value.message
    assert "epoch 1: HR=0.10" in failed.value.hint
    assert "abcdefghijklmnop" not in failed.value.hint, "a secret in the log is not told"
    view = (await jobs.list(alice))[0]
    assert (view.state, view.exit_code) == (JobState.FAILED, 3)
    assert "abcdefghijklmnop" not in await jobs.log(alice, view.id)
    done = await jobs.run(alice, launch(steps=3, dies_at=1), key="dies")
    assert done.id == view.id
    assert done.details == {"first": 2}, "asked anew, it goes on from its checkpoint"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_process_that_knows_why_is_quoted_and_its_log_is_not(
    jobs: Jobs, alice: Caller
) -> None:
    asked = launch(steps=3, dies_at=1, says="Shard 'a' can't be read.")
    with pytest.raises(JobFailed) as failed:
        await jobs.run(alice, asked, key="knows")
    assert failed.value.message.endswith(": Shard 'a' can't be read.")
    assert failed.value.hint.startswith("Fetch it again with ")
    assert "abcdefghijklmnop" not in failed.value.hint
    assert "epoch" not in failed.value.hint
    done = await jobs.run(alice, asked, key="knows")
    assert done.state is JobState.DONE
    assert done.error == "", "what was said of an attempt before is forgotten"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_it_is_tried_again_from_its_checkpoint(jobs: Jobs, alice: Caller) -> None:
    view = await jobs.run(alice, launch(steps=4, dies_at=1, retries=1), key="again")
    assert view.details == {"first": 2}
    assert view.attempt == 2
    curve = (await jobs.curves(alice, view.id, ["loss"]))[0]
    assert [point.step for point in curve.points] == [0, 1, 2, 3]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_process_without_a_result_has_failed(jobs: Jobs, alice: Caller) -> None:
    with pytest.raises(JobFailed, match="without a result"):
        await jobs.run(alice, launch(steps=1, silent=True), key="silent")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_limits_end_the_whole_tree(jobs: Jobs, alice: Caller) -> None:
    hungry = launch(steps=100, seconds=0.1, memory_mb=300, limits={"memory_mb": 150, "grace": 0.5})
    with pytest.raises(JobFailed, match="more than 150 MiB"):
        await jobs.run(alice, hungry, key="hungry")
    slow = launch(steps=100, seconds=0.1, limits={"seconds": 0.6, "grace": 0.5})
    with pytest.raises(JobFailed, match=r"longer than 0\.6 seconds"):
        await jobs.run(alice, slow, key="slow")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_cancelling_ends_grandchildren_that_do_not_listen(jobs: Jobs, alice: Caller) -> None:
    deaf = launch(steps=1000, seconds=0.1, deaf=True, grandchildren=2, limits={"grace": 0.3})
    task = asyncio.create_task(jobs.run(alice, deaf, key="deaf"))
    job_id = await job_of(jobs, alice)
    await until(lambda: len(processes_of(job_id)) == 4)
    await jobs.cancel(alice, job_id)
    with pytest.raises(Cancelled):
        await task
    assert processes_of(job_id) == []
    assert (await jobs.show(alice, job_id)).state is JobState.CANCELLED


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_job_of_a_run_that_was_cancelled_is_stopped(build: Build, alice: Caller) -> None:
    jobs = build()
    await jobs.launch()
    long = launch(steps=1000, seconds=0.1, limits={"grace": 0.3})
    task = asyncio.create_task(jobs.run(alice, long, key="gone", run_id="run_cancelled"))
    job_id = await job_of(jobs, alice)
    await until(lambda: processes_of(job_id))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not processes_of(job_id))
    await state_of(jobs, alice, job_id, JobState.CANCELLED)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_job_of_an_open_run_goes_on_and_is_adopted(build: Build, alice: Caller) -> None:
    """As when a worker is stopped in good order: its run is open, and another takes it over."""
    first, second = build(), build()
    asked = launch(steps=12, seconds=0.1, patterns={"HR": r"HR=(.*?);"})
    task = asyncio.create_task(first.run(alice, asked, key="moves", run_id=OPEN_RUN))
    job_id = await job_of(first, alice)
    await until(lambda: processes_of(job_id))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await first.close()
    assert processes_of(job_id)
    view = await second.run(alice, asked, key="moves", run_id=OPEN_RUN)
    assert (view.id, view.attempt, view.details) == (job_id, 1, {"first": 0})
    starts = second.folder_of(view, alice) / "starts.txt"
    assert len(starts.read_text().splitlines()) == 1
    curve = (await second.curves(alice, job_id, ["HR"]))[0]
    assert len(curve.points) == 12, "the log is read from its beginning"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("victim", ["guard", "process"])
async def test_kill_9_of_the_process_or_its_guard(jobs: Jobs, alice: Caller, victim: str) -> None:
    retries = 1 if victim == "process" else 0
    asked = launch(steps=12, seconds=0.1, retries=retries)
    task = asyncio.create_task(jobs.run(alice, asked, key="killed", run_id=OPEN_RUN))
    job_id = await job_of(jobs, alice)
    starts = jobs.folder_of(await jobs.show(alice, job_id), alice) / "starts.txt"
    checkpoint = starts.parent / "checkpoints" / "step.json"
    await until(checkpoint.exists)
    pid = int(starts.read_text().splitlines()[0])
    os.kill(psutil.Process(pid).ppid() if victim == "guard" else pid, signal.SIGKILL)
    view = await task
    assert view.state is JobState.DONE
    assert view.details["first"] > 0
    assert pid not in processes_of(job_id)  # its number may stay until its parent, init, has looked
    assert len(starts.read_text().splitlines()) == 2


async def test_nothing_secret_is_kept() -> None:
    for recipe in ({"api_key": "abc"}, {"url": "postgresql://stoa:word@host/db"}):
        with pytest.raises(ValidationError, match="looks like a secret"):
            launch(**recipe)
    kept = environment_of(
        "job_1",
        launch(pass_on=["AWS_PROFILE"]),
        {"PATH": "/bin", "STOA_SECRET_KEY": "x", "OPENAI_API_KEY": "y", "AWS_PROFILE": "z",
         "CUDA_VISIBLE_DEVICES": "0", "PYTHON_TOKEN": "t"},
    )  # fmt: skip
    assert set(kept) == {
        "PATH", "AWS_PROFILE", "CUDA_VISIBLE_DEVICES", "PYTHONUNBUFFERED", "STOA_JOB",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE",
    }  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_folder_may_go_when_the_job_has_ended(jobs: Jobs, alice: Caller) -> None:
    asked = launch(steps=3, patterns={"HR": r"HR=(.*?);"})
    view = await jobs.run(alice, asked, key="pruned")
    before = await jobs.curves(alice, view.id)
    assert await jobs.prune(timedelta(hours=1)) == 0
    assert await jobs.prune(timedelta(0)) == 1
    assert not jobs.folder_of(view, alice).exists()
    assert await jobs.curves(alice, view.id) == before
    assert "epoch 2" in await jobs.log(alice, view.id)
    assert (await jobs.artefacts(alice, view.id) / "model.txt").exists()
