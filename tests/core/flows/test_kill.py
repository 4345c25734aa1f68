"""kill -9 of real processes on real databases: nothing is lost, nothing is done twice."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.flows.execution import MOST_ATTEMPTS
from stoa.core.flows.flows import Flows, RunState
from stoa.core.flows.tables import Run, RunEventRow, WorkerRow
from tests.core.flows.conftest import start, until
from tests.core.flows.worker_process import CONCURRENCY, LINES, PACE, register
from tests.forked import Forked


@contextmanager
def worker(database: Database, home: Path, name: str = "") -> Iterator[Forked]:
    """A worker process, ready to work; killed at the end."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = Forked(
        "tests.core.flows.worker_process", [url, str(home), name], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def kill(process: Forked) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def lines(database: Database) -> Database:
    """The database, with the table that the workers write to."""
    LINES.create(database.engine)
    return database


def count(database: Database, *states: RunState) -> int:
    query = sa.select(sa.func.count()).select_from(Run).where(Run.state.in_(states))
    return database.read_now(lambda s: s.scalar(query) or 0, workspace=EVERY_WORKSPACE)


def lines_written(database: Database) -> int:
    query = sa.select(sa.func.count()).select_from(LINES)
    return database.read_now(lambda s: s.scalar(query) or 0, workspace=EVERY_WORKSPACE)


async def _until_written(database: Database, count: int) -> None:
    await until(lambda: lines_written(database) >= count)


def check(database: Database, runs: int, steps: int, kills: int) -> None:
    """Every run ended once, with all its lines, and its history is whole."""

    def look(session: Any) -> None:
        ended = session.scalars(sa.select(Run)).all()
        assert [run.state for run in ended] == [RunState.DONE] * runs
        assert {run.result["total"] for run in ended} == {sum(range(steps))}
        assert {run.result["by"] for run in ended} == {"Alice"}
        written = session.execute(
            sa.select(LINES.c.run_id, sa.func.count()).group_by(LINES.c.run_id)
        )
        assert dict(written.all()) == {run.id: steps for run in ended}
        calls = session.scalar(sa.select(sa.func.sum(LINES.c.calls)))
        assert calls - runs * steps <= kills * CONCURRENCY, "only what a kill cut off runs again"
        for run in ended:
            events = session.scalars(
                sa.select(RunEventRow)
                .where(RunEventRow.run_id == run.id)
                .order_by(RunEventRow.number)
            ).all()
            assert [event.number for event in events] == list(range(1, len(events) + 1))
            said = [event.data["message"] for event in events if event.kind == "progress"]
            assert said == [f"step {step}" for step in range(steps)]
            finished = [event for event in events if event.data.get("state") == "finished"]
            assert len(finished) == steps
            assert [event.data["state"] for event in events if event.kind == "state"].count(
                "done"
            ) == 1

    database.read_now(look, workspace=EVERY_WORKSPACE)


@asynccontextmanager
async def watching(database: Database, home: Path) -> AsyncIterator[Flows]:
    """A launched room that starts and looks, and works on nothing."""
    flows = Flows(Settings.load(home=home, executor_id="watcher"), database, pace=PACE)
    register(flows, database)
    await flows.launch(works=False)
    try:
        yield flows
    finally:
        await flows.close()


async def start_lines(
    flows: Flows, caller: Caller, runs: int, *, steps: int, seconds: float
) -> list[str]:
    """Start that many runs of `lines`; their ids."""
    payload = {"steps": steps, "seconds": seconds}
    return [await start(flows, caller, "lines", payload=payload) for _ in range(runs)]


