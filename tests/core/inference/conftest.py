"""An inference room over a registry with small real models in it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.compute.networks.recommenders.recommender import Recommender
from stoa.core.inference.inference import Inference
from stoa.core.registry.registry import Registry
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import NewVersion
from tests.compute.serving.models import interactions, neumf, saved

RANK = {"user": "u3", "items": ["i5", "i9", "i1"]}
SECRET = b"the secret of these tests, long enough"
Build = Callable[[], Inference]
Register = Callable[..., Awaitable[str]]


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)


@pytest.fixture
def registry(database: Database, tmp_path: Path) -> Registry:
    """Over the test's database."""
    settings = Settings.load(home=tmp_path / "home")
    objects = Objects(settings.resolved_objects_url(), secret=SECRET, public_url="http://here")
    return Registry(settings, database, objects, AuditLog(database))


@pytest.fixture
async def build(database: Database, registry: Registry) -> AsyncIterator[Build]:
    """Makes an Inference on the database; all are closed after the test."""
    made: list[Inference] = []

    def make() -> Inference:
        made.append(Inference(database, registry, secret=SECRET))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
async def inference(build: Build) -> Inference:
    """One that serves."""
    made = build()
    await made.launch()
    return made


@pytest.fixture
def register(registry: Registry, alice: Caller, tmp_path: Path) -> Register:
    """Registers a version of the group `films`, approved unless said otherwise; its id."""

    numbers = count()

    async def make(
        model: Recommender | Path | None = None,
        *,
        seed: int = 1,
        status: Approval = Approval.APPROVED,
    ) -> str:
        if isinstance(model, Path):
            folder = model
        else:
            chosen = model or neumf(interactions(), seed=seed)
            folder = await asyncio.to_thread(saved, chosen, tmp_path / f"model-{next(numbers)}")
        artefact = await registry.artefacts.add(alice, folder)
        new = NewVersion(kind="neural", status=status)
        return (await registry.versions.register(alice, "films", artefact, new)).id

    return make


async def until(condition: Callable[[], object]) -> None:
    """Look again and again until it is so; the test's own time-out ends it."""
    while not condition():  # noqa: ASYNC110 - it looks at processes
        await asyncio.sleep(0.02)


@asynccontextmanager
async def load(inference: Inference, caller: Caller) -> AsyncIterator[Counter[str]]:
    """Eight callers that ask without a pause; counts answers by version. An error fails the test."""
    counted: Counter[str] = Counter()
    stop = asyncio.Event()

    async def ask() -> None:
        while not stop.is_set():
            answer = await inference.ask(caller, "films", "rank", RANK)
            assert len(answer.value["items"]) == 3
            counted[answer.version_id] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
        yield counted
        stop.set()
