"""Several people, reassigning, escalation, defaults: what becomes of a question, and what is said of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import AuditEvent, Membership
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.flows import Flows, RunState
from stoa.core.flows.questions import ApprovalState, Highlight, Order, Sought, Way, pieces
from tests.core.flows.asking import asked, register
from tests.core.flows.conftest import Build, start
from tests.core.flows.people import People, settle


class Heard:
    """An outbox that keeps what it was told, in the order of the transactions."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def add(self, session: Any, *, type: str, data: dict[str, Any], **_more: Any) -> None:
        self.events.append((type.removeprefix("stoa.approval."), data))


@pytest.fixture
def people(database: Database) -> People:
    return settle(database)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
async def flows(
    build: Build, people: People, heard: Heard, done: list[str]
) -> AsyncIterator[Flows]:
    made = build(events=heard)
    register(made, done)
    await made.launch()
    yield made
    await made.close()


async def test_a_decision_says_who_why_and_by_which_way(
    flows: Flows, people: People, heard: Heard
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer", editable_text="Dear all")
    ballot = Ballot("approve", "Dear everyone", "Reads better", Way.CONSOLE)
    decision = await flows.approvals.decide(people.rex, question.id, ballot)
    assert (decision.choice, decision.text, decision.reason) == (
        "approve",
        "Dear everyone",
        "Reads better",
    )
    assert (decision.decided_by, decision.way) == ("user_rex", Way.CONSOLE)
    view = await flows.wait(people.alice, question.run_id)
    assert view.result == decision.model_dump(mode="json")
    assert [kind for kind, _ in heard.events] == ["asked", "decided"]
    told = heard.events[-1][1]
    assert (told["choice"], told["edited"], told["by"]) == ("approve", True, "user_rex")
    assert "Dear" not in str(told)


async def test_two_people_must_agree_and_one_does_not_count_twice(
    flows: Flows, people: People, done: list[str]
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer", people=2, excluding=["user_ed"])
    first = await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    again = await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    assert first == again
    assert first.choice is None
    waits = await flows.approvals.show(people.rita, question.id)
    assert [(each.name, each.choice) for each in waits.votes] == [("Rex", "approve")]
    assert (await flows.approvals.count(people.rex)).waiting == 0
    assert (await flows.approvals.count(people.rita)).waiting == 1
    assert done == []
    second = await flows.approvals.decide(people.rita, question.id, Ballot("approve"))
    assert (second.choice, second.decided_by) == ("approve", "user_rita")
    assert (await flows.wait(people.alice, question.run_id)).state is RunState.DONE
    assert done == [question.run_id]


async def test_whoever_has_left_does_not_count_as_the_second_pair_of_eyes(
    flows: Flows, people: People, database: Database
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer", people=2)
    await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    gone = sa.delete(Membership).where(Membership.user_id == people.rex.user_id)
    await database.write(lambda session: session.execute(gone), workspace=EVERY_WORKSPACE)
    assert (await flows.approvals.show(people.rita, question.id)).votes == []
    alone = await flows.approvals.decide(people.rita, question.id, Ballot("approve"))
    assert alone.choice is None
    together = await flows.approvals.decide(people.alice, question.id, Ballot("approve"))
    assert (together.choice, together.decided_by) == ("approve", "user_alice")
    kept = await flows.approvals.show(people.alice, question.id)
    assert [each.name for each in kept.votes] == ["Rex", "Rita", "Alice"], "what was is told after"


async def test_who_wrote_it_may_not_decide_it(flows: Flows, people: People) -> None:
    question = await asked(flows, people.alice, to="role:reviewer", excluding=["user_rex"])
    assert await flows.approvals.list(people.rex) == []
    with pytest.raises(Forbidden, match="yourself"):
        await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    assert [each.id for each in await flows.approvals.list(people.rita)] == [question.id]
    with pytest.raises(InvalidInput, match="may not decide"):
        await flows.approvals.reassign(people.rita, question.id, "user_rex")


async def test_where_people_disagree_nothing_is_decided_until_enough_agree(
    flows: Flows, people: People
) -> None:
    question = await asked(
        flows, people.alice, to="role:reviewer", people=2, editable_text="Dear all"
    )
    decide = flows.approvals.decide
    await decide(people.rex, question.id, Ballot("approve", "Hello all"))
    differs = await decide(people.rita, question.id, Ballot("reject", "Dear all"))
    assert differs.choice is None
    # The same choice of another text is no agreement; without a text it is of the one last proposed.
    assert (await decide(people.rita, question.id, Ballot("approve", "Hi all"))).choice is None
    owner = await decide(people.alice, question.id, Ballot("approve"))
    assert (owner.choice, owner.text) == ("approve", "Hi all")
    history = await flows.approvals.history(people.alice, question.id)
    assert [each.action for each in history] == ["asked", "voted", "voted", "voted", "decided"]
    assert history[-1].details["people"] == ["user_rita", "user_alice"]


async def test_disagreement_goes_at_once_to_whom_it_escalates(
    flows: Flows, people: People, heard: Heard
) -> None:
    question = await asked(
        flows,
        people.alice,
        to="role:reviewer",
        people=2,
        escalate_to="user_ed",
        escalate_after=36_000,
    )
    await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    await flows.approvals.decide(people.rita, question.id, Ballot("reject"))
    while not await flows.approvals.list(people.ed):  # noqa: ASYNC110 - it looks at a database
        await asyncio.sleep(0.02)
    assert heard.events[-1][0] == "escalated"
    assert (
        await flows.approvals.decide(people.ed, question.id, Ballot("reject"))
    ).choice == "reject"


async def test_it_moves_on_after_a_time_and_those_before_are_not_asked_any_more(
    flows: Flows, people: People, heard: Heard
) -> None:
    question = await asked(
        flows, people.alice, to="role:reviewer", escalate_to="user_ed", escalate_after=0.2
    )
    while not (moved := await flows.approvals.list(people.ed)):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.02)
    assert (moved[0].to_user, moved[0].to_name) == ("user_ed", "Ed")
    assert moved[0].escalated_at is not None
    assert await flows.approvals.list(people.rex) == []
    with pytest.raises(NotFound):
        await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    await flows.approvals.decide(people.ed, question.id, Ballot("approve"))
    assert [kind for kind, _ in heard.events] == ["asked", "escalated", "decided"]


async def test_at_the_deadline_the_default_choice_holds(
    flows: Flows, people: People, heard: Heard
) -> None:
    run_id = await start(
        flows,
        people.alice,
        "ask",
        payload={"deadline": 0.2, "default_choice": "reject", "editable_text": "Dear all"},
    )
    view = await flows.wait(people.alice, run_id)
    assert view.result is not None
    assert (view.result["choice"], view.result["text"]) == ("reject", "Dear all")
    assert (view.result["expired"], view.result["way"]) == (True, "expiry")
    assert heard.events[-1][0] == "expired"
    assert heard.events[-1][1]["choice"] == "reject"


async def test_reassigning_to_a_person_and_to_a_role(
    flows: Flows, people: People, heard: Heard, bob: Caller
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer")
    approvals = flows.approvals
    for stranger in (bob, people.mia):
        with pytest.raises(NotFound):
            await approvals.reassign(stranger, question.id, "user_ed")
    with pytest.raises(Forbidden):  # sees the run, but is neither asked nor an owner
        await approvals.reassign(people.ed, question.id, "user_ed")
    for nobody in ("user_bob", "user_none", ""):
        with pytest.raises(InvalidInput, match="no member"):
            await approvals.reassign(people.rex, question.id, nobody)
    moved = await approvals.reassign(people.rex, question.id, "user_ed", "You know them")
    assert (moved.to_role, moved.to_user, moved.may_decide) == (None, "user_ed", False)
    assert (await approvals.count(people.ed)).mine == 1
    await approvals.reassign(people.ed, question.id, Role.REVIEWER)
    await approvals.decide(people.rita, question.id, Ballot("approve"))
    with pytest.raises(Conflict):
        await approvals.reassign(people.rita, question.id, "user_ed")
    history = await approvals.history(people.rita, question.id)
    assert [(each.action, each.actor) for each in history] == [
        ("asked", "Stoa"),
        ("reassigned", "Rex"),
        ("reassigned", "Ed"),
        ("decided", "Rita"),
    ]
    assert history[1].details["note"] == "You know them"
    assert history[1].details["before"] == {"to_role": "reviewer", "to_user": None}
    assert [kind for kind, _ in heard.events].count("reassigned") == 2
    with pytest.raises(NotFound):
        await approvals.history(bob, question.id)


async def test_nobody_rewrites_the_history(
    flows: Flows, people: People, database: Database
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer")
    await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    for change in (
        sa.update(AuditEvent).where(AuditEvent.subject == question.id).values(actor="Nobody"),
        sa.delete(AuditEvent).where(AuditEvent.subject == question.id),
    ):
        with pytest.raises(DatabaseError, match="append-only"):
            await asyncio.to_thread(
                database.write_now, lambda s, c=change: s.execute(c), workspace=EVERY_WORKSPACE
            )
    await flows.wait(people.alice, question.run_id)
    await flows.prune(timedelta(seconds=-1))
    kept = database.read_now(
        lambda s: s.scalars(
            sa.select(AuditEvent.action).where(AuditEvent.subject == question.id)
        ).all(),
        workspace=EVERY_WORKSPACE,
    )
    assert sorted(kept) == ["approval.asked", "approval.decided"]


async def test_the_inbox_by_what_is_sought(flows: Flows, people: People) -> None:
    of_role = await asked(flows, people.alice, to="role:reviewer", deadline=36_000)
    of_rex = await asked(flows, people.alice, to="user_rex")
    soon = await asked(flows, people.alice, to="role:reviewer", deadline=3_600)

    async def found(**sought: Any) -> list[str]:
        return [each.id for each in await flows.approvals.list(people.rex, Sought(**sought))]

    assert await found() == [soon.id, of_rex.id, of_role.id]
    assert await found(order=Order.OLDEST) == [of_role.id, of_rex.id, soon.id]
    assert await found(order=Order.DUE) == [soon.id, of_role.id, of_rex.id]
    assert await found(mine=True) == [of_rex.id]
    assert await found(role=Role.REVIEWER) == [soon.id, of_role.id]
    assert await found(solution="tests", older_than=timedelta(hours=1)) == []
    assert await found(solution="others") == []
    assert len(await flows.approvals.list(people.alice)) == 2
    everyone = await flows.approvals.list(people.alice, Sought(everyone=True))
    assert [(each.id, each.may_decide) for each in everyone][1] == (of_rex.id, False)
    assert await found(everyone=True) == await found()  # owners only
    counts = await flows.approvals.count(people.rex)
    assert (counts.waiting, counts.mine, counts.by_solution) == (3, 1, {"tests": 3})
    narrow = Caller("workspace_a", "user_rex", Role.REVIEWER, scopes=frozenset({"other"}))
    assert await flows.approvals.list(narrow) == []
    assert (await flows.approvals.count(narrow)).waiting == 0


async def test_cancelling_withdraws_with_its_event(
    flows: Flows, people: People, heard: Heard
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer")
    await flows.cancel(people.alice, question.run_id)
    assert (await flows.approvals.show(people.alice, question.id)).state is ApprovalState.WITHDRAWN
    assert [kind for kind, _ in heard.events] == ["asked", "withdrawn"]
    with pytest.raises(Conflict, match="cancelled"):
        await flows.approvals.reassign(people.alice, question.id, "user_ed")
    await flows.resume(people.alice, question.run_id)
    while not await flows.approvals.list(people.rex):  # noqa: ASYNC110 - it looks at a database
        await asyncio.sleep(0.02)
    assert [kind for kind, _ in heard.events] == ["asked", "withdrawn", "asked"]
    await flows.approvals.decide(people.rex, question.id, Ballot("approve"))
    assert (await flows.wait(people.alice, question.run_id)).state is RunState.DONE


async def test_what_no_database_keeps_is_refused_and_decides_nothing(
    flows: Flows, people: People
) -> None:
    question = await asked(flows, people.alice, to="role:reviewer", editable_text="Dear all")
    for text, reason in (("a\0b", ""), ("\ud800", ""), (None, "a\0b"), (None, "x" * 2_001)):
        with pytest.raises(InvalidInput):
            await flows.approvals.decide(people.rex, question.id, Ballot("approve", text, reason))
        if reason:
            with pytest.raises(InvalidInput):
                await flows.approvals.reassign(people.rex, question.id, "user_ed", reason)
    assert (await flows.approvals.show(people.rex, question.id)).state is ApprovalState.OPEN


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_clock_looks_by_index_however_many_wait(flows: Flows, database: Database) -> None:
    plans: list[str] = []

    def explain(_c: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "FROM approval" in statement and "due_at" in statement:
            explained = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(str(row) for row in explained)

    sa.event.listen(database.engine, "before_cursor_execute", explain)
    await asyncio.to_thread(flows.approvals.tick)
    sa.event.remove(database.engine, "before_cursor_execute", explain)
    assert plans
    assert all("ix_approval_state_due_at (state=? AND due_at<?)" in each for each in plans)


async def test_a_question_that_contradicts_itself_is_a_bug(flows: Flows, people: People) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"choices": []},
        {"choices": ["yes", "yes"]},
        {"default_choice": "maybe", "deadline": 1},
        {"default_choice": "approve"},
        {"escalate_to": "user_ed"},
        {"people": 0},
        {"editable_text": "short", "highlights": [{"start": 2, "end": 9}]},
        {"highlights": [{"start": 0, "end": 1}]},
    )
    for payload in wrong:
        run = await flows.wait(
            people.alice, await start(flows, people.alice, "ask", payload=payload)
        )
        assert run.error is not None
        assert run.error["code"] == "bug"
        assert "can't be asked" in run.error["message"]


def test_pieces_cover_the_text_once() -> None:
    text = "one two three four"
    marks = [
        Highlight(start=4, end=7),
        Highlight(start=6, end=13, note="overlaps"),
        Highlight(start=14, end=18),
    ]
    found = pieces(text, marks)
    assert "".join(piece for piece, _ in found) == text
    assert [piece for piece, mark in found if mark] == ["two", " three", "four"]
