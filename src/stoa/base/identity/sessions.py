"""Signing in and staying signed in: passwords, session tokens, one-time links.

A session token is random and stored as a hash. It ends when idle, at a fixed age, when signed out,
and when the password changes. Unknown users, users without a password and wrong passwords all take
the same road, in the same time, to the same answer.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Forbidden, NotFound, NotSignedIn
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.limits import Limits
from stoa.base.identity.passwords import Passwords, check_new_password
from stoa.base.identity.tables import Membership, SignInSession, User
from stoa.base.telemetry import metrics

T = TypeVar("T")
IDLE: Final = timedelta(days=2)
LONGEST: Final = timedelta(days=14)
_TOUCH_EVERY = timedelta(minutes=5)


class Sessions:
    """Opens, checks and ends sessions."""

    def __init__(
        self, database: Database, audit: AuditLog, passwords: Passwords, limits: Limits
    ) -> None:
        self.database = database
        self._audit = audit
        self._passwords = passwords
        self._limits = limits

    async def sign_in(self, email: str, password: str, *, address: str) -> str:
        """The token of a new session.

        Args:
            email: of the user, in any case.
            password: as typed.
            address: network address that the attempt comes from.

        Raises:
            NotSignedIn: wrong, whichever of the two it is.
            LimitReached: too many failures of this account or from this address.
        """
        account = email.replace("\0", "").strip().casefold()  # PostgreSQL takes no NUL
        await self._limits.count(account=account, address=address)
        user = await self._read(lambda s: s.scalar(sa.select(User).where(User.email == account)))
        right = await self._passwords.verify(user.password_hash if user else None, password)
        if user is None or not right:
            await self._write(
                lambda s: self._audit.record(
                    s, None, "sign_in.failed", user.id if user else "unknown", address=address
                )
            )
            metrics.sign_ins.labels("failed").inc()
            raise NotSignedIn(
                "E-mail or password is wrong.", hint="Try again, or ask an owner for a new link."
            )
        await self._keep_hash_current(user, password)
        token = secrets.token_urlsafe(32)
        user_id = user.id

        def work(session: Session) -> None:
            self._limits.forgive(session, account=account, address=address)
            _open(session, user_id, token)
            self._audit.record(session, None, "sign_in.done", user_id, address=address)

        await self._write(work)
        metrics.sign_ins.labels("done").inc()
        return token

    async def open_session(self, user_id: str) -> str:
        """A session for a user who was proved another way (OIDC, a one-time link).

        Raises NotFound.
        """
        token = secrets.token_urlsafe(32)

        def work(session: Session) -> None:
            _user(session, user_id)
            _open(session, user_id, token)
            self._audit.record(session, None, "sign_in.done", user_id)

        await self._write(work)
        metrics.sign_ins.labels("done").inc()
        return token

    async def caller_of_session(self, token: str, workspace_id: str | None = None) -> Caller:
        """Who calls, with the role they have at this moment.

        Args:
            token: of the session.
            workspace_id: which of the user's workspaces; None: the one chosen last, else the first.

        Raises:
            NotSignedIn: no such session, or it has ended.
            NotFound: not a member of that workspace.
            Forbidden: a member of none.
        """

        def work(session: Session) -> tuple[SignInSession, User, list[Membership]]:
            row = _session(session, token)
            return row, _user(session, row.user_id), _memberships(session, row.user_id)

        found, user, members = await self._read(work)
        if now() - found.used_at > _TOUCH_EVERY:
            await self._write(lambda s: _touch(s, found.id))
        return _caller(user, members, workspace_id, found.workspace_id)

    async def switch_workspace(self, token: str, workspace_id: str) -> Caller:
        """Choose the workspace that this session goes on in. Raises as `caller_of_session`."""
        caller = await self.caller_of_session(token, workspace_id)
        await self._write(
            lambda s: s.execute(
                sa.update(SignInSession)
                .where(SignInSession.token_hash == digest(token))
                .values(workspace_id=workspace_id)
            )
        )
        return caller

    async def sign_out(self, token: str) -> None:
        """End one session; ending none is no error."""
        await self._write(
            lambda s: s.execute(
                sa.delete(SignInSession).where(SignInSession.token_hash == digest(token))
            )
        )

    async def sign_out_everywhere(self, user_id: str) -> None:
        """End all sessions of a user."""
        await self._write(lambda s: _end_all(s, user_id))

    async def change_password(self, user_id: str, current: str, new: str, *, address: str) -> str:
        """Set a new password; every session ends, and the token of a fresh one is returned.

        Raises:
            NotSignedIn: `current` is wrong.
            LimitReached: too many failures.
            InvalidInput: `new` is too short or too easy.
            NotFound: no such user.
        """
        user = await self._read(lambda s: _user(s, user_id))
        await self._limits.count(account=user.email, address=address)
        if not await self._passwords.verify(user.password_hash, current):
            raise NotSignedIn("The current password is wrong.", hint="Try again.")
        return await self.set_password(user_id, new, address=address)

    async def set_password(self, user_id: str, new: str, *, address: str = "") -> str:
        """Set a password without asking for the old one: for the operator and one-time links.

        Every session of the user ends; the token of a fresh one is returned.

        Raises:
            InvalidInput: `new` is too short or too easy.
            NotFound: no such user.
        """
        user = await self._read(lambda s: _user(s, user_id))
        check_new_password(new, email=user.email, name=user.name)
        hashed = await self._passwords.hash(new)
        token = secrets.token_urlsafe(32)

        def work(session: Session) -> None:
            _user(session, user_id).password_hash = hashed
            _end_all(session, user_id)
            self._limits.forgive(session, account=user.email, address=address)
            _open(session, user_id, token)
            self._audit.record(session, None, "password.changed", user_id)

        await self._write(work)
        return token

    async def _keep_hash_current(self, user: User, password: str) -> None:
        """Parameters of hashing grow over the years; a sign-in is the moment to follow."""
        if user.password_hash is None or not self._passwords.outdated(user.password_hash):
            return
        stored, fresh = user.password_hash, await self._passwords.hash(password)
        await self._write(
            lambda s: s.execute(
                sa.update(User)
                .where(User.id == user.id, User.password_hash == stored)
                .values(password_hash=fresh)
            )
        )

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self.database.read(work, workspace=EVERY_WORKSPACE)

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self.database.write(work, workspace=EVERY_WORKSPACE)


def digest(token: str) -> str:
    """What is stored of a random token: SHA-256 suffices, there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def _open(session: Session, user_id: str, token: str) -> None:
    at = now()
    session.execute(sa.delete(SignInSession).where(_has_ended()))
    session.add(
        SignInSession(
            id=new_id("session"),
            user_id=user_id,
            token_hash=digest(token),
            created_at=at,
            used_at=at,
            expires_at=at + LONGEST,
        )
    )


