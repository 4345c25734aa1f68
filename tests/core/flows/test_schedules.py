"""Work by the clock: each tick once, whoever looks first."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Bug, InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.flows.flows import Flows, RunView
from stoa.core.flows.schedules import _ticks, checked_cron, next_tick
from stoa.core.flows.tables import Run, ScheduleRow
from tests.core.flows.conftest import until

TARGET = ("tests", "work")


def runs_of(database: Database) -> list[Run]:
    return database.read_now(
        lambda s: list(s.scalars(sa.select(Run).order_by(Run.created_at))),
        workspace=EVERY_WORKSPACE,
    )


def make_due(database: Database) -> None:
    minute = now().replace(second=0, microsecond=0) - timedelta(hours=3)
    database.write_now(
        lambda s: s.execute(sa.update(ScheduleRow).values(next_at=minute)),
        workspace=EVERY_WORKSPACE,
    )


async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
    return {"by": caller.user_id, "payload": payload}


@pytest.mark.parametrize(
    ("cron", "after", "following"),
    [
        ("*/15 * * * *", "2026-03-01 10:07", "2026-03-01 10:15"),
        ("0 3 * * 1", "2026-03-01 10:07", "2026-03-02 03:00"),
        ("30 23 31 * *", "2026-04-30 23:30", "2026-05-31 23:30"),
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
    ],
)
def test_the_next_tick(cron: str, after: str, following: str) -> None:
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_tick(checked_cron(cron), at) == datetime.fromisoformat(following).replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "* * * * * *", "61 * * * *", "@daily", "0 0 30 2 *", "a b c d e"]
)
def test_a_line_that_is_no_schedule_is_refused(cron: str) -> None:
    with pytest.raises(InvalidInput, match="no schedule"):
        checked_cron(cron)


def test_ticks_between_two_looks() -> None:
    start = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert _ticks("*/20 * * * *", start, start + timedelta(minutes=40)) == [
        start + timedelta(minutes=20),
        start + timedelta(minutes=40),
    ]
    assert _ticks("*/20 * * * *", start, start + timedelta(minutes=19)) == []
    assert len(_ticks("*/20 * * * *", start, start + timedelta(days=9))) == 3


async def test_a_workspace_schedule_starts_one_run_per_tick(
    flows: Flows, alice: Caller, database: Database
) -> None:
    flows.register("work", work)
    await flows.launch(works=False)
    added = await flows.add_schedule(
        alice, "sync", "*/5 * * * *", workflow="work", target=TARGET, payload={"source": 1}
    )
    assert added.next_at > now()
    look = flows._schedules.look
    await asyncio.to_thread(look)
    assert runs_of(database) == []
    make_due(database)
    await asyncio.gather(*(asyncio.to_thread(look) for _ in range(6)))
    [run] = runs_of(database)
    assert (run.user_id, run.payload, run.solution) == (alice.user_id, {"source": 1}, "tests")
    [view] = await flows.schedules(alice)
    assert view.next_at > now()
    assert view.last_at is not None
    make_due(database)  # as when the clock is set back: the same tick is the same run
    await asyncio.to_thread(look)
    assert len(runs_of(database)) == 1


async def test_a_due_run_is_worked_on_as_whoever_scheduled_it(
    flows: Flows, alice: Caller, database: Database
) -> None:
    flows.register("work", work)
    await flows.launch()
    await flows.add_schedule(
        alice, "sync", "* * * * *", workflow="work", target=TARGET, payload={"x": 2}
    )
    await asyncio.to_thread(make_due, database)
    await until(lambda: runs_of(database))
    [started] = await flows.list(alice)
    view = await flows.wait(alice, started.id)
    assert view.result == {"by": alice.user_id, "payload": {"x": 2}}


async def test_schedules_are_replaced_removed_and_kept_apart(
    flows: Flows, alice: Caller, bob: Caller
) -> None:
    flows.register("work", work)
    await flows.launch(works=False)

    async def add(caller: Caller, cron: str) -> str:
        view = await flows.add_schedule(
            caller, "sync", cron, workflow="work", target=TARGET, payload={}
        )
        return view.id

    first = await add(alice, "*/5 * * * *")
    assert await add(alice, "*/9 * * * *") == first
    assert await add(bob, "*/5 * * * *") != first
    assert [each.cron for each in await flows.schedules(alice)] == ["*/9 * * * *"]
    await flows.remove_schedule(alice, "sync")
    assert await flows.schedules(alice) == []
    assert len(await flows.schedules(bob)) == 1
    with pytest.raises(NotFound):
        await flows.remove_schedule(alice, "sync")
    with pytest.raises(InvalidInput):
        await flows.add_schedule(alice, "", "* * * * *", workflow="work", target=TARGET, payload={})
    with pytest.raises(InvalidInput):
        await flows.add_schedule(
            alice, "x", "* * * * *", workflow="nobody", target=TARGET, payload={}
        )


async def test_a_function_is_called_once_per_tick(flows: Flows) -> None:
    called: list[datetime] = []

    async def note(at: datetime) -> None:
        called.append(at)
        if len(called) == 1:
            raise ZeroDivisionError("logged, and the next tick comes all the same")

    flows.schedule("note", "* * * * *", note)
    with pytest.raises(Bug):
        flows.schedule("note", "* * * * *", note)
    await flows.launch()
    first = now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    for at in (first, first, first + timedelta(minutes=1), first):
        await asyncio.to_thread(flows._engine.enqueue_tick, "note", at)
    await until(lambda: len(called) >= 2)
    await asyncio.sleep(0.2)
    assert set(called) <= {
        first,
        first + timedelta(minutes=1),
        now().replace(second=0, microsecond=0),
    }
    assert len(called) == len(set(called))
    with pytest.raises(Bug):
        flows.schedule("late", "* * * * *", note)


async def test_looking_queues_the_ticks_that_passed(flows: Flows) -> None:
    queued: list[tuple[str, datetime]] = []

    async def note(at: datetime) -> None: ...

    flows.schedule("note", "* * * * *", note)
    schedules = flows._schedules
    await flows.launch(works=False)
    schedules._engine.enqueue_tick = lambda name, at: queued.append((name, at))  # type: ignore[method-assign]
    schedules._checked = now() - timedelta(minutes=3)
    await asyncio.to_thread(schedules.look)
    await asyncio.to_thread(schedules.look)
    minutes = [at for _, at in queued]
    assert len(minutes) in (3, 4)
    assert minutes == sorted(set(minutes))
