"""Runs from start to end: steps, progress, events, errors, tenancy, cancel and resume."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Bug, Conflict, InvalidInput, NotFound, ProviderError, SetupError
from stoa.base.identity.caller import Caller, Role
from stoa.base.telemetry import metrics
from stoa.core.flows.flows import Flows, RunState, RunView
from stoa.core.flows.tables import Run, RunEventRow
from tests.core.flows.conftest import QUICK, Build, start


class Page(BaseModel):
    number: int


@dataclass
class Box:
    pages: list[Page]
    name: str


@dataclass
class Name:
    raw: bytes


async def test_a_run_goes_from_queued_to_done(flows: Flows, alice: Caller) -> None:
    async def read(number: int) -> Page:
        return Page(number=number)

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.progress(run.id, "reading", 0, payload["pages"])
        pages = [await flows.step("read", read, n) for n in range(payload["pages"])]
        await flows.emit(run.id, {"piece": "all of it"})
        return {"numbers": [page.number for page in pages], "for": caller.name}

    flows.register("work", work)
    await flows.launch()
    run_id = await start(flows, alice, payload={"pages": 3})
    seen = [event async for event in flows.events(alice, run_id)]
    view = await flows.wait(alice, run_id)

    assert view.state is RunState.DONE
    assert view.result == {"numbers": [0, 1, 2], "for": "Alice"}
    assert view.ended_at is not None
    assert (view.message, view.total) == ("reading", 3)
    assert [event.number for event in seen] == list(range(1, len(seen) + 1))
    assert [event.kind for event in seen] == [
        "state", "state", "progress", "step", "step", "step", "emit", "state",
    ]  # fmt: skip
    assert [event async for event in flows.events(alice, run_id, after=6)] == seen[6:]
    assert (await flows.list(alice))[0] == view


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
async def test_every_end_is_counted(flows: Flows, alice: Caller, state: str) -> None:
    def counted() -> float:
        labels = {"solution": "tests", "operation": "count", "state": state}
        return metrics.registry.get_sample_value("stoa_runs_total", labels) or 0.0

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        if state == "failed":
            raise InvalidInput("No.", hint="None.")
        if state == "cancelled":
            await asyncio.Event().wait()
        return {}

    flows.register("work", work)
    await flows.launch()
    before = counted()
    run_id = await flows.start(
        "work", caller=alice, solution="tests", operation="count", payload={}
    )
    if state == "cancelled":
        await flows.cancel(alice, run_id)
    assert (await flows.wait(alice, run_id)).state == state
    assert counted() == before + 1


async def test_steps_return_what_their_annotation_says(flows: Flows, alice: Caller) -> None:
    class Shelf:
        async def box(self, count: int, *, first: int = 0) -> Box:
            return Box([Page(number=first + n) for n in range(count)], "é")

    async def nothing() -> None:
        return None

    async def pair() -> tuple[int, set[str]]:
        return 1, {"a"}

    async def picture() -> bytes:
        return b"\xff\x00"

    kept: list[Any] = []

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        kept.append(await flows.step("method", Shelf().box, 2))
        kept.append(await flows.step("partial", partial(Shelf().box, first=5), 1))
        kept.append(await flows.step("nothing", nothing))
        kept.append(await flows.step("pair", pair))
        kept.append(await flows.step("picture", picture))
        return {}

    flows.register("work", work)
    await flows.launch()
    assert (await flows.wait(alice, await start(flows, alice))).state is RunState.DONE
    assert kept == [
        Box([Page(number=0), Page(number=1)], "é"),
        Box([Page(number=5)], "é"),
        None,
        (1, {"a"}),
        b"\xff\x00",
    ]


async def test_a_result_that_would_not_survive_a_crash_fails_without_one(
    flows: Flows, alice: Caller
) -> None:
    async def unannotated():  # type: ignore[no-untyped-def]
        return Page(number=1)

    async def other() -> Page:
        return "no page"  # type: ignore[return-value]

    async def binary() -> Name:
        return Name(b"\xff")

    bad = {"unannotated": unannotated, "other": other, "binary": binary}

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.step("bad", bad[payload["which"]])
        return {}

    flows.register("work", work)
    await flows.launch()
    for which in bad:
        view = await flows.wait(alice, await start(flows, alice, payload={"which": which}))
        assert view.state is RunState.FAILED
        assert view.error is not None
        assert view.error["code"] == "bug"
        assert "Annotate" in view.error["hint"]


async def test_a_step_outside_a_workflow_just_runs(flows: Flows) -> None:
    async def add(one: int, two: int) -> int:
        return one + two

    await flows.launch(works=False)
    assert await flows.step("add", add, 1, 2) == 3


async def test_errors_are_kept_and_nothing_of_the_inside_leaks(
    flows: Flows, alice: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse() -> None:
        raise Conflict("The page is there.", hint="Take another.", page=3)

    async def break_down() -> None:
        raise ZeroDivisionError("secret 4711")

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        if payload["where"] == "outside":
            raise ZeroDivisionError("secret 4711")
        await flows.step("work", refuse if payload["where"] == "refused" else break_down)
        return {}

    flows.register("work", work)
    await flows.launch()
    refused = await flows.wait(alice, await start(flows, alice, payload={"where": "refused"}))
    assert refused.state is RunState.FAILED
    assert refused.error == {
        "code": "conflict",
        "message": "The page is there.",
        "hint": "Take another.",
        "details": {"page": 3},
    }
    for where in ("outside", "inside"):
        broken = await flows.wait(alice, await start(flows, alice, payload={"where": where}))
        assert broken.error is not None
        assert broken.error["code"] == "bug"
        assert "4711" not in str(broken.error)
        assert broken.error["details"]["incident"] in caplog.text
    assert "ZeroDivisionError: secret 4711" in caplog.text


async def test_a_workflow_may_catch_what_a_step_raised(flows: Flows, alice: Caller) -> None:
    async def refuse() -> None:
        raise Conflict("Taken.", hint="Wait.")

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            await flows.step("refuse", refuse)
        except Conflict as error:
            return {"caught": error.message}
        return {}

    flows.register("work", work)
    await flows.launch()
    assert (await flows.wait(alice, await start(flows, alice))).result == {"caught": "Taken."}


async def test_a_retryable_provider_error_is_tried_again(
    flows: Flows, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoa.core.flows.execution._FIRST_PAUSE", 0.01)
    calls: list[bool] = []

    async def ask(retryable: bool) -> int:
        calls.append(retryable)
        if calls.count(retryable) < 3:
            raise ProviderError("Busy.", retryable=retryable)
        return len(calls)

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        return {"calls": await flows.step("ask", ask, payload["retryable"], retries=2)}

    flows.register("work", work)
    await flows.launch()
    again = await flows.wait(alice, await start(flows, alice, payload={"retryable": True}))
    assert again.result == {"calls": 3}
    once = await flows.wait(alice, await start(flows, alice, payload={"retryable": False}))
    assert once.state is RunState.FAILED
    assert calls.count(False) == 1


async def test_one_key_starts_one_run_in_each_workspace(
    flows: Flows, alice: Caller, bob: Caller
) -> None:
    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        return {}

    flows.register("work", work)
    await flows.launch(works=False)
    ids = await asyncio.gather(*(start(flows, alice, key="one") for _ in range(8)))
    assert len(set(ids)) == 1
    assert await start(flows, bob, key="one") not in ids
    assert await start(flows, alice, key="two") not in ids
    with pytest.raises(InvalidInput):
        await start(flows, alice, key="")
    with pytest.raises(InvalidInput):
        await start(flows, alice, key="x" * 201)


async def test_an_unknown_workflow_is_refused(flows: Flows, alice: Caller) -> None:
    await flows.launch(works=False)
    with pytest.raises(InvalidInput):
        await start(flows, alice, workflow="nobody")


async def test_only_those_who_may_see_a_run_find_it(
    flows: Flows, alice: Caller, bob: Caller, mia: Caller
) -> None:
    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        return {}

    flows.register("work", work)
    await flows.launch(works=False)
    of_alice, of_mia = await start(flows, alice), await start(flows, mia)
    for caller, run_id in ((bob, of_alice), (bob, of_mia), (mia, of_alice), (bob, "run_none")):
        for ask in (flows.show, flows.cancel, flows.resume, flows.wait):
            with pytest.raises(NotFound):
                await ask(caller, run_id)
        with pytest.raises(NotFound):
            await anext(aiter(flows.events(caller, run_id)))
    assert (await flows.show(alice, of_mia)).started_by == mia.user_id
    assert [run.id for run in await flows.list(mia)] == [of_mia]
    assert [run.id for run in await flows.list(alice)] == [of_mia, of_alice]
    assert await flows.list(bob) == []
    reviewer = Caller(alice.workspace_id, "user_rex", Role.REVIEWER)
    assert await flows.list(reviewer) == []


async def test_what_a_run_says_is_for_its_starter_and_for_owners(
    flows: Flows, alice: Caller, mia: Caller
) -> None:
    """Editors see that it runs and how it ends, and may cancel it; its words they do not see."""
    secret = "the merger"

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.progress(run.id, secret, 1, 2)
        await flows.emit(run.id, {"piece": secret})
        if payload["fails"]:
            raise InvalidInput(secret, hint=secret)
        return {"title": secret}

    flows.register("work", work)
    await flows.launch()
    editor = Caller(alice.workspace_id, "user_ed", Role.EDITOR)
    for fails, state in ((False, RunState.DONE), (True, RunState.FAILED)):
        run_id = await start(flows, mia, payload={"fails": fails})
        own = await flows.wait(mia, run_id)
        assert secret in (own.result or own.error or {}).values()
        assert await flows.show(alice, run_id) == own
        seen = await flows.wait(editor, run_id)
        assert (seen.state, seen.started_by, seen.done, seen.total) == (state, mia.user_id, 1, 2)
        events = [event async for event in flows.events(editor, run_id)]
        assert len(events) == len([event async for event in flows.events(mia, run_id)])
        assert events[-1].data["state"] == state
        given = [seen, *events, *await flows.list(editor), await flows.cancel(editor, run_id)]
        assert secret not in "".join(each.model_dump_json() for each in given)


async def test_cancel_stops_an_await_and_resume_goes_on_after_the_last_step(
    flows: Flows, alice: Caller
) -> None:
    calls: list[str] = []
    reached, gate = asyncio.Event(), asyncio.Event()

    async def first() -> int:
        calls.append("first")
        return 1

    async def second() -> int:
        calls.append("second")
        reached.set()
        await gate.wait()
        return 2

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.progress(run.id, "begun", 0, 2)
        return {"sum": await flows.step("first", first) + await flows.step("second", second)}

    flows.register("work", work)
    await flows.launch()
    run_id = await start(flows, alice)
    await reached.wait()
    assert (await flows.cancel(alice, run_id)).state is RunState.CANCELLED
    assert (await flows.cancel(alice, run_id)).state is RunState.CANCELLED
    assert (await flows.wait(alice, run_id)).state is RunState.CANCELLED

    gate.set()
    assert (await flows.resume(alice, run_id)).state is RunState.QUEUED
    view = await flows.wait(alice, run_id)
    assert view.result == {"sum": 3}
    assert calls == ["first", "second", "second"]
    with pytest.raises(Conflict):
        await flows.resume(alice, run_id)
    assert (await flows.cancel(alice, run_id)).state is RunState.DONE
    events = [event async for event in flows.events(alice, run_id)]
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert sum(event.kind == "progress" for event in events) == 1


async def test_a_queued_run_that_is_cancelled_never_starts(flows: Flows, alice: Caller) -> None:
    called = False

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        nonlocal called
        called = True
        return {}

    flows.register("work", work)
    await flows.launch(works=False)
    run_id = await start(flows, alice)
    await flows.cancel(alice, run_id)
    assert (await flows.wait(alice, run_id)).state is RunState.CANCELLED
    assert not called


async def test_a_failed_run_resumes_at_the_step_that_failed(flows: Flows, alice: Caller) -> None:
    calls: list[str] = []

    async def step(name: str) -> str:
        calls.append(name)
        if name == "b" and calls.count("b") == 1:
            raise Conflict("Not yet.", hint="Later.")
        return name

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        names = [await flows.step("step", step, name) for name in "abc"]
        if calls.count("c") == 1 and payload["fragile"]:
            calls.append("c")
            raise Conflict("Between steps.", hint="Again.")
        return {"names": names}

    flows.register("work", work)
    await flows.launch()
    run_id = await start(flows, alice, payload={"fragile": True})
    assert (await flows.wait(alice, run_id)).state is RunState.FAILED
    resumed = await flows.resume(alice, run_id)
    assert resumed.error is None
    assert (await flows.wait(alice, run_id)).state is RunState.FAILED
    await flows.resume(alice, run_id)
    view = await flows.wait(alice, run_id)
    assert view.result == {"names": ["a", "b", "c"]}
    assert calls == ["a", "b", "b", "c", "c"]


async def test_a_resumed_run_that_the_sweep_has_queued_is_not_queued_twice(
    flows: Flows, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever resumes may stall between the run's row and DBOS's, and find the run at work by then."""
    calls: list[str] = []

    async def step() -> str:
        calls.append("step")
        if len(calls) == 1:
            raise Conflict("Not yet.", hint="Later.")
        await asyncio.sleep(8 * QUICK.sweep)
        return "done"

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        return {"step": await flows.step("step", step)}

    flows.register("work", work)
    await flows.launch()
    run_id = await start(flows, alice)
    assert (await flows.wait(alice, run_id)).state is RunState.FAILED
    queue_again = flows._queue_again

    def late(run: Run, *, unheard: bool) -> None:
        time.sleep(6 * QUICK.sweep)
        queue_again(run, unheard=unheard)

    monkeypatch.setattr(flows, "_queue_again", late)
    await flows.resume(alice, run_id)
    assert (await flows.wait(alice, run_id)).state is RunState.DONE
    await asyncio.sleep(3 * QUICK.queue)
    assert calls == ["step", "step"]


