"""What becomes of a question, as functions inside a transaction.

A question is open until it is decided, expires, or is withdrawn with its run; it ends once. Every
change locks the run's row first and then the question's, in this order everywhere, so that two who
come at the same moment come one after the other, and nobody waits in a circle.

Several people (`people` > 1): each has one vote and may change it while the question is open. The
choice that so many different people made, of the same text, is the decision. Where votes differ,
nothing is decided: the question moves on to whom it escalates to, if to anybody, and more votes may
come until one choice has enough; at the deadline it expires like any other.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Membership
from stoa.core.flows import runs
from stoa.core.flows.announcements import Announcements
from stoa.core.flows.questions import (
    NOTE_LIMIT,
    TEXT_LIMIT,
    ApprovalState,
    Decision,
    Question,
    Way,
)
from stoa.core.flows.run import ENDED, RunState
from stoa.core.flows.tables import ApprovalRow, Run, VoteRow

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What no database keeps: NUL, and halves of surrogate pairs."""


@dataclass(frozen=True)
class Ballot:
    """What a person sends: a choice, perhaps with a changed text and a reason."""

    choice: str
    text: str | None = None
    reason: str = ""
    way: Way = Way.API


@dataclass(frozen=True)
class Outcome:
    """What came of a vote. `wake`: the run must be queued again, after the commit."""

    decision: Decision
    decided: bool
    wake: bool = False
    repeated: bool = False
    """The same person, or another, had said the same before."""


def open_question(
    session: Session, run_id: str, step: str, question: Question, said: Announcements
) -> str:
    """The id of this question of the run, which is there already where the step runs again."""
    run = runs.locked(session, run_id)
    query = sa.select(ApprovalRow).where(ApprovalRow.run_id == run_id, ApprovalRow.step == step)
    asked = session.scalar(query)
    if asked is not None and asked.question == question.question:
        return asked.id
    row = _row_of(run, step if asked is None else f"{step}.{run.round}", question)
    session.add(row)
    said.say(session, row, run, "asked", **_addressee(row))
    return row.id


def _row_of(run: Run, step: str, question: Question) -> ApprovalRow:
    at = now()
    deadline = question.deadline
    if isinstance(deadline, timedelta):
        deadline = at + deadline
    remind = question.remind_before
    row = ApprovalRow(
        id=new_id("approval"),
        workspace_id=run.workspace_id,
        run_id=run.id,
        step=step,
        question=question.question,
        context=question.context,
        choices=question.choices,
        highlights=[each.model_dump() for each in question.highlights],
        editable_text=question.editable_text,
        people=question.people,
        excluding=question.excluding,
        state=ApprovalState.OPEN,
        reason="",
        decided_by_name="",
        deadline=deadline,
        default_choice=question.default_choice,
        escalate_at=at + question.escalate_after if question.escalate_after else None,
        remind_at=deadline - remind if deadline is not None and remind is not None else None,
        changed_at=at,
        created_at=at,
    )
    row.to_role, row.to_user = _role_and_user(question.to)
    row.escalate_role, row.escalate_user = _role_and_user(question.escalate_to)
    row.due_at = _next_due(row)
    return row


def leave(session: Session, run_id: str, approval_id: str, said: Announcements) -> bool:
    """Let the run wait; True where the answer came meanwhile and it must be queued again."""
    run = runs.locked(session, run_id)
    row = session.get_one(ApprovalRow, approval_id, with_for_update=True)
    if run.state in ENDED:
        return False
    if row.state == ApprovalState.WITHDRAWN:
        _change(row, ApprovalState.OPEN)
        row.due_at = _next_due(row)
        said.say(session, row, run, "asked_again")
    if row.state != ApprovalState.OPEN:
        return True
    runs.move(session, run, RunState.WAITING, approval=row.id, question=row.question)
    run.attempts = 0
    return False


