"""Accounts: people, sessions and keys as one value, and the one-time links that begin with none.

A one-time link carries a signed token. It holds a print of what it changes, so the change itself
spends it: a setup link dies with the first user, a password link with the next password.
"""

import hashlib
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Role
from stoa.base.identity.keys import Keys
from stoa.base.identity.limits import Limits
from stoa.base.identity.passwords import Passwords
from stoa.base.identity.people import People
from stoa.base.identity.sessions import Sessions
from stoa.base.identity.spent import link_is_dead, spend
from stoa.base.identity.tables import User

SETUP_SECONDS: Final = 24 * 3600
PASSWORD_LINK_SECONDS: Final = 3 * 24 * 3600


class Accounts(People, Sessions, Keys):
    """Who exists, and what proves a caller."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        secret: bytes,
        passwords: Passwords | None = None,
    ) -> None:
        passwords = passwords or Passwords()
        limits = Limits(database, secret)
        People.__init__(self, database, audit, passwords)
        Sessions.__init__(self, database, audit, passwords, limits)
        Keys.__init__(self, database, audit, limits)
        self._setup_links = _links(secret, "setup")
        self._password_links = _links(secret, "password")

    async def setup_token(self) -> str | None:
        """Token of the first start's link; None once there is a user."""
        return None if await self.has_users() else _text(self._setup_links.dumps("setup"))

    async def set_up(
        self, token: str, *, workspace: str, email: str, name: str, password: str
    ) -> str:
        """Make the first workspace and its owner; return a session token.

        Raises:
            NotFound: the link is forged, expired, or there is a user already.
            InvalidInput: a name, address or password that does not do.
        """
        _opened(self._setup_links, token, SETUP_SECONDS)
        if await self.has_users():
            raise link_is_dead()
        user = await self.create_user(email, name, password)
        await spend(self.database, token, seconds=SETUP_SECONDS)  # two at once: one wins
        made = await self.create_workspace(workspace)
        await self.set_member(None, made.id, user.id, Role.OWNER)
        return await self.open_session(user.id)

    async def password_token(self, user_id: str) -> str:
        """Token of a link that sets a user's password once: an invitation or a reset.

        Raises NotFound.
        """
        return _text(self._password_links.dumps([user_id, await self._password_print(user_id)]))

    async def use_password_token(self, token: str, new: str) -> str:
        """Set the password the link was made for; return a session token.

        Raises:
            NotFound: the link is forged, expired or used.
            InvalidInput: the password is too short or too easy.
        """
        user_id, seen = _opened(self._password_links, token, PASSWORD_LINK_SECONDS)
        if await self._password_print(user_id) != seen:
            raise link_is_dead()
        return await self.set_password(user_id, new)

    async def _password_print(self, user_id: str) -> str:
        row = await self.database.read(lambda s: s.get(User, user_id), workspace=EVERY_WORKSPACE)
        if row is None:
            raise link_is_dead()
        return hashlib.sha256((row.password_hash or "").encode()).hexdigest()[:16]


def _links(secret: bytes, purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        secret,
        salt=f"stoa.link.{purpose}",
        signer_kwargs={"digest_method": hashlib.sha256},
    )


def _text(token: str | bytes) -> str:
    return token.decode() if isinstance(token, bytes) else token


def _opened(links: URLSafeTimedSerializer, token: str, seconds: int) -> Any:
    try:
        return links.loads(token, max_age=seconds)
    except BadSignature as error:
        raise link_is_dead() from error