async def test_progress_in_a_step_is_bounded_and_its_last_word_is_kept(
    flows: Flows, alice: Caller, database: Database
) -> None:
    async def read() -> None:
        for page in range(2000):
            await flows.progress(run_ids[0], f"page {page}", page, 2000)

    run_ids: list[str] = []

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        run_ids.append(run.id)
        await flows.step("read", read)
        return {}

    flows.register("work", work)
    await flows.launch()
    view = await flows.wait(alice, await start(flows, alice))
    assert view.message == "page 1999"
    written = database.read_now(
        lambda s: s.scalar(
            sa.select(sa.func.count())
            .select_from(RunEventRow)
            .where(RunEventRow.kind == "progress")
        ),
        workspace=EVERY_WORKSPACE,
    )
    assert written is not None
    assert written < 500


async def test_two_flows_one_after_the_other(build: Build, alice: Caller) -> None:
    reached = asyncio.Event()
    calls: list[str] = []

    async def hold() -> None:
        reached.set()
        if len(calls) == 1:
            await asyncio.Event().wait()

    async def note() -> None:
        calls.append("note")

    def prepare() -> Flows:
        flows = build()

        async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
            await flows.step("note", note)
            await flows.step("hold", hold)
            return {}

        flows.register("work", work)
        return flows

    first = prepare()
    await first.launch()
    run_id = await start(first, alice)
    await reached.wait()
    await first.close()
    assert await asyncio.to_thread(lambda: 1) == 1

    calls.append("closed")
    second = prepare()
    await second.launch()
    view = await second.wait(alice, run_id)
    await second.close()
    assert view.state is RunState.DONE
    assert calls == ["note", "closed"]