def withdraw(session: Session, run: Run, by: Caller, said: Announcements) -> None:
    """Close the open questions of a locked run that is being cancelled."""
    query = (
        sa.select(ApprovalRow)
        .where(ApprovalRow.run_id == run.id, ApprovalRow.state == ApprovalState.OPEN)
        .with_for_update()
    )
    for row in session.scalars(query).all():
        _change(row, ApprovalState.WITHDRAWN)
        said.say(session, row, run, "withdrawn", by=by)


def visible(session: Session, caller: Caller, approval_id: str) -> tuple[ApprovalRow, Run]:
    """The question and its run, if the caller may see them. Raises NotFound."""
    row = session.get(ApprovalRow, approval_id)
    if row is not None and row.workspace_id == caller.workspace_id:
        run = session.get_one(Run, row.run_id)
        if runs.may_see(caller, run) or is_asked(caller, row, run):
            return row, run
    raise NotFound(f"There is no approval '{approval_id}'.", hint="Look into the inbox.")


def hold(session: Session, row: ApprovalRow) -> Run:
    """Lock a question's run and then the question; both are as they are now."""
    run = runs.locked(session, row.run_id)
    session.refresh(row, with_for_update=True)
    return run


def is_asked(caller: Caller, row: ApprovalRow, run: Run) -> bool:
    """Whether the question is put to the caller, in person or by role. Owners stand in for a role."""
    if not caller.may(f"{run.solution}.{run.operation}"):
        return False
    if row.to_user is not None:
        return row.to_user == caller.user_id
    return row.to_role is None or caller.role in (row.to_role, Role.OWNER)


def may_decide(caller: Caller, row: ApprovalRow, run: Run) -> bool:
    """Whether the caller's choice would count."""
    return is_asked(caller, row, run) and caller.user_id not in row.excluding


def vote(
    session: Session,
    caller: Caller,
    found: tuple[ApprovalRow, Run],
    ballot: Ballot,
    said: Announcements,
) -> Outcome:
    """Take a person's choice of a held question.

    Raises:
        Forbidden: asked of somebody else, or this person may not decide it.
        InvalidInput: no such choice, or a text where none was asked for.
        Conflict: decided otherwise before, expired, or the run was cancelled.
    """
    row, run = found
    _admit(caller, row, run)
    votes = votes_of(session, row.id)
    text = _check(row, ballot, votes)
    mine = session.get(VoteRow, (row.id, caller.user_id))
    if row.state == ApprovalState.DECIDED and (row.choice, row.text) == (ballot.choice, text):
        return Outcome(decision_of(row), decided=True, repeated=True)
    if row.state != ApprovalState.OPEN:
        raise too_late(row)
    if mine is not None and (mine.choice, mine.text) == (ballot.choice, text):
        return Outcome(decision_of(row), decided=False, repeated=True)
    mine = _cast(session, caller, row, mine, ballot, text)
    return _count(session, caller, found, mine, said)


def _cast(
    session: Session,
    caller: Caller,
    row: ApprovalRow,
    mine: VoteRow | None,
    ballot: Ballot,
    text: str | None,
) -> VoteRow:
    if mine is None:
        mine = VoteRow(approval_id=row.id, workspace_id=row.workspace_id, user_id=caller.user_id)
        session.add(mine)
    mine.name, mine.at, mine.way = caller.name, now(), ballot.way
    mine.choice, mine.text, mine.reason = ballot.choice, text, ballot.reason
    row.changed_at = mine.at
    session.flush()
    return mine


