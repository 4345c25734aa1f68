"""Signing in and out, the first start, and one-time password links: plain forms that set a cookie.

The cookie must come with an HTTP answer, so these are no socket pages. Wrong e-mail and wrong password
read the same; forms that a foreign page submits are refused by where they come from.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from stoa.app.callers import SESSION_COOKIE, Callers, address_of
from stoa.app.console.plain import Input, alert, error_page, form, head, page
from stoa.app.rest.session import remember
from stoa.base.errors import NotFound, NotSignedIn, StoaError
from stoa.dispatch import Dispatcher

_EMAIL = Input("email", "E-mail", "email", autocomplete="username")
_PASSWORD = Input("password", "Password", "password", autocomplete="current-password")
_NEW_PASSWORD = Input(
    "password",
    "Password",
    "password",
    autocomplete="new-password",
    hint="At least 12 characters; a few words together are fine.",
)
OIDC_START = "/oidc/start"


def sign_in_link(request: Request) -> str:
    """The sign-in page that comes back to where the person wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"


def mount_sign_in(app: FastAPI, dispatcher: Dispatcher, callers: Callers) -> None:
    """Add `/sign-in`, `/sign-out`, `/setup/…`, `/password` and `/password/…`."""
    forms = _Forms(dispatcher, callers)
    routes: list[tuple[str, str, Callable[..., Awaitable[Response]]]] = [
        ("/sign-in", "GET", forms.show_sign_in),
        ("/sign-in", "POST", forms.sign_in),
        ("/sign-out", "POST", forms.sign_out),
        ("/setup/{token}", "GET", forms.show_setup),
        ("/setup/{token}", "POST", forms.set_up),
        ("/password/{token}", "GET", forms.show_password_link),
        ("/password/{token}", "POST", forms.use_password_link),
        ("/password", "GET", forms.show_change),
        ("/password", "POST", forms.change),
        ("/workspace", "POST", forms.switch),
    ]
    for path, method, answer in routes:
        app.add_api_route(
            path, answer, methods=[method], include_in_schema=False, response_model=None
        )


