"""API keys: made once, shown once, kept as a hash; scoped, expiring, revocable."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Forbidden, InvalidInput, NotFound, NotSignedIn
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.limits import Limits
from stoa.base.identity.sessions import digest
from stoa.base.identity.tables import ApiKey

KEY_START: Final = "stoa_"
_SHOWN = 12
_MOST_SCOPES = 50
_SCOPE = re.compile(r"[a-z][a-z0-9_]{0,60}(\.[a-z][a-z0-9_]{0,60})?")
_TOUCH_EVERY = timedelta(minutes=1)


class KeyView(BaseModel):
    """A key as its owner sees it; the secret itself is shown only once, when it is made."""

    id: str
    name: str
    prefix: str
    user_id: str
    role: Role
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    """To the minute."""


class Keys:
    """Makes, lists, revokes and checks API keys."""

    def __init__(self, database: Database, audit: AuditLog, limits: Limits) -> None:
        self.database = database
        self._audit = audit
        self._limits = limits

    async def create_key(
        self,
        caller: Caller,
        name: str,
        *,
        scopes: Iterable[str] | None,
        role: Role,
        expires_at: datetime | None = None,
    ) -> tuple[KeyView, str]:
        """Make a key that acts as the caller; return it with its secret, which is not kept.

        Args:
            caller: an owner gives any role, others only their own.
            name: to tell keys apart.
            scopes: `solution`, `solution.operation`, `v1` or `admin`; None: no narrowing.
            role: what the key is in the workspace.
            expires_at: aware time in the future; None: until it is revoked.

        Raises:
            Forbidden: the key would reach further than the caller.
            InvalidInput: no name, a malformed scope, a past or naive time.
        """
        narrowed = _check_scopes(caller, scopes)
        _check_role(caller, role)
        _check_expiry(expires_at)
        kept_name = " ".join(name.split())
        if not 1 <= len(kept_name) <= 200:
            raise InvalidInput("The key has no usable name.", hint="Take 1 to 200 characters.")
        secret = KEY_START + secrets.token_urlsafe(32)
        row = ApiKey(
            id=new_id("key"),
            workspace_id=caller.workspace_id,
            user_id=caller.user_id,
            name=kept_name,
            role=role,
            scopes=narrowed,
            prefix=secret[:_SHOWN],
            secret_hash=digest(secret),
            created_at=now(),
            expires_at=expires_at,
        )
        view = _view(row)

        def work(session: Session) -> None:
            session.add(row)
            self._audit.record(session, caller, "key.created", view.id, role=role, scopes=narrowed)

        await self.database.write(work, workspace=caller.workspace_id)
        return view, secret

    async def keys(self, caller: Caller) -> list[KeyView]:
        """The keys of the workspace for an owner, one's own for others; newest first."""
        _check_admin_scope(caller)
        query = sa.select(ApiKey).order_by(ApiKey.id.desc())
        if caller.role is not Role.OWNER:
            query = query.where(ApiKey.user_id == caller.user_id)
        rows = await self.database.read(
            lambda s: s.scalars(query).all(), workspace=caller.workspace_id
        )
        return [_view(row) for row in rows]

    async def revoke_key(self, caller: Caller, key_id: str) -> None:
        """End a key at once; revoking twice is no error.

        Raises NotFound for keys that `keys` does not list for this caller.
        """
        _check_admin_scope(caller)

        def work(session: Session) -> None:
            row = session.scalar(sa.select(ApiKey).where(ApiKey.id == key_id))
            if row is None or (caller.role is not Role.OWNER and row.user_id != caller.user_id):
                raise NotFound("There is no such key.", hint="List the keys.")
            if row.revoked_at is None:
                row.revoked_at = now()
                self._audit.record(session, caller, "key.revoked", key_id)

        await self.database.write(work, workspace=caller.workspace_id)

    async def caller_of_key(self, secret: str, *, address: str) -> Caller:
        """Who calls with this key.

        Raises:
            NotSignedIn: no such key, or it is expired or revoked.
            LimitReached: too many wrong keys from this address; right ones go on working.
        """
        at = now()
        query = sa.select(ApiKey).where(ApiKey.secret_hash == digest(secret))
        row = await self.database.read(lambda s: s.scalar(query), workspace=EVERY_WORKSPACE)
        if (
            row is None
            or row.revoked_at is not None
            or (row.expires_at is not None and row.expires_at <= at)
        ):
            await self._limits.count(account=None, address=address)
            raise NotSignedIn(
                "This API key is unknown, expired or revoked.", hint="Make a new one."
            )
        if row.used_at is None or at - row.used_at > _TOUCH_EVERY:
            key_id = row.id
            await self.database.write(
                lambda s: s.execute(
                    sa.update(ApiKey).where(ApiKey.id == key_id).values(used_at=at)
                ),
                workspace=row.workspace_id,
            )
        scopes = None if row.scopes is None else frozenset(row.scopes)
        return Caller(row.workspace_id, row.user_id, Role(row.role), row.name, scopes)


def _check_scopes(caller: Caller, scopes: Iterable[str] | None) -> list[str] | None:
    _check_admin_scope(caller)
    if scopes is None:
        if caller.scopes is not None:
            raise Forbidden("A key can't make a wider key.", hint="Name scopes that it has.")
        return None
    names = sorted(set(scopes))
    if not 1 <= len(names) <= _MOST_SCOPES or not all(_SCOPE.fullmatch(each) for each in names):
        raise InvalidInput(
            "These are no scopes.", hint="Name some, such as ask_docs, ask_docs.search or v1."
        )
    if not all(caller.may(each) for each in names):
        raise Forbidden("A key can't make a wider key.", hint="Name scopes that it has.")
    return names


def _check_admin_scope(caller: Caller) -> None:
    if not caller.may("admin"):
        raise Forbidden("This key may not administer.", hint="Use a key with the scope admin.")


def _check_role(caller: Caller, role: Role) -> None:
    if caller.role is not Role.OWNER and role is not caller.role:
        raise Forbidden(
            f"A {caller.role} makes keys of that role only.", hint="Ask an owner for another."
        )


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is None:
        return
    if expires_at.tzinfo is None or expires_at <= now():
        raise InvalidInput(
            "The key would never work.", hint="Give a future time with its offset from UTC."
        )


def _view(row: ApiKey) -> KeyView:
    return KeyView.model_validate(row, from_attributes=True)
