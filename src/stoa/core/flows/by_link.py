"""Deciding by a link from a letter: what stands behind the link, and what comes of confirming it.

Looking changes nothing. Confirming is one transaction: the link, the person's membership, the question
and the vote are checked and written together, so that two clicks at the same moment come one after
the other. It knows no page.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.errors import Conflict, Forbidden
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Membership, User
from stoa.core.flows import approval_rows as rows
from stoa.core.flows.announcements import Announcements
from stoa.core.flows.links import Standing, Tokens, hash_of
from stoa.core.flows.questions import ApprovalState, ApprovalView, Way
from stoa.core.flows.tables import ApprovalRow, LinkRow, Run, VoteRow
from stoa.core.flows.views import view_of


@dataclass(frozen=True)
class LinkView:
    """A link as the person who opened it sees it. Without a question, nothing about one is told."""

    standing: Standing
    choice: str = ""
    """The choice of the link."""
    approval: ApprovalView | None = None
    person: str = ""
    """Name of whom the letter was sent to."""
    mine: VoteRow | None = None
    """What this person chose before."""


@dataclass(frozen=True)
class Click:
    """A token as it came in, on the address of a question."""

    approval_id: str
    token: str
    visitor: str | None = None
    """Id of the user who is signed in where the link was opened."""


@dataclass(frozen=True)
class _Found:
    link: LinkRow
    row: ApprovalRow
    run: Run
    caller: Caller | None
    """The person of the link as a member; None where it is none any more."""
    name: str


def look(session: Session, tokens: Tokens, click: Click) -> LinkView:
    """How the link stands now. Changes nothing."""
    found = _find(session, tokens, click)
    return (
        found
        if isinstance(found, LinkView)
        else _view(session, found, _standing(session, found, click))
    )


def confirm(
    session: Session, tokens: Tokens, click: Click, text: str | None, said: Announcements
) -> tuple[LinkView, str | None]:
    """Make the choice of the link; with it, the id of a run that must be queued again.

    Raises:
        InvalidInput: the text is too long.
    """
    found = _find(session, tokens, click)
    if isinstance(found, LinkView):
        return found, None
    rows.hold(session, found.row)
    standing = _standing(session, found, click)
    if standing is not Standing.READY or found.caller is None:
        return _view(session, found, standing), None
    ballot = rows.Ballot(found.link.choice, text, way=Way.EMAIL)
    try:
        outcome = rows.vote(session, found.caller, (found.row, found.run), ballot, said)
    except (Conflict, Forbidden):  # no standing said so: nothing is changed all the same
        return _view(session, found, Standing.NOT_ASKED), None
    found.link.used_at = now()
    wake = found.run.id if outcome.wake else None
    return _view(session, found, Standing.REPEATED if outcome.repeated else Standing.DONE), wake


def _find(session: Session, tokens: Tokens, click: Click) -> _Found | LinkView:
    trouble = tokens.trouble(click.token, now())
    if trouble is not None:
        return LinkView(trouble)
    link = session.get(LinkRow, hash_of(click.token))
    if link is None or link.approval_id != click.approval_id:
        return LinkView(Standing.UNKNOWN)
    row = session.get(ApprovalRow, link.approval_id)
    if row is None or row.workspace_id != link.workspace_id:
        return LinkView(Standing.UNKNOWN)
    query = (
        sa.select(Membership.role, User.name)
        .join(User, User.id == Membership.user_id)
        .where(Membership.workspace_id == row.workspace_id, Membership.user_id == link.user_id)
    )
    member = session.execute(query).first()
    if member is None:
        return LinkView(Standing.NOT_ASKED)
    caller = Caller(row.workspace_id, link.user_id, Role(member.role), member.name)
    run = session.get_one(Run, row.run_id)
    return _Found(link, row, run, caller, member.name)


def _standing(session: Session, found: _Found, click: Click) -> Standing:
    link, row = found.link, found.row
    if click.visitor is not None and click.visitor != link.user_id:
        return Standing.NOT_YOU
    mine = _mine(session, found)
    if mine is not None:
        return Standing.REPEATED if mine.choice == link.choice else Standing.CONTRADICTED
    if row.state == ApprovalState.DECIDED:
        return Standing.DECIDED
    if row.state == ApprovalState.WITHDRAWN:
        return Standing.WITHDRAWN
    late = row.deadline is not None and row.deadline <= now()
    if row.state == ApprovalState.EXPIRED or late:
        return Standing.EXPIRED
    if link.expires_at <= now():
        return Standing.TOO_OLD
    if found.caller is None or not rows.may_decide(found.caller, row, found.run):
        return Standing.NOT_ASKED
    return Standing.READY


def _mine(session: Session, found: _Found) -> VoteRow | None:
    return session.get(VoteRow, (found.row.id, found.link.user_id), populate_existing=True)


def _view(session: Session, found: _Found, standing: Standing) -> LinkView:
    if standing in (Standing.NOT_YOU, Standing.NOT_ASKED, Standing.TOO_OLD):
        return LinkView(standing, person=found.name)
    return LinkView(
        standing,
        choice=found.link.choice,
        approval=view_of(session, found.row, found.run, found.caller),
        person=found.name,
        mine=_mine(session, found),
    )
