"""What keeps runs going: fair turns, workers' names, disagreements put right, who may still, retention."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Bug, NotFound, SetupError
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Membership, User
from stoa.core.flows.engine import share
from stoa.core.flows.execution import MOST_ATTEMPTS, _is_still
from stoa.core.flows.flows import Flows, RunState, RunView
from stoa.core.flows.tables import Run, RunEventRow, WorkerRow
from tests.core.flows.conftest import QUICK, Build, start, until


async def nothing(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
    return {}


def change(database: Database, statement: Any) -> None:
    database.write_now(lambda s: s.execute(statement), workspace=EVERY_WORKSPACE)


def number_of(database: Database, table: Any) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return database.read_now(lambda s: s.scalar(query) or 0, workspace=EVERY_WORKSPACE)


@pytest.mark.parametrize(("places", "mine"), [(1, 1), (2, 2), (3, 2), (8, 7)])
def test_one_workspace_leaves_a_place_to_others(places: int, mine: int) -> None:
    assert share(places) == mine


async def test_a_flood_of_one_workspace_does_not_starve_another(
    build: Build, alice: Caller, bob: Caller
) -> None:
    flows = build(worker_concurrency=2)
    order: list[str] = []
    at_once, most = 0, 0

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        order.append(caller.workspace_id)
        return {}

    flows.register("work", work)
    await flows.launch()
    flood = [await start(flows, alice) for _ in range(40)]
    await flows.wait(bob, await start(flows, bob))
    for run_id in flood:
        await flows.wait(alice, run_id)
    await flows.close()
    assert most <= 2
    assert order.index(bob.workspace_id) < 39


async def test_two_workers_of_one_name_are_refused(build: Build) -> None:
    one, two = build("same"), build("same")
    await one.launch()
    with pytest.raises(SetupError, match="works as 'same'"):
        await two.launch()
    await two.close()
    await one.close()
    three = build("same")
    await three.launch()
    await three.close()


@pytest.mark.parametrize("broken", ["beat", "leave"])
async def test_a_name_is_free_again_where_the_database_was_away(
    build: Build, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """When a worker comes, or when it goes; another in the same process takes its name."""

    def away(*_: Any, **__: Any) -> None:
        raise sa.exc.OperationalError("", {}, Exception("terminating connection"))

    one = build("same")
    if broken == "leave":
        await one.launch()
    monkeypatch.setattr(one._workers, "_write", away)
    with pytest.raises(sa.exc.OperationalError):
        await (one.launch() if broken == "beat" else one.close())
    with suppress(sa.exc.OperationalError):
        await one.close()
    two = build("same")
    await two.launch()
    await two.close()


async def test_a_worker_that_goes_leaves_no_row(flows: Flows, database: Database) -> None:
    await flows.launch()
    assert number_of(database, WorkerRow) == 1
    await flows.close()
    assert number_of(database, WorkerRow) == 0


async def test_owners_that_nobody_knows_are_reaped_too(
    build: Build, alice: Caller, database: Database
) -> None:
    """A worker dies after it was given up and before it has said again that it lives."""
    first = build("first")
    reached = asyncio.Event()

    async def hang(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        reached.set()
        await asyncio.Event().wait()
        return {}

    first.register("work", hang)
    await first.launch()
    run_id = await start(first, alice)
    await reached.wait()
    first._workers.leave = lambda: None  # type: ignore[method-assign]
    await first.close()
    await asyncio.to_thread(change, database, sa.delete(WorkerRow))

    second = build("second")
    second.register("work", nothing)
    await second.launch()
    assert (await second.wait(alice, run_id)).state is RunState.DONE
    await second.close()


async def test_what_a_kill_between_two_writes_left_is_put_right(
    flows: Flows, alice: Caller, database: Database
) -> None:
    gate = asyncio.Event()

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.step("wait", gate.wait)
        return {}

    flows.register("work", work)
    await flows.launch()
    stopped, dropped = await start(flows, alice), await start(flows, alice)
    await until(
        lambda: (
            database.read_now(
                lambda s: {run.state for run in s.scalars(sa.select(Run))},
                workspace=EVERY_WORKSPACE,
            )
            == {RunState.RUNNING}
        )
    )
    # DBOS was told to stop the one, and our row does not say why; the other one's row says so.
    await asyncio.to_thread(flows._engine.cancel, [stopped])
    await asyncio.to_thread(
        change, database, sa.update(Run).where(Run.id == dropped).values(state="cancelled")
    )
    await until(lambda: flows._engine.statuses([dropped])[dropped] == "CANCELLED")
    gate.set()
    assert (await flows.wait(alice, stopped)).state is RunState.DONE
    assert (await flows.show(alice, dropped)).state is RunState.CANCELLED


async def test_a_run_whose_record_is_gone_fails(
    flows: Flows, alice: Caller, database: Database, build: Build
) -> None:
    flows.register("work", nothing)
    await flows.launch(works=False)
    run_id = await start(flows, alice)
    await asyncio.to_thread(flows._engine.delete, [run_id])
    await asyncio.sleep(0.5)
    await asyncio.to_thread(flows._sweep.do)
    view = await flows.show(alice, run_id)
    assert view.error is not None
    assert view.error["code"] == "bug"


async def test_a_run_that_kills_its_workers_is_given_up(
    build: Build, alice: Caller, database: Database
) -> None:
    watcher, worker = build("watcher"), build("worker")
    watcher.register("work", nothing)
    worker.register("work", nothing)
    await watcher.launch(works=False)
    run_id = await start(watcher, alice)
    await asyncio.to_thread(change, database, sa.update(Run).values(attempts=MOST_ATTEMPTS))
    await worker.launch()
    view = await watcher.wait(alice, run_id)
    assert view.state is RunState.FAILED
    assert view.error is not None
    assert "interrupted" in view.error["message"]
    await watcher.resume(alice, run_id)
    assert (await watcher.wait(alice, run_id)).state is RunState.DONE
    await worker.close()
    await watcher.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_run_outlives_any_number_of_updates(
    build: Build, alice: Caller, database: Database
) -> None:
    """A step of days is at the same place whenever a new version of the workers is installed."""
    reached, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await gate.wait()

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.step("wait", wait)
        return {}

    for number in range(MOST_ATTEMPTS + 2):
        flows = build()
        flows.register("work", work)
        await flows.launch()
        if not number:
            run_id = await start(flows, alice)
        await reached.wait()
        await flows.close()
        reached.clear()
    gate.set()
    flows = build()
    flows.register("work", work)
    await flows.launch()
    assert (await flows.wait(alice, run_id)).state is RunState.DONE
    query = sa.select(RunEventRow.data).where(RunEventRow.kind == "state")
    told = await database.read(lambda s: s.scalars(query).all(), workspace=EVERY_WORKSPACE)
    assert [each.get("again", False) for each in told if each["state"] == "running"] == [
        False,
        *[True] * (MOST_ATTEMPTS + 2),
    ]


async def test_work_that_lasts_is_no_harm(build: Build, alice: Caller, database: Database) -> None:
    """Machines that are taken away every few hours interrupt a long step more than eight times."""
    watcher, worker = build("watcher"), build("worker", pace=replace(QUICK, settled=0.05))
    gate = asyncio.Event()

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await worker.step("wait", gate.wait)
        return {}

    watcher.register("work", work)
    worker.register("work", work)
    await watcher.launch(works=False)
    run_id = await start(watcher, alice)
    most = sa.update(Run).values(attempts=MOST_ATTEMPTS - 1)
    await asyncio.to_thread(change, database, most)
    await worker.launch()
    query = sa.select(Run.attempts)
    await until(
        lambda: database.read_now(lambda s: s.scalar(query), workspace=EVERY_WORKSPACE) == 1
    )
    gate.set()
    assert (await watcher.wait(alice, run_id)).state is RunState.DONE


async def test_a_closed_one_is_not_launched_again(flows: Flows) -> None:
    await flows.launch(works=False)
    await flows.close()
    with pytest.raises(Bug):
        await flows.launch()


@pytest.mark.parametrize(
    ("then", "since", "still"),
    [
        (Role.EDITOR, Role.EDITOR, True),
        (Role.EDITOR, Role.OWNER, True),
        (Role.MEMBER, Role.REVIEWER, True),
        (Role.EDITOR, Role.REVIEWER, False),
        (Role.OWNER, Role.EDITOR, False),
        (Role.MEMBER, None, False),
    ],
)
async def test_a_role_must_still_give_what_it_gave(
    database: Database, alice: Caller, then: Role, since: Role | None, still: bool
) -> None:
    ed = Caller(alice.workspace_id, "user_ed", then)
    await database.write(lambda s: employ(s, ed, since), workspace=EVERY_WORKSPACE)
    assert await database.read(lambda s: _is_still(s, ed), workspace=EVERY_WORKSPACE) is still
    assert await database.read(lambda s: _is_still(s, alice), workspace=EVERY_WORKSPACE)


async def test_whoever_has_left_the_workspace_runs_nothing(
    flows: Flows, alice: Caller, database: Database
) -> None:
    ed = Caller(alice.workspace_id, "user_ed", Role.EDITOR)
    await database.write(lambda s: employ(s, ed, None), workspace=EVERY_WORKSPACE)
    flows.register("work", nothing)
    await flows.launch()
    view = await flows.wait(ed, await start(flows, ed))
    assert view.state is RunState.FAILED
    assert view.error is not None
    assert view.error["code"] == "forbidden"


def employ(session: Session, who: Caller, role: Role | None) -> None:
    """Make a user, and a member of the workspace where a role is given."""
    at = now()
    session.add(User(id=who.user_id, email="ed@example.org", name="Ed", created_at=at))
    session.flush()
    if role is not None:
        session.add(
            Membership(
                id="member_1",
                workspace_id=who.workspace_id,
                user_id=who.user_id,
                role=role,
                created_at=at,
            )
        )


async def test_an_unregistered_workflow_fails_with_a_hint(build: Build, alice: Caller) -> None:
    knows, knows_not = build("one"), build("two")
    knows.register("work", nothing)
    await knows.launch(works=False)
    run_id = await start(knows, alice)
    await knows_not.launch()
    view = await knows.wait(alice, run_id)
    await knows_not.close()
    await knows.close()
    assert view.error is not None
    assert view.error["code"] == "setup"


async def test_old_runs_are_forgotten_and_others_stay(
    flows: Flows, alice: Caller, database: Database
) -> None:
    flows.register("work", nothing)
    await flows.launch()
    old, young = await start(flows, alice), await start(flows, alice)
    for run_id in (old, young):
        await flows.wait(alice, run_id)
    long_ago = sa.update(Run).where(Run.id == old).values(ended_at=now() - timedelta(days=40))
    await asyncio.to_thread(change, database, long_ago)
    assert await flows.prune(timedelta(days=30)) == 1
    with pytest.raises(NotFound):
        await flows.show(alice, old)
    assert (await flows.show(alice, young)).state is RunState.DONE
    statuses = await asyncio.to_thread(flows._engine.statuses, [old, young])
    assert list(statuses) == [young]


async def test_a_workspace_is_forgotten_with_all_its_runs(
    flows: Flows, alice: Caller, bob: Caller, database: Database
) -> None:
    flows.register("work", nothing)
    await flows.launch(works=False)
    await flows.add_schedule(
        alice, "sync", "* * * * *", workflow="work", target=("tests", "work"), payload={}
    )
    for _ in range(3):
        await start(flows, alice)
    kept = await start(flows, bob)
    assert await flows.forget(alice.workspace_id) == 3
    assert await flows.list(alice) == []
    assert await flows.schedules(alice) == []
    assert number_of(database, Run) == 1
    assert number_of(database, RunEventRow) == 1
    assert (await flows.show(bob, kept)).state is RunState.QUEUED
