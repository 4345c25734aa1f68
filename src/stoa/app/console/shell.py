"""The console: pages of a browser over the same dispatcher that the other faces use.

NiceGUI lives in one process-wide application; it is mounted last, so every path that no other face
claims is the console's. A page is built only for a caller whom the session proves.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from nicegui import core, ui
from nicegui.client import Client
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from stoa.app.callers import Callers
from stoa.app.console import (
    approvals,
    connect,
    events,
    home,
    members,
    records,
    runs,
    solution,
    usage,
)
from stoa.app.console.by_mail import mount_by_mail
from stoa.app.console.frame import frame
from stoa.app.console.keys import show_keys
from stoa.app.console.plain import error_page
from stoa.app.console.sign_in import mount_sign_in, sign_in_link
from stoa.app.console.visit import Visit
from stoa.app.problems import problem_of
from stoa.base.errors import NotFound, NotSignedIn, StoaError
from stoa.dispatch import Dispatcher
from stoa.ui.elements import link
from stoa.ui.feedback import empty_state, error_notice
from stoa.ui.theme import FAVICON, STATIC, STATIC_URL, head_html

Build = Callable[[Visit], Awaitable[None]]
_MACHINE_PATHS = ("/api/", "/v1/", "/mcp", "/objects/", "/health", "/metrics")
_PAGES: tuple[tuple[str, str, Build], ...] = (
    ("/", "Home", home.show),
    ("/solutions/{solution}", "", solution.show),
    ("/solutions/{solution}/operations", "Operations", solution.show_operations),
    ("/solutions/{solution}/operations/{operation}", "Operation", solution.show_operation),
    ("/runs", "Runs", runs.show_all),
    ("/runs/{run}", "Run", runs.show),
    ("/inbox", "Inbox", approvals.show),
    ("/events", "Events", events.show),
    ("/events/{event}", "Event", events.show_one),
    ("/connect", "Connect a model", connect.show),
    ("/settings/members", "Members", members.show),
    ("/settings/keys", "API keys", show_keys),
    ("/settings/usage", "Model usage", usage.show),
    ("/settings/audit", "Audit log", records.show),
)


def mount(app: FastAPI, dispatcher: Dispatcher) -> None:
    """Add the console to the application: its pages, its sign-in forms, its static files."""
    callers = Callers(
        dispatcher.platform.accounts,
        public_url=dispatcher.platform.settings.resolved_public_url(),
    )
    mount_sign_in(app, dispatcher, callers)
    mount_by_mail(app, dispatcher)
    app.mount(STATIC_URL, _Forever(directory=STATIC))
    _forget_last_mount()
    Client.shared_head_html = head_html()
    for path, title, build in _PAGES:
        _add_page(path, title, build, dispatcher, callers)
    core.app.add_exception_handler(404, _not_found)
    core.app.add_exception_handler(Exception, _failed)
    ui.run_with(
        app,
        title="Stoa",
        favicon=FAVICON,
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=20,
        binding_refresh_interval=0.5,
    )


def _add_page(
    path: str, title: str, build: Build, dispatcher: Dispatcher, callers: Callers
) -> None:
    async def answer(request: Request) -> Response | None:
        try:
            caller = await callers.of(request)
        except NotSignedIn:
            return RedirectResponse(sign_in_link(request), 303)
        except StoaError as error:
            return error_page(error.status, error.message, error.hint)
        visit = Visit(dispatcher, caller, request)
        client = ui.context.client
        client.title = f"{title} · Stoa" if title else "Stoa"
        ui.add_head_html(f'<meta name="stoa-workspace" content="{caller.workspace_id}">')
        waiting = (await dispatcher.platform.flows.approvals.count(caller)).waiting
        with frame(visit, waiting=waiting, wide=path == "/solutions/{solution}"):
            try:
                await build(visit)
            except StoaError as error:
                client.status_code = error.status
                _show_error(error)
        return None

    ui.page(path, response_timeout=30)(answer)


def _show_error(error: StoaError) -> None:
    if isinstance(error, NotFound):
        with empty_state("This page does not exist", str(error), symbol="explore_off"):
            link("Go to the start page", "/", "button button-primary")
    else:
        error_notice(error)


async def _not_found(request: Request, _error: Exception) -> Response:
    if request.url.path.startswith(_MACHINE_PATHS):
        problem = problem_of(NotFound("There is nothing at this address.", hint="See /api/docs."))
        return JSONResponse(
            problem.model_dump(exclude_none=True), 404, media_type="application/problem+json"
        )
    return error_page(
        404, "This page does not exist", "The address may be mistyped or out of date."
    )


async def _failed(request: Request, _error: Exception) -> Response:
    return error_page(
        500,
        "Something went wrong in Stoa",
        "Try again. If it stays, the log of the server tells what happened.",
    )


def _forget_last_mount() -> None:
    """NiceGUI's application is one per process; a second mount (in tests) starts it afresh."""
    core.app.middleware_stack = None
    core.app.user_middleware.clear()


class _Forever(StaticFiles):
    """Static files whose address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """As the base, to be kept by the browser for good."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
