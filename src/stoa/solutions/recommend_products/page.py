"""The page of recommend_products: try a user, follow the pipeline, compare runs, models and what serves.

This file only lays the tabs out; what is on each is in `pages/`.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from stoa.base.identity.caller import EVERYONE
from stoa.contract import PageContext
from stoa.solutions.recommend_products.names import FIRST_SHOP
from stoa.solutions.recommend_products.pages.endpoint import show_endpoint
from stoa.solutions.recommend_products.pages.models import show_models
from stoa.solutions.recommend_products.pages.pipeline import show_pipeline_page
from stoa.solutions.recommend_products.pages.runs import show_runs
from stoa.solutions.recommend_products.pages.trying import show_trying
from stoa.solutions.recommend_products.schema import Shops
from stoa.ui.elements import dress, guarded, tag
from stoa.ui.tabs import Tab, show_tabs

_LOOK_EVERY = 2.0
_Show = Callable[[PageContext, str], Awaitable[None]]


def _tabs(shop: str) -> list[Tab]:
    def of(show: _Show) -> Callable[[PageContext], Awaitable[None]]:
        return partial(_show_for, show, shop)

    return [
        Tab("trying", "Try a user", "person_search", EVERYONE, of(show_trying)),
        Tab("pipeline", "Pipeline", "account_tree", EVERYONE, of(show_pipeline_page)),
        Tab("runs", "Runs", "insights", EVERYONE, of(show_runs)),
        Tab("models", "Models", "model_training", EVERYONE, of(show_models)),
        Tab("endpoint", "Endpoint", "cloud_done", EVERYONE, of(show_endpoint)),
    ]


async def _show_for(show: _Show, shop: str, context: PageContext) -> None:
    await show(context, shop)


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end; where no shop is there yet, it looks again."""
    place = tag("div", "", "stack")
    shown: list[str] = []

    async def look() -> None:
        found: Shops = await context.call("shops", {})
        if found.shops:
            looking.cancel()
        served_first = sorted(found.shops, key=lambda each: (not each.models, each.name))
        names = [each.name for each in served_first] or [FIRST_SHOP]
        if names == shown:  # whoever fills the first shop on this page stays where they are
            return
        shown[:] = names
        place.clear()
        with place:
            await _show_shops(context, names)

    looking = ui.timer(_LOOK_EVERY, lambda: guarded(look), immediate=False)
    await look()


async def _show_shops(context: PageContext, names: list[str]) -> None:
    """The tabs of one shop, and which one where there are several."""

    async def build(shop: str) -> None:
        place.clear()
        with place:
            await show_tabs(context, _tabs(shop), ends_on_leaving=True)

    first = names[0]
    if len(names) > 1:
        with tag("div", "", "line"):
            asked = ui.context.client.request.query_params.get("shop")
            first = asked if asked in names else names[0]
            chosen = ui.select(names, value=first, label="Shop").props("outlined dense")
            dress(chosen, test="shop")
            chosen.on_value_change(lambda: guarded(lambda: build(str(chosen.value))))
    place = tag("div", "", "stack")
    await build(first)