def _count(
    session: Session,
    caller: Caller,
    found: tuple[ApprovalRow, Run],
    mine: VoteRow,
    said: Announcements,
) -> Outcome:
    row, run = found
    others = [each for each in votes_of(session, row.id) if each is not mine]
    same = [each for each in others if (each.choice, each.text) == (mine.choice, mine.text)]
    agreed = [*same, mine]
    told = {"choice": mine.choice, "reason": mine.reason, "way": mine.way}
    if len(agreed) < row.people:
        said.say(session, row, run, "voted", by=caller, **told, people=row.people)
        if len(same) < len(others) and row.escalate_at is not None:
            row.escalate_at = row.due_at = now()  # they disagree: whoever is next, now
        return Outcome(decision_of(row), decided=False)
    _change(row, ApprovalState.DECIDED)
    row.choice, row.text, row.reason, row.way = mine.choice, mine.text, mine.reason, mine.way
    row.decided_by, row.decided_by_name = caller.user_id, caller.name
    row.decided_at = row.changed_at
    edited = row.text != row.editable_text
    people = [each.user_id for each in agreed]
    said.say(session, row, run, "decided", by=caller, **told, edited=edited, people=people)
    wake = _wake(session, run, approval=row.id, choice=row.choice, by=caller.user_id)
    return Outcome(decision_of(row), decided=True, wake=wake)


def reassign(
    session: Session,
    caller: Caller,
    found: tuple[ApprovalRow, Run],
    to: Role | str,
    note: str,
    said: Announcements,
) -> None:
    """Put a held question to somebody else. Whoever is asked may, and so may owners.

    Raises:
        Forbidden: the caller is neither.
        InvalidInput: no such member, one who may not decide, or a note that is too long.
        Conflict: the question is not open.
    """
    row, run = found
    if not is_asked(caller, row, run) and caller.role is not Role.OWNER:
        raise _not_asked(row)
    if row.state != ApprovalState.OPEN:
        raise too_late(row)
    _check_note("note", note)
    role, user = _role_and_user(to)
    if user is not None:
        _check_member(session, row, user)
    if (role, user) == (row.to_role, row.to_user):
        return
    before = _addressee(row)
    row.to_role, row.to_user, row.changed_at = role, user, now()
    said.say(
        session, row, run, "reassigned", by=caller, **_addressee(row), before=before, note=note
    )


def tick(session: Session, approval_id: str, said: Announcements) -> bool:
    """Do what is due for a question; True where its run must be queued again."""
    seen = session.get(ApprovalRow, approval_id)
    if seen is None:  # deleted meanwhile, with its run
        return False
    run = runs.locked(session, seen.run_id)
    row = session.get_one(ApprovalRow, approval_id, with_for_update=True, populate_existing=True)
    at = now()
    if row.state != ApprovalState.OPEN:
        return False
    if row.deadline is not None and row.deadline <= at:
        return _expire(session, row, run, said)
    if row.escalate_at is not None and row.escalate_at <= at:
        _escalate(session, row, run, said)
    if row.remind_at is not None and row.remind_at <= at:
        row.remind_at = None
        said.say(session, row, run, "reminded")
    row.due_at = _next_due(row)
    return False


def _expire(session: Session, row: ApprovalRow, run: Run, said: Announcements) -> bool:
    _change(row, ApprovalState.EXPIRED)
    row.decided_at, row.way = row.changed_at, Way.EXPIRY
    row.choice, row.text = row.default_choice, row.editable_text
    said.say(session, row, run, "expired", choice=row.choice)
    return _wake(session, run, approval=row.id, expired=True, choice=row.choice)


def _escalate(session: Session, row: ApprovalRow, run: Run, said: Announcements) -> None:
    before = _addressee(row)
    row.to_role, row.to_user = row.escalate_role, row.escalate_user
    row.escalate_at, row.escalated_at, row.changed_at = None, now(), now()
    said.say(session, row, run, "escalated", **_addressee(row), before=before)


def votes_of(session: Session, approval_id: str) -> list[VoteRow]:
    """The votes on a question that count, oldest first: whoever has left the workspace has none."""
    query = sa.select(VoteRow).where(VoteRow.approval_id == approval_id, counts())
    return list(session.scalars(query.order_by(VoteRow.at, VoteRow.user_id)))


def counts() -> sa.ColumnElement[bool]:
    """Whether a vote is one of somebody who is a member still."""
    return sa.exists().where(
        Membership.workspace_id == VoteRow.workspace_id, Membership.user_id == VoteRow.user_id
    )


