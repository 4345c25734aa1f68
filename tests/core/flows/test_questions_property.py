"""Whatever people and clocks do to a question, in whatever order: it ends once."""

import contextlib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import UserError
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import AuditEvent
from stoa.core.flows import approval_rows as rows
from stoa.core.flows import runs
from stoa.core.flows.announcements import Announcements
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.letters import Letters, Post
from stoa.core.flows.links import Tokens
from stoa.core.flows.questions import ApprovalState, Question
from stoa.core.flows.run import RunState
from stoa.core.flows.tables import ApprovalRow, Run, VoteRow
from tests.core.flows.people import People, settle

ASKED = st.sampled_from(["alice", "rex", "rita"])
WHO = st.sampled_from(["alice", "rex", "rita", "ed", "mia"])
DECIDE = st.tuples(
    st.just("decide"), ASKED, st.sampled_from(["approve", "reject"]), st.sampled_from([None, "B"])
)
STEP = st.one_of(
    DECIDE,
    DECIDE,  # twice, so that votes meet
    st.tuples(
        st.just("reassign"),
        WHO,
        st.sampled_from([Role.REVIEWER, Role.OWNER, "user_ed", "user_rex"]),
    ),
    st.tuples(st.just("decide"), WHO, st.just("approve"), st.none()),
    st.tuples(st.sampled_from(["expire", "escalate", "cancel", "leave", "resume"])),
)
QUESTION = st.fixed_dictionaries(
    {
        "people": st.sampled_from([2, 2, 1, 3]),
        "excluding": st.sampled_from([[], ["user_rex"]]),
        "default_choice": st.sampled_from([None, "reject"]),
    }
)


@pytest.fixture(scope="module")
def database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("property") / "test.sqlite"
    shutil.copy(sqlite_template, path)
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def people(database: Database) -> People:
    return settle(database)


@pytest.fixture(scope="module")
def said(database: Database) -> Announcements:
    post = Post(None, Tokens(b"x" * 32), "http://stoa")
    return Announcements(AuditLog(database), None, Letters(database, post))


class World:
    """One question, and what has been seen of it."""

    def __init__(
        self, session: Session, people: People, said: Announcements, more: dict[str, Any]
    ) -> None:
        self._session, self._people, self._said = session, people, said
        self.run = runs.insert(
            session,
            people.alice,
            workflow="w",
            solution="tests",
            operation="w",
            payload={},
            key=None,
        )
        session.flush()
        question = Question(
            question="Publish?",
            choices=["approve", "reject"],
            to=Role.REVIEWER,
            editable_text="A",
            deadline=timedelta(days=1),
            escalate_to=Role.OWNER,
            escalate_after=timedelta(hours=1),
            **more,
        )
        self.id = rows.open_question(session, self.run.id, "1", question, said)
        rows.leave(session, self.run.id, self.id, said)
        self.wakes = 0
        self.ended: tuple[object, ...] | None = None

    @property
    def row(self) -> ApprovalRow:
        return self._session.get_one(ApprovalRow, self.id)

    def do(self, step: tuple[Any, ...]) -> None:
        """One thing that happens; refusals are fine."""
        with contextlib.suppress(UserError):
            getattr(self, f"_{step[0]}")(*step[1:])
        self._session.flush()

    def _found(self, caller: Caller) -> tuple[ApprovalRow, Run]:
        row, _ = rows.visible(self._session, caller, self.id)
        return row, rows.hold(self._session, row)

    def _decide(self, who: str, choice: str, text: str | None) -> None:
        caller = getattr(self._people, who)
        outcome = rows.vote(
            self._session,
            caller,
            self._found(caller),
            Ballot(choice, text),
            self._said,
        )
        self.wakes += outcome.wake

    def _reassign(self, who: str, to: Role | str) -> None:
        caller = getattr(self._people, who)
        rows.reassign(self._session, caller, self._found(caller), to, "", self._said)

    def _expire(self) -> None:
        if self.row.state == ApprovalState.OPEN:
            self.row.deadline = now()
        self.wakes += rows.tick(self._session, self.id, self._said)

    def _escalate(self) -> None:
        if self.row.escalate_at is not None:
            self.row.escalate_at = now()
        self.wakes += rows.tick(self._session, self.id, self._said)

    def _cancel(self) -> None:
        if not RunState(self.run.state).ended:
            runs.move(self._session, self.run, RunState.CANCELLED)
            rows.withdraw(self._session, self.run, self._people.alice, self._said)

    def _resume(self) -> None:
        if self.run.state == RunState.CANCELLED:
            runs.move(self._session, self.run, RunState.RUNNING)

    def _leave(self) -> None:
        if self.run.state == RunState.RUNNING:
            rows.leave(self._session, self.run.id, self.id, self._said)

    def check(self) -> None:
        """What must hold at every moment."""
        row = self.row
        now_ = (row.state, row.choice, row.text, row.decided_by, row.decided_at)
        over = row.state in (ApprovalState.DECIDED, ApprovalState.EXPIRED)
        if self.ended is not None:
            assert now_ == self.ended
        elif over:
            self.ended = now_
            assert row.due_at is None
        ends = self._session.scalars(
            sa.select(AuditEvent.action).where(
                AuditEvent.subject == self.id,
                AuditEvent.action.in_(["approval.decided", "approval.expired"]),
            )
        ).all()
        assert len(ends) == over
        assert self.wakes <= over
        votes = self._session.scalars(
            sa.select(VoteRow).where(VoteRow.approval_id == self.id)
        ).all()
        assert not {each.user_id for each in votes} & {*row.excluding}
        if row.state == ApprovalState.DECIDED:
            agreed = [each for each in votes if (each.choice, each.text) == (row.choice, row.text)]
            assert len(agreed) == row.people


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(more=QUESTION, steps=st.lists(STEP, min_size=2, max_size=14))
def test_any_sequence_ends_in_one_decision_at_most(
    database: Database,
    people: People,
    said: Announcements,
    more: dict[str, Any],
    steps: list[tuple[Any, ...]],
) -> None:
    def work(session: Session) -> None:
        world = World(session, people, said, more)
        world.check()
        for step in steps:
            world.do(step)
            world.check()

    database.write_now(work, workspace=EVERY_WORKSPACE)
