"""The page of ask_docs: ask and see the source, bring documents in, review them, watch how it goes.

This file only lays the tabs out; what is on each is in `pages/`. A tab is built when it is opened, so
it shows what is true then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from stoa.base.identity.caller import EDITORS, EVERYONE, REVIEWERS, Role
from stoa.contract import PageContext
from stoa.solutions.ask_docs.pages.asking import show_asking
from stoa.solutions.ask_docs.pages.collections import show_collections
from stoa.solutions.ask_docs.pages.documents import show_documents
from stoa.solutions.ask_docs.pages.reporting import show_report
from stoa.solutions.ask_docs.pages.review import show_review
from stoa.solutions.ask_docs.pages.sources import show_sources
from stoa.ui.elements import dress, guarded, icon, tag


@dataclass(frozen=True)
class _Tab:
    name: str
    title: str
    symbol: str
    roles: frozenset[Role]
    show: Callable[[PageContext], Awaitable[None]]


_TABS = (
    _Tab("ask", "Ask", "forum", EVERYONE, show_asking),
    _Tab("documents", "Documents", "description", EVERYONE, show_documents),
    _Tab("review", "Review", "rate_review", REVIEWERS, show_review),
    _Tab("collections", "Collections", "folder_open", EVERYONE, show_collections),
    _Tab("sources", "Sources", "sync", EDITORS, show_sources),
    _Tab("report", "Report", "insights", EDITORS, show_report),
)


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end."""
    shown = [each for each in _TABS if context.caller.role in each.roles]
    places: dict[str, ui.tab_panel] = {}
    with ui.tabs().props("align=left no-caps inline-label") as tabs:
        for each in shown:
            with dress(ui.tab(each.name, label=""), test=f"tab-{each.name}"):
                with tag("span", "", "line"):
                    icon(each.symbol, "small-icon")
                    tag("span", each.title)
    with ui.tab_panels(tabs, value=shown[0].name, animated=False, keep_alive=True):
        for each in shown:
            places[each.name] = ui.tab_panel(each.name)

    async def build(name: str) -> None:
        chosen = next(each for each in shown if each.name == name)
        place = places[name]
        if name == "ask" and place.default_slot.children:
            return  # a conversation stays while one looks at the documents
        place.clear()
        with place:
            await guarded(lambda: chosen.show(context))

    tabs.on_value_change(lambda event: build(str(event.value)))
    await build(shown[0].name)