def decision_of(row: ApprovalRow) -> Decision:
    """The question as the run sees it."""
    return Decision(
        approval_id=row.id,
        choice=row.choice,
        text=row.text,
        reason=row.reason,
        decided_by=row.decided_by,
        decided_by_name=row.decided_by_name,
        decided_at=row.decided_at,
        way=Way(row.way) if row.way else None,
        expired=row.state == ApprovalState.EXPIRED,
    )


def too_late(row: ApprovalRow) -> Conflict:
    """Why nothing can be decided any more."""
    if row.state == ApprovalState.DECIDED:
        who = row.decided_by_name or row.decided_by
        return Conflict(
            f"{who} has decided: {row.choice}.", hint="A decision stands.", choice=row.choice
        )
    if row.state == ApprovalState.EXPIRED:
        return Conflict("The deadline has passed.", hint="Start the run anew to be asked again.")
    return Conflict("The run was cancelled.", hint="Resume the run to be asked again.")


def _admit(caller: Caller, row: ApprovalRow, run: Run) -> None:
    if not is_asked(caller, row, run):
        raise _not_asked(row)
    if caller.user_id in row.excluding:
        raise Forbidden(
            "You may not decide this one yourself.", hint="It takes somebody else's eyes."
        )


def _not_asked(row: ApprovalRow) -> Forbidden:
    asked = row.to_role or "another person"
    return Forbidden("This was not asked of you.", hint=f"It waits for {asked}.")


def _check(row: ApprovalRow, ballot: Ballot, votes: list[VoteRow]) -> str | None:
    """The text that the ballot stands for: its own, or the one last proposed."""
    if ballot.choice not in row.choices:
        raise InvalidInput(
            f"'{ballot.choice}' is not offered.", hint=f"Choose one of: {', '.join(row.choices)}."
        )
    if ballot.text is not None and row.editable_text is None:
        raise InvalidInput("There is no text to edit.", hint="Send the choice alone.")
    if ballot.text is not None and len(ballot.text) > TEXT_LIMIT:
        raise InvalidInput("The text is too long.", hint=f"At most {TEXT_LIMIT} characters.")
    _check_note("reason", ballot.reason)
    if ballot.text is not None and _UNSTORABLE.search(ballot.text):
        raise InvalidInput("The text holds a character that can't be stored.", hint="Retype it.")
    if ballot.text is not None:
        return ballot.text
    if row.state == ApprovalState.DECIDED:
        return row.text
    return votes[-1].text if votes else row.editable_text


def _check_note(name: str, note: str) -> None:
    if len(note) > NOTE_LIMIT or _UNSTORABLE.search(note):
        raise InvalidInput(f"The {name} can't be kept.", hint=f"At most {NOTE_LIMIT} characters.")


def _check_member(session: Session, row: ApprovalRow, user_id: str) -> None:
    query = sa.select(Membership.id).where(
        Membership.workspace_id == row.workspace_id, Membership.user_id == user_id
    )
    if session.scalar(query) is None:
        raise InvalidInput(
            f"There is no member '{user_id}' here.", hint="Choose a member of the workspace."
        )
    if user_id in row.excluding:
        raise InvalidInput(
            "This person may not decide this question.", hint="Choose somebody else."
        )


def _change(row: ApprovalRow, state: ApprovalState) -> None:
    row.state, row.changed_at, row.due_at = state, now(), None


def _wake(session: Session, run: Run, **data: Any) -> bool:
    if run.state != RunState.WAITING:
        return False
    runs.move(session, run, RunState.QUEUED, **data)
    return True


def _next_due(row: ApprovalRow) -> datetime | None:
    return min((at for at in (row.deadline, row.escalate_at, row.remind_at) if at), default=None)


def _role_and_user(to: Role | str | None) -> tuple[str | None, str | None]:
    return (to, None) if isinstance(to, Role) else (None, to)


def _addressee(row: ApprovalRow) -> dict[str, Any]:
    return {"to_role": row.to_role, "to_user": row.to_user}
