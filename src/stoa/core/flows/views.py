"""Questions as people see them, one or many: the queries of the inbox. Nothing here changes anything."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import AuditEvent, User
from stoa.core.flows import approval_rows as rows
from stoa.core.flows.questions import (
    ApprovalState,
    ApprovalView,
    Counts,
    HistoryEntry,
    Order,
    Sought,
    Vote,
)
from stoa.core.flows.tables import ApprovalRow, Run, VoteRow

_PREFIX = "approval."


def view_of(session: Session, row: ApprovalRow, run: Run, caller: Caller | None) -> ApprovalView:
    """One question, with the votes on it."""
    return _views(session, [(row, run)], caller)[0]


def search(session: Session, caller: Caller, sought: Sought, limit: int) -> list[ApprovalView]:
    """The caller's inbox: what they may decide, or might have."""
    query = _inbox(caller, sought).add_columns(Run).order_by(*_order(sought.order)).limit(limit)
    return _views(session, [(row, run) for row, run in session.execute(query)], caller)


def count(session: Session, caller: Caller) -> Counts:
    """What waits for the caller: open, asked of them, and not voted on yet."""
    inbox = _inbox(caller, Sought()).where(
        ~sa.exists().where(VoteRow.approval_id == ApprovalRow.id, VoteRow.user_id == caller.user_id)
    )
    mine = sa.func.sum(sa.case((ApprovalRow.to_user == caller.user_id, 1), else_=0))
    query = inbox.with_only_columns(Run.solution, sa.func.count(), mine).group_by(Run.solution)
    found = session.execute(query).all()
    return Counts(
        waiting=sum(each[1] for each in found),
        mine=sum(each[2] or 0 for each in found),
        by_solution={each[0]: each[1] for each in sorted(found, key=lambda each: str(each[0]))},
    )


def changed_at(session: Session, workspace_id: str) -> datetime | None:
    """When anything last happened to a question of the workspace."""
    query = sa.select(sa.func.max(ApprovalRow.changed_at))
    return session.scalar(query.where(ApprovalRow.workspace_id == workspace_id))


def history(session: Session, row: ApprovalRow) -> list[HistoryEntry]:
    """All that happened to a question, oldest first."""
    query = (
        sa.select(AuditEvent)
        .where(AuditEvent.subject == row.id, AuditEvent.workspace_id == row.workspace_id)
        .order_by(AuditEvent.at, AuditEvent.id)
    )
    return [
        HistoryEntry(
            at=each.at,
            action=each.action.removeprefix(_PREFIX),
            actor=each.actor or each.user_id,
            details={
                name: value for name, value in each.details.items() if value not in (None, "")
            },
        )
        for each in session.scalars(query)
    ]


def _inbox(caller: Caller, sought: Sought) -> "sa.Select[ApprovalRow]":
    query = (
        sa.select(ApprovalRow)
        .join(Run, Run.id == ApprovalRow.run_id)
        .where(ApprovalRow.workspace_id == caller.workspace_id)
    )
    if not (sought.everyone and caller.role is Role.OWNER):
        query = query.where(_asked_of(caller), ~_excluded(caller))
    if caller.scopes is not None:
        whole = Run.solution + "." + Run.operation
        query = query.where(Run.solution.in_(caller.scopes) | whole.in_(caller.scopes))
    return _narrowed(query, caller, sought)


def _asked_of(caller: Caller) -> sa.ColumnElement[bool]:
    of_role: sa.ColumnElement[bool] = ApprovalRow.to_user.is_(None)
    if caller.role is not Role.OWNER:
        of_role &= (ApprovalRow.to_role == caller.role) | ApprovalRow.to_role.is_(None)
    return (ApprovalRow.to_user == caller.user_id) | of_role


def _excluded(caller: Caller) -> sa.ColumnElement[bool]:
    kept = sa.cast(ApprovalRow.excluding, sa.Text)
    return kept.contains(f'"{caller.user_id}"', autoescape=True)


def _narrowed(
    query: "sa.Select[ApprovalRow]", caller: Caller, sought: Sought
) -> "sa.Select[ApprovalRow]":
    if sought.state is not None:
        query = query.where(ApprovalRow.state == sought.state)
    if sought.solution:
        query = query.where(Run.solution == sought.solution)
    if sought.role is not None:
        query = query.where(ApprovalRow.to_role == sought.role, ApprovalRow.to_user.is_(None))
    if sought.mine:
        query = query.where(ApprovalRow.to_user == caller.user_id)
    if sought.older_than is not None:
        query = query.where(ApprovalRow.created_at <= now() - sought.older_than)
    return query


def _order(order: Order) -> tuple[sa.ColumnElement[Any], ...]:
    newest = (ApprovalRow.created_at.desc(), ApprovalRow.id.desc())
    match order:
        case Order.NEWEST:
            return newest
        case Order.OLDEST:
            return (ApprovalRow.created_at.asc(), ApprovalRow.id.asc())
        case Order.DUE:
            return (ApprovalRow.deadline.is_(None).asc(), ApprovalRow.deadline.asc(), *newest)


def _views(
    session: Session, found: Sequence[tuple[ApprovalRow, Run]], caller: Caller | None
) -> list[ApprovalView]:
    votes: dict[str, list[Vote]] = {}
    several = [row.id for row, _ in found if row.people > 1]
    if several:
        query = sa.select(VoteRow).join(ApprovalRow, ApprovalRow.id == VoteRow.approval_id)
        still = sa.or_(ApprovalRow.state != ApprovalState.OPEN, rows.counts())
        query = query.where(VoteRow.approval_id.in_(several), still)
        for each in session.scalars(query.order_by(VoteRow.at, VoteRow.user_id)):
            votes.setdefault(each.approval_id, []).append(
                Vote.model_validate(each, from_attributes=True)
            )
    users = {row.to_user for row, _ in found if row.to_user is not None}
    people = (
        session.execute(sa.select(User.id, User.name).where(User.id.in_(users))) if users else ()
    )
    names = {each.id: each.name for each in people}
    return [
        _view(row, run, caller, votes.get(row.id, []), names.get(row.to_user or "", ""))
        for row, run in found
    ]


def _view(
    row: ApprovalRow, run: Run, caller: Caller | None, votes: list[Vote], to_name: str
) -> ApprovalView:
    own = {name: getattr(row, name) for name in ApprovalView.model_fields if hasattr(row, name)}
    mine = caller is not None and rows.may_decide(caller, row, run)
    return ApprovalView(
        **own,
        solution=run.solution,
        operation=run.operation,
        votes=votes,
        to_name=to_name,
        may_decide=mine and row.state == ApprovalState.OPEN,
    )
