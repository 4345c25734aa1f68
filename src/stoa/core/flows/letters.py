"""Letters about questions: written with the question, sent later, again and again until they arrive.

A letter is a row that commits together with what it tells of, so none is lost and none is about
something that never happened. A thread of its own sends what is due: a mail server that is slow or
down delays letters and nothing else. Whoever sends first moves `next_at`, so that two processes do
not send the same letter; one that dies after sending and before saying so sends it a second time,
with the same id and the same links.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Conflict, Forbidden, NotFound, ProviderError
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Membership, User
from stoa.base.mail import Connection, Mail
from stoa.core.flows.letter_words import Wording, compose
from stoa.core.flows.links import Tokens, hash_of, life_of
from stoa.core.flows.questions import ApprovalState
from stoa.core.flows.tables import ApprovalRow, LetterRow, LinkRow, MailOptOut, Run

T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_ADDRESSEES = 100
"""Letters of one question; a larger role finds the rest of it in the inbox."""
_AT_ONCE = 5
_LEASE = timedelta(minutes=3)
_LONGEST_PAUSE = timedelta(hours=1)
_GIVE_UP = timedelta(days=3)
_MOST_SHOWN = 200


class LetterState(StrEnum):
    """How far a letter has come."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    """Given up: the server refused it for good, or it did not get through for three days."""
    DROPPED = "dropped"
    """Not needed any more: decided before it was sent, or the person left, wants none, or is not asked
    any more. Asked again, the person gets it after all."""


class LetterView(BaseModel):
    """A letter as the workspace's owners see it."""

    id: str
    approval_id: str
    user_id: str
    to_name: str
    kind: str
    state: LetterState
    attempts: int
    error: str
    created_at: datetime
    next_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class Post:
    """What sending takes: the server, the key of links, and where the console is reached."""

    mail: Mail | None
    tokens: Tokens
    public_url: str
    pause: float = 15.0
    """Seconds before the second attempt; doubled with each one more."""


