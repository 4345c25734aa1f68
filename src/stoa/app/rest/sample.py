"""`stoa serve --sample`: a browser on this machine is signed in as the owner of the sample workspace.

Only a visit to the console counts, only over loopback, and only under a loopback name: a web page
elsewhere that lets its name resolve to this machine (DNS rebinding) has another `Host`. The session
comes as a cookie that other sites can't send along.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.app.callers import SESSION_COOKIE
from stoa.app.rest.envelope import LOOPBACK_NAMES, MACHINE_PATHS
from stoa.app.rest.parts import Parts
from stoa.app.rest.session import remember
from stoa.base.errors import NotFound, NotSignedIn


class SampleVisitors:
    """Signs visitors of the console in who are not."""

    def __init__(self, app: ASGIApp, *, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "http":
            request = Request(scope)
            if _is_local_visit(request) and not await self._is_signed_in(request):
                response = await self._sign_in(request)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _is_signed_in(self, request: Request) -> bool:
        token = request.cookies.get(SESSION_COOKIE)
        if not token:
            return False
        try:
            await self._parts.dispatcher.platform.accounts.caller_of_session(token, None)
        except (NotSignedIn, NotFound):
            return False
        return True

    async def _sign_in(self, request: Request) -> Response:
        accounts = self._parts.dispatcher.platform.accounts
        owner = await accounts.ensure_sample()
        response = RedirectResponse(_same_page(request), status_code=303)
        remember(response, await accounts.open_session(owner.user_id), request)
        return response


def _is_local_visit(request: Request) -> bool:
    """A page load of the console, from this machine, under a name of this machine."""
    here = request.client is not None and request.client.host in LOOPBACK_NAMES
    named = urlsplit(f"//{request.headers.get('host', '')}").hostname in LOOPBACK_NAMES
    page = "text/html" in request.headers.get("accept", "")
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    console = request.method == "GET" and not request.url.path.startswith(MACHINE_PATHS)
    own = request.headers.get("sec-fetch-site", "none") in {"none", "same-origin", "same-site"}
    return here and named and page and console and own and not forwarded


def _same_page(request: Request) -> str:
    """Path and query only, so that the redirect stays here."""
    path = "/" + request.url.path.lstrip("/")
    return f"{path}?{request.url.query}" if request.url.query else path
