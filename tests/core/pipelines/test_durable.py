"""Pipelines as durable runs: kill -9 of the worker, a person in between, one step again, cancelling."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stoa.base.database import Database
from stoa.base.errors import Conflict, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.questions import ApprovalView
from stoa.core.flows.run import RunState
from stoa.core.pipelines.views import StepState
from tests.core.jobs.conftest import processes_of, until
from tests.core.pipelines.conftest import Rooms
from tests.core.pipelines.durable import WHOLE, register
from tests.forked import Forked


@contextmanager
def worker(database: Database, home: Path, name: str) -> Iterator[Forked]:
    """A worker process, ready to work; killed at the end."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = Forked("tests.core.pipelines.durable", [url, str(home), name], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def until_running(rooms: Rooms, caller: Caller, steps: int = 1) -> list[str]:
    """Ids of the jobs, once all of them run and have come as far as `steps`."""
    while True:
        found = await rooms.jobs.list(caller)
        if len(found) == 2 and all(job.state == "running" and job.done >= steps for job in found):
            return [job.id for job in found]
        await asyncio.sleep(0.05)


async def question(rooms: Rooms, caller: Caller) -> ApprovalView:
    """The question that a run puts to a person, once the run waits for it."""
    while True:
        found = await rooms.flows.approvals.list(caller)
        if found and (await rooms.flows.show(caller, found[0].run_id)).state is RunState.WAITING:
            return found[0]
        await asyncio.sleep(0.05)


def lines(home: Path) -> list[str]:
    return sorted((home / "lines.txt").read_text().splitlines())


@pytest.mark.slow
async def test_kill_9_of_the_worker_in_the_middle_of_jobs(
    rooms: Rooms, database: Database, tmp_path: Path, alice: Caller
) -> None:
    """The processes go on meanwhile, and the next worker adopts them: each was started once."""
    home = tmp_path / "home"
    register(rooms)
    await rooms.flows.launch(works=False)
    run_id = await rooms.start(alice, "plain", home=str(home), steps=20, seconds=0.15)
    with worker(database, home, "one") as first:
        jobs = await until_running(rooms, alice)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    assert all(processes_of(job_id) for job_id in jobs)
    view = await rooms.pipelines.of_run(alice, run_id)
    assert [node.state for node in view.nodes] == [StepState.DONE, StepState.RUNNING]
    assert sorted(job for item in view.nodes[1].items for job in item.job_ids) == sorted(jobs)
    with worker(database, home, "two"):
        run = await rooms.flows.wait(alice, run_id)
    assert run.state is RunState.DONE
    assert run.result is not None
    assert run.result["train"] == [1.9, 1.9]
    assert lines(home) == ["prepare", "train a", "train b"]
    for job_id in jobs:
        job = await rooms.jobs.show(alice, job_id)
        assert job.attempt == 1
        starts = rooms.jobs.folder_of(job, alice) / "starts.txt"
        assert len(starts.read_text().splitlines()) == 1
        assert processes_of(job_id) == []
    view = await rooms.pipelines.of_run(alice, run_id)
    assert view.state is StepState.DONE


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_person_decides_and_one_step_is_done_again(
    rooms: Rooms, tmp_path: Path, alice: Caller, bob: Caller
) -> None:
    home = tmp_path / "home"
    register(rooms)
    await rooms.flows.launch()
    (home / "broken").touch()
    run_id = await rooms.start(alice, "whole", home=str(home), steps=2, seconds=0.0)
    waiting = await question(rooms, alice)
    view = await rooms.pipelines.of_run(alice, run_id)
    assert view.state is StepState.WAITING
    assert [node.state.value for node in view.nodes] == [
        "done",
        "done",
        "waiting",
        "pending",
        "pending",
    ]
    await rooms.flows.approvals.decide(alice, waiting.id, Ballot("approve"))
    assert (await rooms.flows.wait(alice, run_id)).state is RunState.FAILED
    view = await rooms.pipelines.of_run(alice, run_id)
    assert (view.state, view.nodes[3].error) == (StepState.FAILED, "It is broken.")
    with pytest.raises(NotFound):
        await rooms.pipelines.retry(bob, view.id, "deploy", WHOLE)
    with pytest.raises(NotFound):
        await rooms.pipelines.of_run(bob, run_id)
    await rooms.pipelines.retry(alice, view.id, "deploy", WHOLE)
    assert (await rooms.flows.wait(alice, run_id)).state is RunState.FAILED
    assert lines(home) == [*["deploy"] * 2, "prepare", "train a", "train b", *["undo"] * 2]
    assert len(await rooms.jobs.list(alice)) == 2

    (home / "broken").unlink()
    with pytest.raises(Conflict, match="failed or was stopped"):
        await rooms.pipelines.retry(alice, view.id, "train", WHOLE)
    await rooms.pipelines.retry(alice, view.id, "deploy", WHOLE)
    assert (await rooms.flows.wait(alice, run_id)).state is RunState.DONE
    assert len(await rooms.jobs.list(alice)) == 2
    view = await rooms.pipelines.of_run(alice, run_id)
    assert [node.attempts for node in view.nodes[:4]] == [1, 0, 1, 3]
    assert view.nodes[3].outputs == "approve"
    assert lines(home).count("undo") == 2, "what failed twice is put right twice"
    with pytest.raises(Conflict):
        await rooms.pipelines.retry(alice, view.id, "deploy", WHOLE)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_cancelling_the_run_ends_its_processes(
    rooms: Rooms, tmp_path: Path, alice: Caller
) -> None:
    register(rooms)
    await rooms.flows.launch()
    await rooms.jobs.launch()
    home = str(tmp_path / "home")
    run_id = await rooms.start(alice, "plain", home=home, steps=1000, seconds=0.1)
    jobs = await until_running(rooms, alice)
    await rooms.flows.cancel(alice, run_id)
    await until(lambda: not any(processes_of(job_id) for job_id in jobs))
    view = await rooms.pipelines.of_run(alice, run_id)
    assert view.state is StepState.CANCELLED
    assert view.nodes[1].state is StepState.CANCELLED
