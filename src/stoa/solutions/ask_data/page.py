"""The page of ask_data: ask and see how the answer came about, look after databases, watch acceptance.

This file only lays the tabs out; what is on each is in `pages/`. A tab is built when it is opened, so
it shows what is true then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from stoa.base.identity.caller import EDITORS, EVERYONE, Role
from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.asking import show_asking
from stoa.solutions.ask_data.pages.databases import show_databases
from stoa.solutions.ask_data.pages.reporting import show_report
from stoa.solutions.ask_data.pages.saved import show_saved
from stoa.ui.elements import dress, guarded, icon, tag


@dataclass(frozen=True)
class _Tab:
    name: str
    title: str
    symbol: str
    roles: frozenset[Role]
    show: Callable[[PageContext], Awaitable[None]]


_TABS = (
    _Tab("ask", "Ask", "query_stats", EVERYONE, show_asking),
    _Tab("saved", "Saved", "bookmark_border", EVERYONE, show_saved),
    _Tab("databases", "Databases", "storage", EVERYONE, show_databases),
    _Tab("report", "Acceptance", "insights", EDITORS, show_report),
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
            return  # answers stay while one looks at the databases
        place.clear()
        with place:
            await guarded(lambda: chosen.show(context))

    tabs.on_value_change(lambda event: build(str(event.value)))
    await build(shown[0].name)
