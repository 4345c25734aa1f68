"""A flows room on each kind of database, with workflows that tests fill in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.flows.announcements import Outbox
from stoa.core.flows.engine import Pace
from stoa.core.flows.flows import Flows

QUICK = Pace(queue=0.02, watch=0.05, beat=0.1, dead_after=1.0, sweep=0.2)

Build = Callable[..., Flows]
Start = Callable[..., Awaitable[str]]


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)


@pytest.fixture
def build(database: Database, tmp_path: Path) -> Build:
    """Makes a Flows on the database; `executor` names it."""

    def make(executor: str = "", events: Outbox | None = None, **given: Any) -> Flows:
        settings = Settings.load(home=tmp_path / "home", executor_id=executor, **given)
        return Flows(settings, database, events=events, pace=QUICK)

    return make


@pytest.fixture
async def flows(build: Build) -> AsyncIterator[Flows]:
    """A Flows that is not launched yet, closed after the test."""
    made = build()
    yield made
    await made.close()


async def start(flows: Flows, caller: Caller, workflow: str = "work", **given: Any) -> str:
    """Start a run of a test's workflow."""
    given.setdefault("payload", {})
    return await flows.start(workflow, caller=caller, solution="tests", operation=workflow, **given)


async def until(condition: Callable[[], Any]) -> None:
    """Look again and again, in a thread, until it is so; the test's own time-out ends it."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it looks at a database
        await asyncio.sleep(0.02)
