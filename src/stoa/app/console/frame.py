"""The frame around every page: navigation, workspace, person, theme, and what must be said honestly.

It lists whatever solutions the dispatcher has, and knows none by name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.base.identity.caller import EDITORS, Role
from stoa.ui.elements import Tag, button, dress, icon, link, say, tag
from stoa.ui.frame import avatar
from stoa.ui.theme import static_link


@dataclass(frozen=True)
class Place:
    """An entry of the navigation."""

    title: str
    path: str
    symbol: str


_RUNS = Place("Runs", "/runs", "timeline")
_INBOX = Place("Inbox", "/inbox", "inbox")
_EVENTS = Place("Events", "/events", "bolt")
_WORKSPACE = (
    Place("Members", "/settings/members", "group"),
    Place("API keys", "/settings/keys", "key"),
    Place("Model usage", "/settings/usage", "query_stats"),
    Place("Audit log", "/settings/audit", "receipt_long"),
)
_OWN = (Place("API keys", "/settings/keys", "key"),)


_LIVE = "document.documentElement.dataset.live = 'yes'"
"""Says that the page hears its server, and clicks count from now on."""


@contextmanager
def frame(visit: Visit, *, waiting: int = 0, wide: bool = False) -> Iterator[None]:
    """Everything around the page; the page itself is built inside. `waiting`: open approvals."""
    client = ui.context.client
    client.on_exception(_report)
    client.on_connect(lambda: client.run_javascript(_LIVE))
    with dress(ui.header(fixed=True).classes("phone-bar"), test="phone-bar"):
        menu = button("", kind="plain", symbol="menu", aria_label="Menu", test="menu")
        _brand()
    drawer = ui.left_drawer(value=False, fixed=True)
    drawer.props("breakpoint=1023 width=248 show-if-above")
    menu.on("click", drawer.toggle)
    with drawer, tag("nav", "", "nav", aria_label="Main", test="navigation"):
        _navigation(visit, waiting)
    main = tag("main", "", "main main-wide" if wide else "main", tabindex="-1", id="main")
    ui.skip_link("Skip to the page", target=main)
    with main:
        yield


def _navigation(visit: Visit, waiting: int) -> None:
    _brand()
    _entry(visit, Place("Home", "/", "home"))
    tag("div", "Systems", "nav-heading")
    for solution in visit.dispatcher.solutions.values():
        _entry(visit, Place(solution.title, f"/solutions/{solution.name}", solution.icon))
    tag("div", "Work", "nav-heading")
    _entry(visit, _RUNS)
    with _entry(visit, _INBOX):
        if waiting:
            tag("span", f"{waiting}", "nav-count", aria_label=f"{waiting} waiting", test="waiting")
    if visit.caller.role in EDITORS:
        _entry(visit, _EVENTS)
    owner = visit.caller.role is Role.OWNER
    tag("div", "Workspace" if owner else "Settings", "nav-heading")
    for place in _WORKSPACE if owner else _OWN:
        _entry(visit, place)
    with tag("div", "", "nav-foot"):
        _person(visit)


def _entry(visit: Visit, place: Place) -> Tag:
    inside = visit.path == place.path or visit.path.startswith(f"{place.path}/")
    here = inside if place.path != "/" else visit.path == "/"
    return link(
        place.title,
        place.path,
        "nav-link",
        symbol=place.symbol,
        aria_current="page" if here else None,
    )


def _brand() -> None:
    with tag("a", "", "brand", href="/", aria_label="Stoa, start page"):
        tag("img", src=static_link("favicon.svg"), alt="")
        tag("span", "Stoa")


def _person(visit: Visit) -> None:
    with tag("button", "", "person", type="button", aria_haspopup="menu", test="person"):
        avatar(visit.caller.name)
        with tag("span", "", "grow"):
            tag("span", visit.caller.name or "You", "clip person-name")
            tag("span", visit.caller.role.capitalize(), "soft small person-role")
        icon("unfold_more", "soft")
        with ui.menu().props("anchor='top left' self='bottom left' auto-close") as menu:
            with tag("div", "", "menu", test="person-menu") as body:
                pass

    async def fill() -> None:
        caller = await visit.check()
        body.clear()
        with body:
            mine = await visit.platform.accounts.workspaces(caller.user_id)
            tag("div", "Workspace", "nav-heading")
            for each in mine:
                _workspace(each.id, each.name, here=each.id == caller.workspace_id)
            tag("div", "Look", "nav-heading")
            for mode, words, symbol in (
                ("system", "As the system", "brightness_auto"),
                ("light", "Light", "light_mode"),
                ("dark", "Dark", "dark_mode"),
            ):
                _menu_button(words, symbol, f"stoaTheme('{mode}')", f"theme-{mode}")
            tag("div", "", "menu-rule")
            link("Change password", "/password", "nav-link", symbol="password")
            with tag("form", method="post", action="/sign-out"):
                with tag("button", "", "nav-link nav-button", type="submit", test="sign-out"):
                    icon("logout")
                    tag("span", "Sign out")

    menu.on("before-show", fill)


def _workspace(workspace_id: str, name: str, *, here: bool) -> None:
    with tag("form", method="post", action="/workspace"):
        tag("input", type="hidden", name="workspace", value=workspace_id)
        current = "true" if here else None
        with tag("button", "", "nav-link nav-button", type="submit", aria_current=current):
            icon("check" if here else "workspaces")
            tag("span", name, "clip")


def _menu_button(words: str, symbol: str, script: str, test: str) -> None:
    with tag("button", "", "nav-link nav-button", type="button", test=test) as element:
        icon(symbol)
        tag("span", words)
    element.on("click", js_handler=f"() => {script}")


def honest_banner(visit: Visit, *, prompts: bool = True) -> None:
    """Say it where answers are made without a model, or found without an encoder.

    `prompts`: whether there is anything here that a model would answer.
    """
    models, settings = visit.platform.models, visit.platform.settings
    if prompts and not settings.model_strong:
        with tag("div", "", "banner", role="note", test="offline-banner"):
            icon("cloud_off")
            with tag("div"):
                tag("span", "Answers come from the offline twin: it copies, counts and ranks. ")
                link("Connect a model", "/connect")
                tag("span", " for answers in its own words.")
    note = getattr(getattr(models, "embedder", None), "honest_note", "")
    if note:
        with tag("div", "", "banner", role="note", test="embedder-banner"):
            icon("info")
            tag("span", note)


def _report(_error: Exception) -> None:
    """An error nobody foresaw, in a page that is open: NiceGUI logs it, the person is told."""
    say(
        "Something went wrong in Stoa. Reload the page; the log of the server tells more.", bad=True
    )