class Letters:
    """Writes letters in the transactions of others, and sends them."""

    def __init__(self, database: Database, post: Post) -> None:
        self._database = database
        self._post = post

    @property
    def enabled(self) -> bool:
        """Whether there is a server to send through."""
        return self._post.mail is not None

    def write(self, session: Session, row: ApprovalRow, kind: str) -> None:
        """A letter to everybody who is asked and has none of this kind about this question yet."""
        if not self.enabled:
            return
        dropped = _dropped(session, row, kind)
        for user_id in _addressees(session, row, kind):
            letter = dropped.get(user_id)
            if letter is None:
                letter = _new(row, user_id, kind)
                session.add(letter)
                session.add_all(_links_of(row, letter, self._post.tokens))
            else:
                _anew(session, row, letter, self._post.tokens)

    def send_due(self) -> None:
        """Send what is due, a few at a time, until nothing is or the server fails. Blocking."""
        if self._post.mail is None:
            return
        while claimed := self._write(_claim):
            try:
                with self._post.mail.connected() as connection:
                    for letter_id in claimed:
                        self._send(connection, letter_id)
            except ProviderError as error:  # of the connection: none of them went
                for letter_id in claimed:
                    self._write(partial(self._put_off, letter_id=letter_id, error=error))
                return

    def _send(self, connection: Connection, letter_id: str) -> None:
        try:
            wording = self._write(partial(self._wording, letter_id=letter_id))
            if wording is None:
                return
            connection.send(compose(wording))
        except ProviderError as error:
            self._write(partial(self._put_off, letter_id=letter_id, error=error))
        except Exception:  # the edge: one letter that can't be written must not hold up the others
            log.exception("letter %s could not be written", letter_id)
            unknown = ProviderError("It could not be written; the log says why.", retryable=True)
            self._write(partial(self._put_off, letter_id=letter_id, error=unknown))
        else:
            self._write(partial(_sent, letter_id=letter_id))

    def _wording(self, session: Session, letter_id: str) -> Wording | None:
        """What the letter says; None where nobody needs it any more."""
        letter = session.get(LetterRow, letter_id)
        if letter is None or letter.state != LetterState.WAITING:
            return None
        # Held, so that nobody puts the question back to a person whose letter is being dropped.
        row = session.get_one(ApprovalRow, letter.approval_id, with_for_update=True)
        user = session.get_one(User, letter.user_id)
        if row.state != ApprovalState.OPEN or not _wants(session, row, letter.user_id):
            letter.state = LetterState.DROPPED
            return None
        ends = life_of(row.deadline, letter.created_at)
        links = [
            (choice, self._link(row.id, self._post.tokens.make(letter.id, place, ends)))
            for place, choice in enumerate(row.choices)
        ]
        domain = self._post.mail.domain if self._post.mail else "localhost"
        return Wording(
            row=row,
            run=session.get_one(Run, row.run_id),
            to=user.email,
            to_name=user.name,
            reminder=letter.kind == "reminder",
            links=links,
            links_end=ends,
            inbox=f"{self._post.public_url}/inbox",
            message_id=f"{letter.id}@{domain}",
        )

    def _link(self, approval_id: str, token: str) -> str:
        return f"{self._post.public_url}/decide/{approval_id}/{token}"

    def _put_off(self, session: Session, letter_id: str, error: ProviderError) -> None:
        letter = session.get(LetterRow, letter_id, with_for_update=True)
        if letter is None or letter.state != LetterState.WAITING:
            return
        letter.error = error.message[:500]
        pause = timedelta(seconds=self._post.pause) * 2 ** min(letter.attempts - 1, 16)
        letter.next_at = now() + min(pause, _LONGEST_PAUSE)
        if not error.retryable or letter.created_at < now() - _GIVE_UP:
            letter.state = LetterState.FAILED
            log.warning("letter %s is given up: %s", letter.id, letter.error)

    async def failed(self, caller: Caller) -> list[LetterView]:
        """The letters of the workspace that were given up, newest first. For owners.

        Raises Forbidden.
        """
        _owners_only(caller)
        query = (
            sa.select(LetterRow, User.name)
            .join(User, User.id == LetterRow.user_id)
            .where(LetterRow.workspace_id == caller.workspace_id)
            .where(LetterRow.state == LetterState.FAILED)
            .order_by(LetterRow.created_at.desc())
            .limit(_MOST_SHOWN)
        )
        rows = await self._database.read(
            lambda s: s.execute(query).all(), workspace=EVERY_WORKSPACE
        )
        return [_view_of(letter, name) for letter, name in rows]

    async def retry(self, caller: Caller, letter_id: str) -> LetterView:
        """Try a letter that was given up again, from the start.

        Raises:
            Forbidden: the caller is no owner.
            NotFound: no such letter in the workspace.
            Conflict: it was not given up.
        """
        _owners_only(caller)

        def again(session: Session) -> LetterView:
            letter = session.get(LetterRow, letter_id, with_for_update=True)
            if letter is None or letter.workspace_id != caller.workspace_id:
                raise NotFound(f"There is no letter '{letter_id}'.", hint="List those that failed.")
            if letter.state != LetterState.FAILED:
                raise Conflict(
                    f"The letter is {letter.state}.", hint="Only failed ones are retried."
                )
            row = session.get_one(ApprovalRow, letter.approval_id)
            _anew(session, row, letter, self._post.tokens)
            return _view_of(letter, session.get_one(User, letter.user_id).name)

        return await self._database.write(again, workspace=EVERY_WORKSPACE)

    async def wants(self, caller: Caller) -> bool:
        """Whether the caller gets e-mails about questions of this workspace."""
        return await self._database.read(
            lambda s: s.get(MailOptOut, (caller.workspace_id, caller.user_id)) is None,
            workspace=EVERY_WORKSPACE,
        )

    async def want(self, caller: Caller, wanted: bool) -> None:
        """Get e-mails about questions of this workspace, or none. Raises NotFound for no user."""

        def work(session: Session) -> None:
            if session.get(User, caller.user_id) is None:
                raise NotFound("You are no user with an address.", hint="Sign in as a person.")
            row = session.get(MailOptOut, (caller.workspace_id, caller.user_id))
            if wanted and row is not None:
                session.delete(row)
            elif not wanted and row is None:
                session.add(MailOptOut(workspace_id=caller.workspace_id, user_id=caller.user_id))

        await self._database.write(work, workspace=EVERY_WORKSPACE)

    def _write(self, work: Callable[[Session], T]) -> T:
        return self._database.write_now(work, workspace=EVERY_WORKSPACE)