def _has_ended() -> sa.ColumnElement[bool]:
    at = now()
    return sa.or_(SignInSession.expires_at <= at, SignInSession.used_at <= at - IDLE)


def _session(session: Session, token: str) -> SignInSession:
    row = session.scalar(
        sa.select(SignInSession).where(
            SignInSession.token_hash == digest(token), sa.not_(_has_ended())
        )
    )
    if row is None:
        raise NotSignedIn("You are not signed in.", hint="Sign in again.")
    return row


def _touch(session: Session, session_id: str) -> None:
    session.execute(
        sa.update(SignInSession).where(SignInSession.id == session_id).values(used_at=now())
    )


def _end_all(session: Session, user_id: str) -> None:
    session.execute(sa.delete(SignInSession).where(SignInSession.user_id == user_id))


def _user(session: Session, user_id: str) -> User:
    row = session.get(User, user_id)
    if row is None:
        raise NotFound("There is no such user.", hint="Check the id.")
    return row


def _memberships(session: Session, user_id: str) -> list[Membership]:
    query = (
        sa.select(Membership)
        .where(Membership.user_id == user_id)
        .order_by(Membership.created_at, Membership.id)
    )
    return list(session.scalars(query))


def _caller(user: User, members: list[Membership], asked: str | None, chosen: str | None) -> Caller:
    by_workspace = {each.workspace_id: each for each in members}
    if asked is not None and asked not in by_workspace:
        raise NotFound("There is no such workspace.", hint="Choose one of yours.")
    if not members:
        raise Forbidden(
            "You are in no workspace.", hint="Ask an owner to make you a member of theirs."
        )
    member = by_workspace.get(asked or chosen or "", members[0])
    return Caller(member.workspace_id, user.id, Role(member.role), user.name)
