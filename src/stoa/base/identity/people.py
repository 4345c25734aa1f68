"""Workspaces, users and memberships: who exists, and what they are where."""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar, TypeVarTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.passwords import Passwords, check_new_password
from stoa.base.identity.tables import ApiKey, Membership, User, Workspace

T = TypeVar("T")
Columns = TypeVarTuple("Columns")
LONGEST_NAME: Final = 200
_EMAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,189}")
SAMPLE_WORKSPACE: Final = "workspace_sample"
SAMPLE_OWNER: Final = "owner@sample.local"


class WorkspaceView(BaseModel):
    """A workspace, and what the person asked about is in it."""

    id: str
    name: str
    role: Role | None = None


class UserView(BaseModel):
    """A user, without secrets."""

    id: str
    email: str
    name: str
    has_password: bool


class MemberView(BaseModel):
    """A user of a workspace."""

    user_id: str
    email: str
    name: str
    role: Role
    joined_at: datetime


class People:
    """Makes workspaces and users, and says who is a member as what."""

    def __init__(self, database: Database, audit: AuditLog, passwords: Passwords) -> None:
        self.database = database
        self._audit = audit
        self._passwords = passwords

    async def create_workspace(self, name: str) -> WorkspaceView:
        """Make an empty workspace. Raises InvalidInput for an empty or overlong name."""
        row = Workspace(id=new_id("workspace"), name=_clean_name(name), created_at=now())
        view = WorkspaceView(id=row.id, name=row.name)

        def work(session: Session) -> None:
            session.add(row)
            self._audit.record(session, stoa_itself(view.id), "workspace.created", view.id)

        await self._write(work)
        return view

    async def all_workspaces(self) -> list[WorkspaceView]:
        """Every workspace there is: for the operator and for schedules, never for a caller."""
        rows = await self._read(
            lambda s: s.scalars(sa.select(Workspace).order_by(Workspace.created_at)).all()
        )
        return [WorkspaceView(id=row.id, name=row.name) for row in rows]

    async def workspaces(self, user_id: str) -> list[WorkspaceView]:
        """The workspaces that a user is a member of, by name."""
        query = (
            sa.select(Workspace.id, Workspace.name, Membership.role)
            .join(Membership, Membership.workspace_id == Workspace.id)
            .where(Membership.user_id == user_id)
            .order_by(Workspace.name, Workspace.id)
        )
        rows = await self._read(lambda s: s.execute(query).all())
        return [WorkspaceView(id=each.id, name=each.name, role=Role(each.role)) for each in rows]

    async def create_user(self, email: str, name: str, password: str | None) -> UserView:
        """Make a user; without a password they come by OIDC or by a password link.

        Raises:
            InvalidInput: no e-mail address, no name, or a password that is too easy.
            Conflict: the address is taken.
        """
        address = clean_email(email)
        kept_name = _clean_name(name)
        if password is not None:
            check_new_password(password, email=address, name=kept_name)
        row = User(
            id=new_id("user"),
            email=address,
            name=kept_name,
            password_hash=None if password is None else await self._passwords.hash(password),
            created_at=now(),
        )
        view = user_view(row)

        def work(session: Session) -> None:
            session.add(row)
            self._audit.record(session, None, "user.created", view.id)

        try:
            await self._write(work)
        except IntegrityError as error:
            raise Conflict(
                f"There is a user {address} already.", hint="Make that user a member instead."
            ) from error
        return view

    async def has_users(self) -> bool:
        """Whether anybody exists yet; the first start asks."""
        return await self._read(lambda s: s.scalar(sa.select(User.id).limit(1))) is not None

    async def user(self, user_id: str) -> UserView:
        """Raises NotFound. For the operator: a caller sees `members`."""
        row = await self._read(lambda s: s.get(User, user_id))
        return user_view(_found(row))

    async def user_by_email(self, email: str) -> UserView:
        """Raises NotFound. For the operator: a caller sees `members`."""
        address = email.strip().casefold()
        row = await self._read(lambda s: s.scalar(sa.select(User).where(User.email == address)))
        return user_view(_found(row))

    async def members(self, caller: Caller) -> list[MemberView]:
        """The members of the caller's workspace, by name. Raises Forbidden for narrowed keys."""
        _check_admin_scope(caller)
        query = _members_of(
            caller.workspace_id,
            sa.select(User.id, User.email, User.name, Membership.role, Membership.created_at),
        )
        rows = await self._read(lambda s: s.execute(query).all())
        return [
            MemberView(
                user_id=each.id,
                email=each.email,
                name=each.name,
                role=Role(each.role),
                joined_at=each.created_at,
            )
            for each in rows
        ]

    async def names(self, workspace_id: str) -> dict[str, str]:
        """The names of a workspace's members by user id, in the order of the names."""
        query = _members_of(workspace_id, sa.select(User.id, User.name))
        rows = await self._read(lambda s: s.execute(query).all())
        return {each.id: each.name for each in rows}

    async def set_member(
        self, caller: Caller | None, workspace_id: str, user_id: str, role: Role
    ) -> None:
        """Make a user a member, or change the role; keys that exceed the new role are revoked.

        Args:
            caller: an owner of that workspace; None for Stoa itself.
            workspace_id: where.
            user_id: whom.
            role: as what.

        Raises:
            Forbidden: the caller is no owner.
            NotFound: no such workspace (or not the caller's), or no such user.
            Conflict: it would take the last owner away.
        """
        check_owner(caller, workspace_id)

        def work(session: Session) -> None:
            _lock(session, workspace_id)
            _found(session.get(User, user_id))
            member = _membership(session, workspace_id, user_id)
            if member is None:
                member = Membership(
                    id=new_id("member"),
                    workspace_id=workspace_id,
                    user_id=user_id,
                    created_at=now(),
                )
                session.add(member)
            elif member.role == Role.OWNER and role is not Role.OWNER:
                _keep_one_owner(session, workspace_id)
            member.role = role
            if role is not Role.OWNER:
                _revoke_keys(session, workspace_id, user_id, kept=role)
            self._audit.record(
                session, caller or stoa_itself(workspace_id), "member.set", user_id, role=role
            )

        await self._write(work)

    async def remove_member(self, caller: Caller | None, workspace_id: str, user_id: str) -> None:
        """Take a user out of a workspace; their keys there are revoked.

        Raises:
            Forbidden: the caller is no owner, and not the user.
            NotFound: no such member, or not the caller's workspace.
            Conflict: the last owner can't go.
        """
        if caller is None or caller.user_id != user_id or caller.workspace_id != workspace_id:
            check_owner(caller, workspace_id)
        else:
            _check_admin_scope(caller)

        def work(session: Session) -> None:
            _lock(session, workspace_id)
            member = _found(_membership(session, workspace_id, user_id))
            if member.role == Role.OWNER:
                _keep_one_owner(session, workspace_id)
            session.delete(member)
            _revoke_keys(session, workspace_id, user_id, kept=None)
            self._audit.record(
                session, caller or stoa_itself(workspace_id), "member.removed", user_id
            )

        await self._write(work)

    async def ensure_sample(self) -> Caller:
        """The owner of the sample workspace; both are made where they are not there yet."""
        try:
            return await self._write(_make_sample)
        except IntegrityError:  # another process made it at the same moment
            return await self._write(_make_sample)

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self.database.read(work, workspace=EVERY_WORKSPACE)

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self.database.write(work, workspace=EVERY_WORKSPACE)