async def test_a_killed_worker_is_replaced(lines: Database, tmp_path: Path, alice: Caller) -> None:
    """The fast one: two runs, one kill, another process takes over at once."""
    home = tmp_path / "home"
    async with watching(lines, home) as flows:
        ids = await start_lines(flows, alice, 2, steps=6, seconds=0.1)
        with worker(lines, home, "one") as first:
            await until(lambda: lines_written(lines) >= 4)
            kill(first)
        assert count(lines, RunState.RUNNING) == 2
        with worker(lines, home, "two"):
            for run_id in ids:
                await flows.wait(alice, run_id)
    check(lines, runs=2, steps=6, kills=1)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_run_that_kills_its_worker_takes_no_other_along(
    lines: Database, tmp_path: Path, alice: Caller
) -> None:
    """Beside it are runs whose steps take longer than it takes to kill."""
    home = tmp_path / "home"
    async with watching(lines, home) as flows:
        harm = await start(flows, alice, "harm")
        await start_lines(flows, alice, CONCURRENCY - 1, steps=1, seconds=0.4)

        def over() -> bool:
            return not count(lines, RunState.QUEUED, RunState.RUNNING)

        async def until_dead_or_over(process: Forked) -> None:
            await until(lambda: process.poll() is not None or over())

        deaths = 0
        while not over():
            with worker(lines, home, "one") as process:
                await until_dead_or_over(process)
                deaths += process.returncode == -signal.SIGKILL
        assert deaths == MOST_ATTEMPTS
        view = await flows.show(alice, harm)
        assert view.state is RunState.FAILED
        assert count(lines, RunState.DONE) == CONCURRENCY - 1


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
async def test_one_process_on_sqlite_is_killed_again_and_again(
    lines: Database, tmp_path: Path, alice: Caller, seed: int
) -> None:
    chance = random.Random(seed)
    home = tmp_path / "home"
    async with watching(lines, home) as flows:
        await start_lines(flows, alice, 20, steps=5, seconds=0.02)
        kills = 0
        while count(lines, RunState.DONE) < 20 and kills < 8:
            with worker(lines, home, "only") as process:
                await asyncio.sleep(chance.uniform(0.05, 0.8))
                kill(process)
                kills += 1
        with worker(lines, home, "only"):
            await until(lambda: count(lines, RunState.DONE) == 20)
    check(lines, runs=20, steps=5, kills=kills + 1)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_three_workers_and_two_kills(lines: Database, tmp_path: Path, alice: Caller) -> None:
    chance = random.Random(4)
    home = tmp_path / "home"
    async with watching(lines, home) as flows:
        await start_lines(flows, alice, 60, steps=4, seconds=0.2)
        with (
            worker(lines, home, "one") as one,
            worker(lines, home, "two") as two,
            worker(lines, home, "three") as three,
        ):
            victims = chance.sample([one, two, three], 2)
            for victim in victims:
                await _until_written(lines, lines_written(lines) + chance.randint(10, 40))
                kill(victim)
            assert count(lines, RunState.DONE) < 60
            await until(lambda: count(lines, RunState.DONE) == 60)
    check(lines, runs=60, steps=4, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_worker_elsewhere_is_given_up_when_it_stays_silent(
    lines: Database, tmp_path: Path, alice: Caller
) -> None:
    home = tmp_path / "home"
    async with watching(lines, home) as flows:
        await start_lines(flows, alice, 3, steps=5, seconds=0.1)
        with worker(lines, home, "far") as far:
            await until(lambda: lines_written(lines) >= 4)
            kill(far)
        lines.write_now(
            lambda s: s.execute(sa.update(WorkerRow).values(host="elsewhere")),
            workspace=EVERY_WORKSPACE,
        )
        with worker(lines, home, "near"):
            await until(lambda: count(lines, RunState.DONE) == 3)
    check(lines, runs=3, steps=5, kills=1)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_frozen_worker_that_wakes_up_does_no_harm(
    lines: Database, tmp_path: Path, alice: Caller
) -> None:
    """Taken for dead while it was suspended, it finds that its runs are another's."""
    home = tmp_path / "home"
    async with watching(lines, home) as flows:
        await start_lines(flows, alice, 4, steps=30, seconds=0.1)
        with worker(lines, home, "sleepy") as sleepy, worker(lines, home, "awake"):
            await until(lambda: lines_written(lines) >= 8)
            os.kill(sleepy.pid, signal.SIGSTOP)
            await asyncio.sleep(PACE.dead_after + 1)
            os.kill(sleepy.pid, signal.SIGCONT)
            await until(lambda: count(lines, RunState.DONE) == 4)
            await start_lines(flows, alice, 1, steps=30, seconds=0.01)
            await until(lambda: count(lines, RunState.DONE) == 5)
    check(lines, runs=5, steps=30, kills=1)
