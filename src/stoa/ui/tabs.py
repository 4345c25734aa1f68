"""Tabs of a solution's page: each is built when it is opened, so that it shows what is true then."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nicegui import ui

from stoa.base.identity.caller import Role
from stoa.contract import PageContext
from stoa.ui.elements import dress, guarded, icon, tag


@dataclass(frozen=True)
class Tab:
    """One tab, for callers of these roles. What is on it is drawn by `show`."""

    name: str
    title: str
    symbol: str
    roles: frozenset[Role]
    show: Callable[[PageContext], Awaitable[None]]
    stays: bool = False
    """Built once: what is on it stays while one looks at the others."""


async def show_tabs(
    context: PageContext, tabs: Sequence[Tab], *, ends_on_leaving: bool = False
) -> None:
    """Lay the tabs out and build the first, or the one that the page's address names by `?tab=`.

    `ends_on_leaving`: timers of the tab that is left end.
    """
    shown = [each for each in tabs if context.caller.role in each.roles]
    places: dict[str, ui.tab_panel] = {}
    with ui.tabs().props("align=left no-caps inline-label") as bar:
        for each in shown:
            with dress(ui.tab(each.name, label=""), test=f"tab-{each.name}"):
                with tag("span", "", "line"):
                    icon(each.symbol, "small-icon")
                    tag("span", each.title)
    asked = ui.context.client.request.query_params.get("tab")
    first = next((each.name for each in shown if each.name == asked), shown[0].name)
    with ui.tab_panels(bar, value=first, animated=False, keep_alive=not ends_on_leaving):
        for each in shown:
            places[each.name] = ui.tab_panel(each.name)

    async def build(name: str) -> None:
        chosen = next(each for each in shown if each.name == name)
        place = places[name]
        if chosen.stays and place.default_slot.children:
            return
        for each in places.values() if ends_on_leaving else [place]:
            each.clear()
        with place:
            await guarded(lambda: chosen.show(context))

    bar.on_value_change(lambda event: build(str(event.value)))
    await build(first)