def stoa_itself(workspace_id: str) -> Caller:
    """Stoa acting for a workspace: the operator's commands, schedules, the first start."""
    return Caller(workspace_id, "stoa", Role.OWNER, "Stoa")


def _members_of(workspace_id: str, query: sa.Select[*Columns]) -> sa.Select[*Columns]:
    """A query over users and their memberships, narrowed to a workspace, by name."""
    return (
        query.join(Membership, Membership.user_id == User.id)
        .where(Membership.workspace_id == workspace_id)
        .order_by(User.name, User.id)
    )


def user_view(row: User) -> UserView:
    """A user as others see it."""
    return UserView(
        id=row.id, email=row.email, name=row.name, has_password=row.password_hash is not None
    )


def clean_email(email: str) -> str:
    """The address in lower case. Raises InvalidInput."""
    address = unicodedata.normalize("NFC", email).strip().casefold()
    if not _EMAIL.fullmatch(address):
        raise InvalidInput("This is no e-mail address.", hint="Write it as name@example.org.")
    return address


def check_owner(caller: Caller | None, workspace_id: str) -> None:
    """Raises NotFound for another workspace, Forbidden where the caller is no owner of this one."""
    if caller is None:
        return
    if caller.workspace_id != workspace_id:
        raise _absent()
    if caller.role is not Role.OWNER:
        raise Forbidden("Only owners change who is a member.", hint="Ask an owner.")
    _check_admin_scope(caller)


