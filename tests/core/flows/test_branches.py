"""Branches that run side by side: bounded, in order, and the same on every replay."""

import asyncio
from typing import Any

import pytest

from stoa.base.errors import Bug, InvalidInput
from stoa.base.identity.caller import Caller
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.flows import Flows, RunView
from stoa.core.flows.run import RunState
from tests.core.flows.conftest import Build, start, until


class Chains:
    """A workflow of chains side by side; each does two steps, the later ones quicker."""

    def __init__(self, flows: Flows) -> None:
        self.flows = flows
        self.done: list[str] = []
        self.ended: list[int] = []
        """Chains all of whose steps are on record."""
        self.now = self.most = 0
        self.gate = asyncio.Event()
        """Closed: the second step of the middle chain waits here."""
        self.waits = asyncio.Event()
        flows.register("work", self.work)

    async def first(self, item: int) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02 * (3 - item % 3))
        self.now -= 1
        self.done.append(f"first {item}")
        return item * 10

    async def second(self, item: int, value: int) -> str:
        if item == 1:
            self.waits.set()
            await self.gate.wait()
        self.done.append(f"second {item}")
        return f"{item}:{value}"

    async def chain(self, run: RunView, item: int) -> str:
        value = await self.flows.step("first", self.first, item)
        await self.flows.progress(run.id, f"half of {item}", item, 3)
        found = await self.flows.step("second", self.second, item, value)
        self.ended.append(item)
        return found

    async def work(self, run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        before = await self.flows.step("before", self.plain, "before")
        found = await self.flows.side_by_side(
            *(lambda item=item: self.chain(run, item) for item in range(payload["items"])),
            at_once=payload.get("at_once", 8),
        )
        after = await self.flows.step("after", self.plain, "after")
        return {"found": found, "around": [before, after]}

    async def plain(self, word: str) -> str:
        self.done.append(word)
        return word


async def test_results_come_in_order_and_no_more_than_allowed_at_once(
    flows: Flows, alice: Caller
) -> None:
    chains = Chains(flows)
    chains.gate.set()
    await flows.launch()
    run = await start(flows, alice, payload={"items": 9, "at_once": 2})
    view = await flows.wait(alice, run)
    assert view.result == {
        "found": [f"{item}:{item * 10}" for item in range(9)],
        "around": ["before", "after"],
    }
    assert chains.most == 2


async def test_each_branch_goes_on_where_it_was(build: Build, alice: Caller) -> None:
    """The process ends while one chain is half-way and its neighbours have finished out of order."""
    first = build()
    chains = Chains(first)
    await first.launch()
    run = await start(first, alice, payload={"items": 3})
    await until(lambda: len(chains.ended) == 2 and chains.waits.is_set())
    assert "second 1" not in chains.done
    await first.close()

    second = build()
    again = Chains(second)
    again.gate.set()
    await second.launch()
    view = await second.wait(alice, run)
    assert view.state is RunState.DONE, view.error
    assert view.result is not None
    assert view.result["found"] == ["0:0", "1:10", "2:20"]
    assert again.done == ["second 1", "after"], "what had finished was not done again"
    said = [
        event.data["message"]
        async for event in second.events(alice, run)
        if event.kind == "progress"
    ]
    assert sorted(said) == ["half of 0", "half of 1", "half of 2"]
    await second.close()


async def test_the_first_error_ends_the_others_and_can_be_resumed(
    flows: Flows, alice: Caller
) -> None:
    broken = True
    done: list[int] = []

    async def one(item: int) -> int:
        if item == 1 and broken:
            raise InvalidInput("Not now.", hint="Later.")
        done.append(item)
        return item

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        found = await flows.side_by_side(
            *(lambda item=item: flows.step("one", one, item) for item in range(3)), at_once=1
        )
        return {"found": found}

    flows.register("work", work)
    await flows.launch()
    run = await start(flows, alice)
    view = await flows.wait(alice, run)
    assert view.state is RunState.FAILED
    assert view.error is not None
    assert view.error["code"] == InvalidInput.code
    broken = False
    await flows.resume(alice, run)
    assert (await flows.wait(alice, run)).result == {"found": [0, 1, 2]}
    assert done.count(0) == 1


async def test_branches_have_branches(flows: Flows, alice: Caller) -> None:
    async def one(outer: int, inner: int) -> str:
        return f"{outer}.{inner}"

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        async def row(outer: int) -> list[str]:
            return await flows.side_by_side(
                *(lambda inner=inner: flows.step("one", one, outer, inner) for inner in range(3))
            )

        return {"rows": await flows.side_by_side(*(lambda o=o: row(o) for o in range(3)))}

    flows.register("work", work)
    await flows.launch()
    view = await flows.wait(alice, await start(flows, alice))
    assert view.result == {"rows": [[f"{o}.{i}" for i in range(3)] for o in range(3)]}


async def test_questions_in_branches_are_asked_one_after_the_other(
    flows: Flows, alice: Caller
) -> None:
    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        async def ask(item: int) -> str | None:
            decision = await flows.ask_person(run.id, question=f"Item {item}?", choices=["yes"])
            return decision.choice

        return {"said": await flows.side_by_side(*(lambda i=i: ask(i) for i in range(3)))}

    flows.register("work", work)
    await flows.launch()
    run = await start(flows, alice)
    while (await flows.show(alice, run)).state is not RunState.DONE:
        for each in await flows.approvals.list(alice):
            await flows.approvals.decide(alice, each.id, Ballot(choice="yes"))
        await asyncio.sleep(0.01)
    assert (await flows.show(alice, run)).result == {"said": ["yes"] * 3}


async def test_outside_a_run_it_is_plain(flows: Flows) -> None:
    async def twice(item: int) -> int:
        return 2 * item

    assert await flows.side_by_side(*(lambda i=i: twice(i) for i in range(4))) == [0, 2, 4, 6]
    assert await flows.side_by_side() == []
    with pytest.raises(Bug):
        await flows.side_by_side(lambda: twice(1), at_once=0)
