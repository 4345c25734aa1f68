"""Waiting for a person: who may decide, once, in time, and across a restart."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Bug, Conflict, Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import AuditEvent
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.flows import Flows, RunState, RunView
from stoa.core.flows.questions import ApprovalState, ApprovalView, Decision, Sought
from stoa.core.flows.tables import ApprovalRow
from tests.core.flows.conftest import Build, start


@pytest.fixture
def calls() -> list[str]:
    """What the steps of the workflow did."""
    return []


def prepare(flows: Flows, calls: list[str]) -> Flows:
    """Register a workflow that drafts, asks the person that the payload names, and publishes."""

    async def draft() -> str:
        calls.append("draft")
        return "Dear all"

    async def publish(text: str) -> str:
        calls.append("publish")
        return text.upper()

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        text = await flows.step("draft", draft)
        decision = await flows.ask_person(
            run.id,
            question="Publish?",
            choices=("approve", "reject"),
            to=Role(payload["role"]) if "role" in payload else payload.get("user"),
            context={"length": len(text)},
            deadline=timedelta(seconds=payload["seconds"]) if "seconds" in payload else None,
            editable_text=text if payload.get("editable", True) else None,
        )
        published = await flows.step("publish", publish, decision.text or "")
        return {"decision": decision.model_dump(mode="json"), "published": published}

    flows.register("work", work)
    return flows


@pytest.fixture
async def asking(flows: Flows, calls: list[str]) -> Flows:
    """A launched Flows with that workflow."""
    prepare(flows, calls)
    await flows.launch()
    return flows


async def waiting(flows: Flows, caller: Caller, run_id: str) -> ApprovalView:
    """The open question of a run, once it waits."""
    async for event in flows.events(caller, run_id):
        if event.kind == "state" and event.data["state"] == RunState.WAITING:
            return await flows.approvals.show(caller, event.data["approval"])
    raise AssertionError(f"the run never waited: {await flows.show(caller, run_id)}")


async def test_a_run_waits_and_goes_on_with_the_decision(
    asking: Flows, alice: Caller, calls: list[str], database: Database
) -> None:
    run_id = await start(asking, alice)
    approval = await waiting(asking, alice, run_id)
    assert (await asking.show(alice, run_id)).state is RunState.WAITING
    assert [each.id for each in await asking.approvals.list(alice)] == [approval.id]
    assert (approval.question, approval.context) == ("Publish?", {"length": 8})
    assert approval.editable_text == "Dear all"

    decision = await asking.approvals.decide(alice, approval.id, Ballot("approve", "Dear everyone"))
    view = await asking.wait(alice, run_id)
    assert view.state is RunState.DONE
    assert view.result is not None
    assert view.result["published"] == "DEAR EVERYONE"
    assert Decision.model_validate(view.result["decision"]) == decision
    assert (decision.decided_by, decision.choice) == (alice.user_id, "approve")
    assert calls == ["draft", "publish"]
    assert await asking.approvals.list(alice) == []
    decided = await asking.approvals.list(alice, Sought(state=ApprovalState.DECIDED))
    assert [each.id for each in decided] == [approval.id]
    audited = database.read_now(
        lambda s: s.scalars(
            sa.select(AuditEvent).where(AuditEvent.action == "approval.decided")
        ).all(),
        workspace=EVERY_WORKSPACE,
    )
    assert [(event.user_id, event.subject) for event in audited] == [(alice.user_id, approval.id)]


async def test_a_decision_stands(asking: Flows, alice: Caller) -> None:
    approval = await waiting(asking, alice, await start(asking, alice))
    other = Caller(alice.workspace_id, "user_olga", Role.OWNER, "Olga")
    first = await asking.approvals.decide(other, approval.id, Ballot("reject"))
    assert await asking.approvals.decide(other, approval.id, Ballot("reject")) == first
    assert await asking.approvals.decide(alice, approval.id, Ballot("reject")) == first
    with pytest.raises(Conflict, match="Olga has decided: reject"):
        await asking.approvals.decide(alice, approval.id, Ballot("approve"))
    with pytest.raises(Conflict, match="Olga"):
        await asking.approvals.decide(alice, approval.id, Ballot("reject", "Another text"))


async def test_many_decide_at_once_and_one_counts(
    asking: Flows, alice: Caller, calls: list[str]
) -> None:
    run_id = await start(asking, alice)
    approval = await waiting(asking, alice, run_id)
    people = [Caller(alice.workspace_id, f"user_{n}", Role.OWNER) for n in range(6)]
    answers = await asyncio.gather(
        *(
            asking.approvals.decide(person, approval.id, Ballot(("approve", "reject")[n % 2]))
            for n, person in enumerate(people)
        ),
        return_exceptions=True,
    )
    decided = {each.decided_by for each in answers if isinstance(each, Decision)}
    assert len(decided) == 1
    assert sum(isinstance(each, Conflict) for each in answers) == 3
    await asking.wait(alice, run_id)
    assert calls == ["draft", "publish"]


async def test_only_those_asked_decide(
    asking: Flows, alice: Caller, bob: Caller, mia: Caller
) -> None:
    rex = Caller(alice.workspace_id, "user_rex", Role.REVIEWER)
    ed = Caller(alice.workspace_id, "user_ed", Role.EDITOR)
    approvals = asking.approvals
    of_mia = await waiting(asking, mia, await start(asking, mia, payload={"role": "reviewer"}))
    for stranger in (bob, Caller(alice.workspace_id, "user_max", Role.MEMBER)):
        with pytest.raises(NotFound):
            await approvals.decide(stranger, of_mia.id, Ballot("approve"))
        with pytest.raises(NotFound):
            await approvals.show(stranger, of_mia.id)
        assert await approvals.list(stranger) == []
    for watcher in (mia, ed):  # they see the run, but were not asked
        assert (await approvals.show(watcher, of_mia.id)).state is ApprovalState.OPEN
        with pytest.raises(Forbidden):
            await approvals.decide(watcher, of_mia.id, Ballot("approve"))
    narrow = Caller(rex.workspace_id, rex.user_id, rex.role, scopes=frozenset({"other"}))
    with pytest.raises(NotFound):
        await approvals.decide(narrow, of_mia.id, Ballot("approve"))
    assert [each.id for each in await approvals.list(rex)] == [of_mia.id]
    assert (await approvals.decide(rex, of_mia.id, Ballot("approve"))).choice == "approve"

    to_rex = await waiting(asking, alice, await start(asking, alice, payload={"user": "user_rex"}))
    assert await approvals.list(alice) == []
    with pytest.raises(Forbidden):
        await approvals.decide(alice, to_rex.id, Ballot("approve"))
    assert (await approvals.decide(rex, to_rex.id, Ballot("reject"))).choice == "reject"


async def test_what_was_not_asked_for_is_refused(asking: Flows, alice: Caller) -> None:
    approval = await waiting(asking, alice, await start(asking, alice, payload={"editable": False}))
    with pytest.raises(InvalidInput, match="approve, reject"):
        await asking.approvals.decide(alice, approval.id, Ballot("maybe"))
    with pytest.raises(InvalidInput):
        await asking.approvals.decide(alice, approval.id, Ballot("approve", "my text"))
    with pytest.raises(InvalidInput):
        await asking.approvals.list(alice, limit=0)
    with pytest.raises(NotFound):
        await asking.approvals.decide(alice, "approval_none", Ballot("approve"))


async def test_a_deadline_passes(asking: Flows, alice: Caller) -> None:
    run_id = await start(asking, alice, payload={"seconds": 0.2})
    view = await asking.wait(alice, run_id)
    assert view.result is not None
    assert view.result["decision"]["expired"] is True
    assert view.result["decision"]["choice"] is None
    approval_id = view.result["decision"]["approval_id"]
    with pytest.raises(Conflict, match="deadline"):
        await asking.approvals.decide(alice, approval_id, Ballot("approve"))


async def test_too_late_is_too_late_before_anybody_swept(
    asking: Flows, alice: Caller, database: Database
) -> None:
    run_id = await start(asking, alice, payload={"seconds": 3600})
    approval = await waiting(asking, alice, run_id)
    await asyncio.to_thread(
        database.write_now,
        lambda s: s.execute(sa.update(ApprovalRow).values(deadline=now() - timedelta(seconds=1))),
        workspace=EVERY_WORKSPACE,
    )
    with pytest.raises(Conflict):
        await asking.approvals.decide(alice, approval.id, Ballot("approve"))
    assert (await asking.wait(alice, run_id)).state is RunState.DONE


async def test_cancelled_while_waiting_and_asked_again_when_resumed(
    asking: Flows, alice: Caller, calls: list[str]
) -> None:
    run_id = await start(asking, alice)
    approval = await waiting(asking, alice, run_id)
    await asking.cancel(alice, run_id)
    assert await asking.approvals.list(alice) == []
    with pytest.raises(Conflict, match="cancelled"):
        await asking.approvals.decide(alice, approval.id, Ballot("approve"))

    last = [event.number async for event in asking.events(alice, run_id)][-1]
    await asking.resume(alice, run_id)
    async for event in asking.events(alice, run_id, after=last):
        if event.data.get("state") == RunState.WAITING:
            break
    assert [each.id for each in await asking.approvals.list(alice)] == [approval.id]
    await asking.approvals.decide(alice, approval.id, Ballot("approve"))
    assert (await asking.wait(alice, run_id)).state is RunState.DONE
    assert calls == ["draft", "publish"]


async def test_waiting_survives_a_restart_and_fills_no_place(
    build: Build, alice: Caller, calls: list[str]
) -> None:
    first = prepare(build(worker_concurrency=1), calls)
    await first.launch()
    ids = [await start(first, alice) for _ in range(4)]
    asked = [await waiting(first, alice, run_id) for run_id in ids]
    await first.close()

    second = prepare(build(worker_concurrency=1), calls)
    await second.launch()
    assert {each.id for each in await second.approvals.list(alice)} == {each.id for each in asked}
    for approval in asked:
        await second.approvals.decide(alice, approval.id, Ballot("approve"))
    for run_id in ids:
        assert (await second.wait(alice, run_id)).state is RunState.DONE
    await second.close()
    assert sorted(calls) == ["draft"] * 4 + ["publish"] * 4


async def test_a_decision_before_the_run_has_left_is_not_lost(
    asking: Flows, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is quicker than the run: it decides between the look and the leaving."""
    engine = asking._engine
    cancel = engine.cancel
    loop = asyncio.get_running_loop()

    def decide_then_cancel(run_ids: list[str]) -> None:
        monkeypatch.setattr(engine, "cancel", cancel)
        [approval] = asyncio.run_coroutine_threadsafe(asking.approvals.list(alice), loop).result()
        decide = asking.approvals.decide(alice, approval.id, Ballot("approve"))
        asyncio.run_coroutine_threadsafe(decide, loop).result()
        cancel(run_ids)

    monkeypatch.setattr(engine, "cancel", decide_then_cancel)
    view = await asking.wait(alice, await start(asking, alice))
    assert view.state is RunState.DONE


async def test_asking_within_a_step_is_a_bug(flows: Flows, alice: Caller) -> None:
    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        async def ask() -> None:
            await flows.ask_person(run.id, question="?", choices=["yes"])

        await flows.step("ask", ask)
        return {}

    flows.register("work", work)
    await flows.launch()
    view = await flows.wait(alice, await start(flows, alice))
    assert view.error is not None
    assert view.error["code"] == Bug.code