class _Forms:
    """The forms, and what comes of them."""

    def __init__(self, dispatcher: Dispatcher, callers: Callers) -> None:
        self._accounts = dispatcher.platform.accounts
        self._settings = dispatcher.platform.settings
        self._callers = callers

    async def show_sign_in(self, request: Request) -> Response:
        try:
            await self._callers.of(request)
        except StoaError:
            return await self._sign_in_page(request.query_params.get("next", "/"))
        return RedirectResponse(local_path(request.query_params.get("next", "/")), 303)

    async def sign_in(self, request: Request) -> Response:
        given = await request.form()
        after = local_path(_text(given, "next"))
        try:
            self._callers.refuse_forged(request)
            token = await self._accounts.sign_in(
                _text(given, "email"), _text(given, "password"), address=address_of(request)
            )
        except StoaError as error:
            return await self._sign_in_page(after, email=_text(given, "email"), error=error)
        return _signed_in(request, token, after)

    async def sign_out(self, request: Request) -> Response:
        token = request.cookies.get(SESSION_COOKIE)
        if token:
            self._callers.refuse_forged(request)
            await self._accounts.sign_out(token)
        response = RedirectResponse("/sign-in?out=1", 303)
        response.delete_cookie(SESSION_COOKIE)
        return response

    async def switch(self, request: Request) -> Response:
        """Go on in another of one's workspaces, from the start page."""
        given = await request.form()
        try:
            self._callers.refuse_forged(request)
            token = request.cookies.get(SESSION_COOKIE, "")
            await self._accounts.switch_workspace(token, _text(given, "workspace"))
        except StoaError as error:
            return error_page(error.status, error.message, error.hint)
        return RedirectResponse("/", 303)

    async def show_setup(self, request: Request, token: str) -> Response:
        if await self._accounts.has_users():
            return _dead_link()
        return _setup_page(token, {})

    async def set_up(self, request: Request, token: str) -> Response:
        given = await request.form()
        values = {name: _text(given, name) for name in ("workspace", "name", "email")}
        try:
            self._callers.refuse_forged(request)
            session = await self._accounts.set_up(
                token, password=_text(given, "password"), **values
            )
        except NotFound:
            return _dead_link()
        except StoaError as error:
            return _setup_page(token, values, error)
        return _signed_in(request, session, "/")

    async def show_password_link(self, token: str) -> Response:
        return _password_page(f"/password/{quote(token)}", [_NEW_PASSWORD], "Choose a password")

    async def use_password_link(self, request: Request, token: str) -> Response:
        given = await request.form()
        try:
            self._callers.refuse_forged(request)
            session = await self._accounts.use_password_token(token, _text(given, "password"))
        except NotFound:
            return _dead_link()
        except StoaError as error:
            return _password_page(
                f"/password/{quote(token)}", [_NEW_PASSWORD], "Choose a password", error
            )
        return _signed_in(request, session, "/")

    async def show_change(self, request: Request) -> Response:
        try:
            await self._callers.of(request)
        except StoaError:
            return RedirectResponse(sign_in_link(request), 303)
        return _password_page("/password", _CHANGE, "Change your password")

    async def change(self, request: Request) -> Response:
        given = await request.form()
        try:
            caller = await self._callers.of(request)
            token = await self._accounts.change_password(
                caller.user_id,
                _text(given, "current"),
                _text(given, "password"),
                address=address_of(request),
            )
        except StoaError as error:
            return _password_page("/password", _CHANGE, "Change your password", error)
        return _signed_in(request, token, "/")

    async def _sign_in_page(
        self, after: str, *, email: str = "", error: StoaError | None = None
    ) -> Response:
        if not await self._accounts.has_users():
            return error_page(
                200,
                "Nobody can sign in yet",
                "Stoa printed a link to set up the first workspace when it was started. "
                "Open that link; 'stoa serve' prints a new one at each start.",
            )
        fields = [Input(**{**vars(_EMAIL), "value": email}), _PASSWORD]
        body = head("Sign in", "to your Stoa workspace") + (
            alert(error.message, error.hint) if error else ""
        )
        body += form("/sign-in", fields, "Sign in", hidden={"next": local_path(after)})
        if self._settings.oidc_issuer:
            body += (
                '<p class="plain-or soft">or</p><a class="button button-quiet" data-testid="oidc" '
                f'href="{OIDC_START}?next={quote(local_path(after), safe="")}">'
                "Sign in with your organisation</a>"
            )
        status = error.status if error and not isinstance(error, NotSignedIn) else 200
        return page("Sign in", body, status=401 if isinstance(error, NotSignedIn) else status)


_CHANGE = [
    Input("current", "Current password", "password", autocomplete="current-password"),
    Input(**{**vars(_NEW_PASSWORD), "label": "New password"}),
]


def local_path(path: str) -> str:
    """A path of ours to go on to, or `/`. Never another host, whatever the link says."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and not parts.netloc and not parts.scheme and path.isprintable() else "/"


def _signed_in(request: Request, token: str, after: str) -> Response:
    response = RedirectResponse(after, 303)
    remember(response, token, request)
    return response


def _setup_page(token: str, values: dict[str, str], error: StoaError | None = None) -> Response:
    fields = [
        Input("workspace", "Workspace", value=values.get("workspace", "")),
        Input("name", "Your name", value=values.get("name", ""), autocomplete="name"),
        Input("email", "E-mail", "email", values.get("email", ""), autocomplete="username"),
        _NEW_PASSWORD,
    ]
    body = head("Set up Stoa", "The first workspace, and you as its owner.")
    body += alert(error.message, error.hint) if error else ""
    body += form(f"/setup/{quote(token)}", fields, "Set up", hidden={})
    return page("Set up", body, status=error.status if error else 200)


def _password_page(
    action: str, fields: list[Input], title: str, error: StoaError | None = None
) -> Response:
    body = head(title, "You are signed in afterwards; other sessions end.")
    body += alert(error.message, error.hint) if error else ""
    body += form(action, fields, "Save password", hidden={})
    return page(title, body, status=error.status if error else 200)


def _dead_link() -> Response:
    return error_page(
        404, "This link is not valid any more", "It was used, or it is too old. Ask for a new one."
    )


def _text(given: FormData, name: str) -> str:
    value: Any = given.get(name)
    return value if isinstance(value, str) else ""
