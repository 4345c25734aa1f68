"""Who calls: proves an API key or a session cookie, and refuses what a browser was tricked into.

REST, the gateway, MCP and the console ask here. A key wins over a cookie. A cookie alone may change
nothing unless the browser says that the request comes from our own pages: that is the whole defence
against forged requests, and it needs no token in forms.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from stoa.base.errors import Forbidden, NotSignedIn
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.caller import Caller

SESSION_COOKIE: Final = "stoa_session"
WORKSPACE_HEADER: Final = "Stoa-Workspace"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


class Callers:
    """Turns a connection into a `Caller`, or refuses it. One per process."""

    def __init__(self, accounts: Accounts, *, public_url: str) -> None:
        self._accounts = accounts
        self._public_origin = _origin(public_url)

    async def of(self, connection: HTTPConnection) -> Caller:
        """The caller that the connection proves.

        Raises:
            NotSignedIn: no key and no session, or one that is expired or revoked.
            Forbidden: a cookie on a change that does not come from our own pages.
            LimitReached: too many wrong keys from this address.
        """
        key = bearer_of(connection)
        if key:
            return await self._accounts.caller_of_key(key, address=address_of(connection))
        session = connection.cookies.get(SESSION_COOKIE)
        if session:
            self.refuse_forged(connection)
            return await self._accounts.caller_of_session(session, workspace_of(connection))
        raise NotSignedIn(
            "This needs a session or an API key.",
            hint="Send 'Authorization: Bearer stoa_…', or sign in at the console.",
        )

    def refuse_forged(self, connection: HTTPConnection, *, programs: bool = False) -> None:
        """Refuse a change that a foreign page made the browser ask for.

        `Sec-Fetch-Site` is set by every current browser and cannot be set by a page; older ones
        send `Origin` with each change. A client that sends neither is a program: it has keys, and
        is let through only where `programs` says so.

        Raises:
            Forbidden: the request does not come from our own pages.
        """
        if connection.scope.get("method", "GET") in _SAFE_METHODS:
            return
        site = connection.headers.get("sec-fetch-site")
        if site:
            own = site in _OWN_SITES
        elif "origin" in connection.headers:
            own = self.is_own_origin(connection)
        else:
            own = programs
        if not own:
            raise Forbidden(
                "A change by session must come from Stoa's own pages.",
                hint="Programs use an API key instead of a session.",
            )

    def is_own_origin(self, connection: HTTPConnection) -> bool:
        """Whether `Origin` names the address at which this very request reached us."""
        origin = connection.headers.get("origin", "")
        here = urlsplit(origin).netloc == connection.headers.get("host")
        return bool(origin) and (here or origin == self._public_origin)


def address_of(connection: HTTPConnection) -> str:
    """Where the connection comes from, for brute-force limits and the audit log."""
    return connection.client.host if connection.client else "unknown"


def workspace_of(connection: HTTPConnection) -> str | None:
    """The workspace that this request names; None for the one that the session is in."""
    return connection.headers.get(WORKSPACE_HEADER) or None


def bearer_of(connection: HTTPConnection) -> str:
    """The API key that this request shows; empty for none."""
    scheme, _, secret = (connection.headers.get("authorization") or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
