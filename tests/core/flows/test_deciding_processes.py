"""Several processes decide at the same moment, and one dies half-way: one decision, and the run goes on once."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from stoa.base.database import Database
from stoa.core.flows.flows import Flows, RunState
from tests.core.flows.asking import asked, register
from tests.core.flows.conftest import Build
from tests.core.flows.people import People, settle
from tests.forked import Forked

pytestmark = pytest.mark.slow


@contextmanager
def decider(database: Database, home: Path, *arguments: str) -> Iterator[Forked]:
    """A process that is ready to decide; gone at the end."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = Forked(
        "tests.core.flows.decider_process",
        [url, str(home), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def go(process: Forked) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def said(process: Forked) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def people(database: Database) -> People:
    return settle(database)


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
async def flows(build: Build, people: People, done: list[str]) -> AsyncIterator[Flows]:
    made = build()
    register(made, done)
    await made.launch()
    yield made
    await made.close()


async def test_two_processes_contradict_each_other_at_the_same_moment(
    flows: Flows, people: People, database: Database, tmp_path: Path, done: list[str]
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer")
    home = tmp_path / "home"

    def race() -> list[str]:
        with ExitStack() as stack:
            processes = [
                stack.enter_context(decider(database, home, question.id, choice, who))
                for choice, who in (("approve", "rex"), ("reject", "rita"))
            ]
            for process in processes:
                go(process)
            return [said(process) for process in processes]

    answers = await asyncio.to_thread(race)
    view = await flows.wait(people.alice, question.run_id)
    assert view.result is not None
    winner, choice = view.result["decided_by"], view.result["choice"]
    assert sorted(answer.partition(" ")[0] for answer in answers) == ["decided", "refused"]
    assert f"decided {choice} {winner}" in answers
    history = await flows.approvals.history(people.alice, question.id)
    assert [each.action for each in history] == ["asked", "decided"]
    assert done == [question.run_id]


async def test_killed_between_the_decision_and_the_waking_the_run_goes_on_once(
    flows: Flows, people: People, database: Database, tmp_path: Path, done: list[str]
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer")

    def decide_and_die() -> int:
        with decider(database, tmp_path / "home", question.id, "approve", "rex", "die") as process:
            go(process)
            return process.wait(60)

    assert await asyncio.to_thread(decide_and_die) == -9
    view = await flows.wait(people.alice, question.run_id)
    assert view.state is RunState.DONE
    assert view.result is not None
    assert (view.result["choice"], view.result["decided_by"]) == ("approve", "user_rex")
    assert done == [question.run_id]
    history = await flows.approvals.history(people.alice, question.id)
    assert [each.action for each in history] == ["asked", "decided"]
