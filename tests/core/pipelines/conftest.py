"""A pipelines room on each kind of database, and a place to run pipelines in without an operation."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, Unpack

import pytest

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.flows.engine import Pace
from stoa.core.flows.flows import Flows, RunView
from stoa.core.flows.questions import Asking, Decision
from stoa.core.flows.records import name_of
from stoa.core.jobs import following
from stoa.core.jobs.jobs import Jobs
from stoa.core.pipelines.pipeline import Pipeline
from stoa.core.pipelines.pipelines import Pipelines
from stoa.core.registry.registry import Registry

ROOT = Path(__file__).parents[3]
QUICK = Pace(queue=0.02, watch=0.05, beat=0.1, dead_after=1.0, sweep=0.2)
QUICK_JOBS = following.Pace(look=0.05, write=0.1, mirror=0.5, sweep=0.2)
T = TypeVar("T")


@dataclass(frozen=True)
class InRun:
    """A place within a durable run; without a run id it just calls."""

    flows: Flows
    caller: Caller
    run_id: str | None = None

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return await self.flows.step(name_of(work), work, *arguments)

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        if self.run_id is not None:
            await self.flows.progress(self.run_id, message, done, total)

    async def ask_person(
        self, question: str, *, choices: Sequence[str], **more: Unpack[Asking]
    ) -> Decision:
        assert self.run_id is not None
        return await self.flows.ask_person(self.run_id, question=question, choices=choices, **more)


@dataclass
class Rooms:
    """The rooms that pipelines stand on."""

    flows: Flows
    jobs: Jobs
    registry: Registry
    pipelines: Pipelines

    def register(self, pipeline: Pipeline) -> None:
        """Make the pipeline a workflow: payload `inputs` and `fresh`."""

        async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
            inputs = pipeline.inputs.model_validate(payload["inputs"])
            place = InRun(self.flows, caller, run.id)
            return await self.pipelines.run(place, pipeline, inputs, fresh=payload.get("fresh", ()))

        self.flows.register(pipeline.name, work)

    async def start(self, caller: Caller, pipeline: str, **inputs: Any) -> str:
        """Start a run of it."""
        return await self.flows.start(
            pipeline,
            caller=caller,
            solution="tests",
            operation=pipeline,
            payload={"inputs": inputs},
        )


def build_rooms(database: Database, home: Path, name: str = "") -> Rooms:
    """All rooms over one database and one folder."""
    settings = Settings.load(home=home, executor_id=name)
    objects = Objects((home / "objects").as_uri(), secret=b"s" * 32, public_url="http://stoa")
    registry = Registry(settings, database, objects, AuditLog(database))
    flows = Flows(settings, database, pace=QUICK)
    jobs = Jobs(settings, database, objects, registry, open_runs=flows.open_runs, pace=QUICK_JOBS)
    return Rooms(flows, jobs, registry, Pipelines(database, flows, jobs, registry))


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")


@pytest.fixture
async def rooms(database: Database, tmp_path: Path) -> AsyncIterator[Rooms]:
    """The rooms, not launched."""
    built = build_rooms(database, tmp_path / "home")
    yield built
    await built.jobs.close()
    await built.flows.close()