async def test_two_at_once_are_refused(build: Build) -> None:
    one, two = build("one"), build("two")
    await one.launch()
    with pytest.raises(SetupError):
        await two.launch()
    await two.close()
    await one.close()


def test_registering_twice_is_refused(flows: Flows) -> None:
    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        return {}

    flows.register("work", work)
    with pytest.raises(Bug):
        flows.register("work", work)


async def test_steps_side_by_side(flows: Flows, alice: Caller) -> None:
    calls: list[int] = []

    async def double(number: int) -> int:
        calls.append(number)
        if number == 3 and calls.count(3) == 1:
            raise Conflict("Not three.", hint="Again.")
        return 2 * number

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(flows.step("double", double, n)) for n in range(5)]
        return {"sum": sum(task.result() for task in tasks)}

    flows.register("work", work)
    await flows.launch()
    run_id = await start(flows, alice)
    view = await flows.wait(alice, run_id)
    assert view.error is not None
    assert view.error["code"] == "conflict"
    await flows.resume(alice, run_id)
    assert (await flows.wait(alice, run_id)).result == {"sum": 20}
    assert calls.count(3) == 2


async def test_resumed_before_dbos_has_heard_of_the_end(
    flows: Flows, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    resumed = asyncio.Event()

    async def fails_once() -> None:
        calls.append("step")
        if len(calls) == 1:
            raise Conflict("Not yet.", hint="Again.")

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.step("fails_once", fails_once)
        return {}

    execution_run = flows._execution.run

    async def linger(run_id: str) -> None:
        await execution_run(run_id)
        await resumed.wait()

    monkeypatch.setattr(flows._execution, "run", linger)
    flows.register("work", work)
    await flows.launch()
    run_id = await start(flows, alice)
    assert (await flows.wait(alice, run_id)).state is RunState.FAILED
    await flows.resume(alice, run_id)
    resumed.set()
    assert (await flows.wait(alice, run_id)).state is RunState.DONE
    assert calls == ["step", "step"]


def test_a_run_works_on_the_loop_of_its_process_even_where_that_paused_as_it_began(
    build: Build, alice: Caller
) -> None:
    """DBOS begins a run on a loop of its own where ours stands still, as between two calls of it."""
    flows, loops = build(), []

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        loops.append(asyncio.get_running_loop())
        await flows.step("one", one)
        return {}

    async def one() -> None:
        loops.append(asyncio.get_running_loop())

    with asyncio.Runner() as runner:
        flows.register("work", work)
        runner.run(flows.launch())
        run_id = runner.run(start(flows, alice))
        time.sleep(0.2)  # the queue is looked at meanwhile
        view = runner.run(flows.wait(alice, run_id))
        runner.run(flows.close())
        assert view.state is RunState.DONE
        assert set(loops) == {runner.get_loop()}
