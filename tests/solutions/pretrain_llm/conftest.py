"""A house with the one solution's operations, and callers of two workspaces."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stoa import wiring
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher

SAMPLE = Path(wiring.__file__).parent / "solutions" / "pretrain_llm" / "sample"
TINY = (
    "schedule.steps=6", "schedule.warmup=1", "batch.sequences=2", "evaluation.batches=1",
    "evaluation.final_batches=1", "model.layers=1", "model.hidden=16", "model.heads=2",
    "model.intermediate=32", "data.sequence=16", "checkpoints.every=3", "log.every=1",
)  # fmt: skip


@dataclass(frozen=True)
class House:
    """The dispatcher, an owner with the sample, and a stranger next door."""

    dispatcher: Dispatcher
    owner: Caller
    stranger: Caller

    async def call(self, operation: str, who: Caller | None = None, **request: Any) -> Any:
        """Call an operation, as the owner or another."""
        caller = who or self.owner
        return await self.dispatcher.call(caller, "pretrain_llm", operation, request)

    async def upload(self, name: str, content: bytes | Path) -> str:
        """Store a file of the owner's; its id."""
        return (await self.dispatcher.platform.files.add(self.owner, name, content)).id


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Built anew; the recorded runs are in."""
    dispatcher = wiring.build(Settings.load(home=tmp_path / "home"))
    accounts = dispatcher.platform.accounts
    owner = await accounts.ensure_sample()
    solution = dispatcher.solutions["pretrain_llm"]
    assert solution.sample is not None
    await solution.sample(dispatcher.as_call(owner, solution))
    made = await accounts.create_workspace("Next door")
    user = await accounts.create_user("sven@example.org", "Sven", None)
    await accounts.set_member(None, made.id, user.id, Role.OWNER)
    yield House(dispatcher, owner, Caller(made.id, user.id, Role.OWNER, user.name))
    await dispatcher.platform.jobs.close()
    dispatcher.platform.database.close()
