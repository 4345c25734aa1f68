"""People at work with recommend_products: a `Desk` is one person's door to the operations of one house."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stoa.base.identity.caller import Caller, Role
from stoa.core.flows.run import RunState, RunView
from stoa.dispatch import Dispatcher
from stoa.solutions.recommend_products.solution import SOLUTION

SAMPLE = SOLUTION.folder / "sample"


@dataclass
class Desk:
    """One caller's door to recommend_products."""

    house: Dispatcher
    caller: Caller

    async def call(self, operation: str, **request: Any) -> Any:
        """Call an operation; a durable one to its end, without a run."""
        return await self.house.call(self.caller, "recommend_products", operation, request)

    async def start(self, operation: str, **request: Any) -> str:
        """Start a durable operation; return its run."""
        started = await self.house.start(self.caller, "recommend_products", operation, request)
        return started.run_id

    async def settled(self, run_id: str) -> RunView:
        """The run, once it has ended or waits for a person."""
        while True:
            view = await self.house.platform.flows.show(self.caller, run_id)
            if view.state.ended or view.state is RunState.WAITING:
                return view
            await asyncio.sleep(0.02)

    async def ended(self, run_id: str) -> RunView:
        """The run, once nothing more happens."""
        while True:
            view = await self.house.platform.flows.show(self.caller, run_id)
            if view.state.ended:
                return view
            await asyncio.sleep(0.02)

    async def upload(self, name: str, content: bytes | Path) -> str:
        """Store a file; return its id."""
        return (await self.house.platform.files.add(self.caller, name, content)).id

    async def add(self, content: bytes | Path, name: str = "rows.csv", **request: Any) -> Any:
        """Take interactions in, without starting the pipeline unless asked to."""
        file = await self.upload(name, content)
        return await self.call("add_interactions", file=file, **{"train": False, **request})

    def beside(self, user: str, role: Role) -> "Desk":
        """Another person of the same workspace."""
        return Desk(self.house, Caller(self.caller.workspace_id, user, role, user.title()))


@pytest.fixture
def desk(house: Dispatcher, alice: Caller) -> Desk:
    """The owner's desk."""
    return Desk(house, alice)


def rows(*lines: tuple[str, str, int]) -> bytes:
    """Interactions as CSV."""
    return "\n".join(["user,item,time", *(f"{u},{i},{t}" for u, i, t in lines)]).encode()