def _claim(session: Session) -> list[str]:
    query = (
        sa.select(LetterRow)
        .where(LetterRow.state == LetterState.WAITING, LetterRow.next_at <= now())
        .order_by(LetterRow.next_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    letters = session.scalars(query).all()
    for letter in letters:
        letter.attempts += 1
        letter.next_at = now() + _LEASE
    return [letter.id for letter in letters]


def _sent(session: Session, letter_id: str) -> None:
    letter = session.get(LetterRow, letter_id, with_for_update=True)
    if letter is not None:
        letter.state, letter.sent_at, letter.error = LetterState.SENT, now(), ""


def _new(row: ApprovalRow, user_id: str, kind: str) -> LetterRow:
    at = now()
    return LetterRow(
        id=new_id("letter"),
        workspace_id=row.workspace_id,
        approval_id=row.id,
        user_id=user_id,
        kind=kind,
        state=LetterState.WAITING,
        attempts=0,
        error="",
        next_at=at,
        created_at=at,
    )


def _anew(session: Session, row: ApprovalRow, letter: LetterRow, tokens: Tokens) -> None:
    """Let a letter wait from now on, with links whose time starts now."""
    letter.state, letter.attempts, letter.error = LetterState.WAITING, 0, ""
    letter.next_at = letter.created_at = now()
    for link in _links_of(row, letter, tokens):
        session.merge(link)  # within a second of the first ones they are the same


def _links_of(row: ApprovalRow, letter: LetterRow, tokens: Tokens) -> list[LinkRow]:
    ends = life_of(row.deadline, letter.created_at)
    return [
        LinkRow(
            token_hash=hash_of(tokens.make(letter.id, place, ends)),
            workspace_id=row.workspace_id,
            approval_id=row.id,
            user_id=letter.user_id,
            choice=choice,
            expires_at=ends,
        )
        for place, choice in enumerate(row.choices)
    ]


def _dropped(session: Session, row: ApprovalRow, kind: str) -> dict[str, LetterRow]:
    """By person: letters that were not sent because nobody asked that person any more."""
    query = sa.select(LetterRow).where(
        LetterRow.approval_id == row.id,
        LetterRow.kind == kind,
        LetterRow.state == LetterState.DROPPED,
    )
    return {each.user_id: each for each in session.scalars(query)}


def _addressees(session: Session, row: ApprovalRow, kind: str) -> list[str]:
    """Ids of the members asked who get letters: the one, or all of the role; owners where it has none."""
    if row.to_user is not None:
        found = _members(session, row, kind, Membership.user_id == row.to_user)
    elif row.to_role is not None:
        found = _members(session, row, kind, Membership.role == row.to_role)
        if not found and not _has(session, row, row.to_role):
            found = _members(session, row, kind, Membership.role == Role.OWNER)
    else:
        return []
    return [user_id for user_id in found if user_id not in row.excluding][:MOST_ADDRESSEES]


def _members(
    session: Session, row: ApprovalRow, kind: str, whom: sa.ColumnElement[bool]
) -> list[str]:
    written = sa.select(LetterRow.user_id).where(
        LetterRow.approval_id == row.id,
        LetterRow.kind == kind,
        LetterRow.state != LetterState.DROPPED,
    )
    unwanted = sa.select(MailOptOut.user_id).where(MailOptOut.workspace_id == row.workspace_id)
    query = (
        sa.select(Membership.user_id)
        .where(Membership.workspace_id == row.workspace_id, whom)
        .where(Membership.user_id.not_in(written), Membership.user_id.not_in(unwanted))
        .order_by(Membership.created_at, Membership.id)
    )
    return list(session.scalars(query))


def _has(session: Session, row: ApprovalRow, role: str) -> bool:
    query = sa.select(Membership.id).where(
        Membership.workspace_id == row.workspace_id, Membership.role == role
    )
    return session.scalar(query.limit(1)) is not None


def _wants(session: Session, row: ApprovalRow, user_id: str) -> bool:
    """Whether the person is a member, is asked, and wants letters, as of now."""
    opted_out = session.get(MailOptOut, (row.workspace_id, user_id)) is not None
    if opted_out or user_id in row.excluding:
        return False
    query = sa.select(Membership.role).where(
        Membership.workspace_id == row.workspace_id, Membership.user_id == user_id
    )
    role = session.scalar(query)
    if role is None or row.to_user is not None:
        return role is not None and row.to_user == user_id
    return role in (row.to_role, Role.OWNER)


def _owners_only(caller: Caller) -> None:
    if caller.role is not Role.OWNER:
        raise Forbidden("Only owners see what was not delivered.", hint="Ask an owner.")
    if not caller.may("admin"):
        raise Forbidden("This key may not administer.", hint="Use a key with the scope admin.")


def _view_of(letter: LetterRow, name: str) -> LetterView:
    fields = {each: getattr(letter, each) for each in LetterView.model_fields if each != "to_name"}
    return LetterView(**fields, to_name=name)
