"""The page of answer_reviews: what came in, what waits, where the thresholds lie, who was told.

This file only lays the tabs out; what is on each is in `pages/`. Decisions are made in the inbox, which
is one for all solutions.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from stoa.base.identity.caller import EDITORS, EVERYONE, REVIEWERS, Role
from stoa.contract import PageContext
from stoa.solutions.answer_reviews.pages.event_log import show_events
from stoa.solutions.answer_reviews.pages.figures import show_figures
from stoa.solutions.answer_reviews.pages.listing import show_reviews
from stoa.solutions.answer_reviews.pages.tuning import show_tuning
from stoa.ui.elements import dress, guarded, icon, tag


@dataclass(frozen=True)
class _Tab:
    name: str
    title: str
    symbol: str
    roles: frozenset[Role]
    show: Callable[[PageContext], Awaitable[None]]


_TABS = (
    _Tab("reviews", "Reviews", "rate_review", EVERYONE, show_reviews),
    _Tab("thresholds", "Thresholds", "tune", REVIEWERS, show_tuning),
    _Tab("statistics", "Statistics", "insights", REVIEWERS, show_figures),
    _Tab("events", "Events", "podcasts", EDITORS, show_events),
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
    with ui.tab_panels(tabs, value=shown[0].name, animated=False, keep_alive=False):
        for each in shown:
            places[each.name] = ui.tab_panel(each.name)

    async def build(name: str) -> None:
        chosen = next(each for each in shown if each.name == name)
        for place in places.values():
            place.clear()  # timers of the tab that is left end with it
        with places[name]:
            await guarded(lambda: chosen.show(context))

    tabs.on_value_change(lambda event: build(str(event.value)))
    await build(shown[0].name)
