"""An events room on each kind of database, quick, and a consumer on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.settings import Settings
from stoa.core.events.events import Events
from stoa.core.events.pace import Pace
from tests.core.events.receiver import Receiver, receiving

SECRET = b"the secret of these tests, long enough"
QUICK = Pace(look=0.05, attempt=5.0, lease=20.0, pauses=(0.05, 0.05, 0.05))
Build = Callable[..., Events]


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)


@pytest.fixture
async def build(database: Database, tmp_path: Path) -> AsyncIterator[Build]:
    """Makes an Events on the database; all are closed after the test."""
    made: list[Events] = []

    def make(pace: Pace = QUICK, *, private: bool = True) -> Events:
        settings = Settings.load(home=tmp_path / "home", webhook_private=private)
        made.append(Events(settings, database, AuditLog(database), secret=SECRET, pace=pace))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def events(build: Build) -> Events:
    """One that is not launched yet."""
    return build()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A consumer."""
    with receiving() as made:
        yield made


async def publish(events: Events, type_: str = "thing.done", **given: Any) -> str:
    """Publish in workspace_a; return the event's id."""
    given.setdefault("data", {"a": 1})
    event = await events.publish("workspace_a", type=type_, source="/stoa/tests", **given)
    return event.id


async def until(condition: Callable[[], Any]) -> None:
    """Look again and again, in a thread, until it is so; the test's own time-out ends it."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it looks at a database
        await asyncio.sleep(0.02)
