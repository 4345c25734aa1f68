"""A flows room on each kind of database, with workflows that tests fill in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.identity.caller import Caller
from stoa.base.outbox import Outbox
from stoa.base.settings import Settings
from stoa.core.flows.engine import Pace
from stoa.core.flows.flows import Flows

QUICK = Pace(queue=0.02, watch=0.05, beat=0.1, dead_after=1.0, sweep=0.2, rest=0.0001)

Build = Callable[..., Flows]
Start = Callable[..., Awaitable[str]]


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)


@pytest.fixture
async def build(database: Database, tmp_path: Path) -> AsyncIterator[Build]:
    """Makes a Flows on the database; `executor` names it. All are closed after the test, also after
    one that failed: a process that still works would refuse the next."""
    made: list[Flows] = []

    def make(
        executor: str = "", events: Outbox | None = None, pace: Pace = QUICK, **given: Any
    ) -> Flows:
        settings = Settings.load(home=tmp_path / "home", executor_id=executor, **given)
        made.append(Flows(settings, database, events=events, pace=pace))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def flows(build: Build) -> Flows:
    """A Flows that is not launched yet."""
    return build()


async def start(flows: Flows, caller: Caller, workflow: str = "work", **given: Any) -> str:
    """Start a run of a test's workflow."""
    given.setdefault("payload", {})
    return await flows.start(workflow, caller=caller, solution="tests", operation=workflow, **given)


async def until(condition: Callable[[], Any]) -> None:
    """Look again and again, in a thread, until it is so; the test's own time-out ends it."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it looks at a database
        await asyncio.sleep(0.02)