def _check_admin_scope(caller: Caller) -> None:
    if not caller.may("admin"):
        raise Forbidden("This key may not administer.", hint="Use a key with the scope admin.")


def _clean_name(name: str) -> str:
    kept = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not 1 <= len(kept) <= LONGEST_NAME:
        raise InvalidInput(
            f"The name has {len(kept)} characters.", hint=f"Take 1 to {LONGEST_NAME}."
        )
    return kept


def _absent() -> NotFound:
    return NotFound("There is no such workspace, user or member.", hint="Check the id.")


def _found(row: T | None) -> T:
    if row is None:
        raise _absent()
    return row


def _membership(session: Session, workspace_id: str, user_id: str) -> Membership | None:
    return session.scalar(
        sa.select(Membership).where(
            Membership.workspace_id == workspace_id, Membership.user_id == user_id
        )
    )


def _lock(session: Session, workspace_id: str) -> None:
    """Changes of members of one workspace happen one after the other. Raises NotFound."""
    query = sa.select(Workspace).where(Workspace.id == workspace_id).with_for_update()
    _found(session.scalar(query))


def _keep_one_owner(session: Session, workspace_id: str) -> None:
    owners = session.scalar(
        sa.select(sa.func.count(Membership.id)).where(
            Membership.workspace_id == workspace_id, Membership.role == Role.OWNER
        )
    )
    if (owners or 0) < 2:
        raise Conflict(
            "A workspace keeps at least one owner.", hint="Make someone else an owner first."
        )


def _revoke_keys(session: Session, workspace_id: str, user_id: str, *, kept: Role | None) -> None:
    revoke = sa.update(ApiKey).where(
        ApiKey.workspace_id == workspace_id,
        ApiKey.user_id == user_id,
        ApiKey.revoked_at.is_(None),
    )
    if kept is not None:
        revoke = revoke.where(ApiKey.role != kept)
    session.execute(revoke.values(revoked_at=now()))


def _make_sample(session: Session) -> Caller:
    if session.get(Workspace, SAMPLE_WORKSPACE) is None:
        session.add(Workspace(id=SAMPLE_WORKSPACE, name="Sample", created_at=now()))
        session.flush()
    user = session.scalar(sa.select(User).where(User.email == SAMPLE_OWNER))
    if user is None:
        user = User(id=new_id("user"), email=SAMPLE_OWNER, name="Sample owner", created_at=now())
        session.add(user)
        session.flush()
    if _membership(session, SAMPLE_WORKSPACE, user.id) is None:
        session.add(
            Membership(
                id=new_id("member"),
                workspace_id=SAMPLE_WORKSPACE,
                user_id=user.id,
                role=Role.OWNER,
                created_at=now(),
            )
        )
    return Caller(SAMPLE_WORKSPACE, user.id, Role.OWNER, user.name)
