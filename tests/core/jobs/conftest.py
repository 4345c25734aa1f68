"""A jobs room on each kind of database, with a module that trains nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.jobs.following import Pace
from stoa.core.jobs.job import JobState, Launch
from stoa.core.jobs.jobs import Jobs
from stoa.core.jobs.processes import living
from stoa.core.registry.registry import Registry

ROOT = Path(__file__).parents[3]
QUICK = Pace(look=0.05, write=0.1, mirror=0.2, sweep=0.2)
OPEN_RUN = "run_open"

Build = Callable[..., Jobs]


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")


@pytest.fixture
async def build(database: Database, tmp_path: Path) -> AsyncIterator[Build]:
    """Makes a Jobs on the database; all are closed after the test."""
    made: list[Jobs] = []

    async def open_runs(run_ids: Collection[str]) -> set[str]:
        return {each for each in run_ids if each == OPEN_RUN}

    def make(**given: Any) -> Jobs:
        settings = Settings.load(home=tmp_path / "home", **given)
        objects = Objects(
            (tmp_path / "objects").as_uri(), secret=b"s" * 32, public_url="http://stoa"
        )
        registry = Registry(settings, database, objects, AuditLog(database))
        made.append(Jobs(settings, database, objects, registry, open_runs=open_runs, pace=QUICK))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def jobs(build: Build) -> Jobs:
    """A Jobs that does not sweep."""
    return build()


def launch(**recipe: Any) -> Launch:
    """A launch of the test's trainer; keywords that are no field of a launch go into the recipe."""
    own = {name: recipe.pop(name) for name in list(recipe) if name in Launch.model_fields}
    return Launch(**{"module": "tests.core.jobs.trainer", **own}, recipe=recipe)


async def until(condition: Callable[[], Any]) -> None:
    """Look again and again, in a thread; the test's own time-out ends it."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it looks at files
        await asyncio.sleep(0.02)


async def job_of(jobs: Jobs, caller: Caller) -> str:
    """Id of the one job there is, once it runs."""
    while True:
        found = [job for job in await jobs.list(caller) if job.state == "running"]
        if found:
            return found[0].id
        await asyncio.sleep(0.02)


async def state_of(jobs: Jobs, caller: Caller, job_id: str, state: JobState) -> None:
    """Wait until a job is in that state."""
    while True:
        if (await jobs.show(caller, job_id)).state is state:
            return
        await asyncio.sleep(0.02)


def processes_of(job_id: str) -> list[int]:
    """Numbers of all living processes of a job: its guard, its process, and theirs."""
    return [process.pid for process in living(job_id)]
