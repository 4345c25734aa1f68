"""Try a user: what they had, what is recommended, how candidates are ranked, and what goes with an item.

Taking a tile is a click: it counts for the model that offered it, and what is recommended next knows of it.
"""

import random
import time

from nicegui import ui

from stoa.base.errors import NotFound, StoaError
from stoa.contract import PageContext
from stoa.solutions.recommend_products.pages.tiles import Tile, tiles
from stoa.solutions.recommend_products.pages.words import milliseconds
from stoa.solutions.recommend_products.schema import (
    Clicked,
    Product,
    Products,
    Ranking,
    Recommendation,
    SimilarItems,
    Users,
    UserView,
)
from stoa.ui.elements import button, dress, guarded, say, tag, text
from stoa.ui.feedback import chip, dialog_with, empty_state, error_notice
from stoa.ui.frame import card, count

_RECOMMENDED = 12
_CANDIDATES = 25
_HISTORY = 18
_NEW = "somebody new"
_USERS = 60
_LOOK_EVERY = 2.0


async def show_trying(context: PageContext, shop: str) -> None:
    """The tab; where nothing is there to try yet, it looks again until there is."""
    place = tag("div", "", "stack")

    async def look() -> None:
        try:
            found: Users = await context.call("users", {"shop": shop, "limit": _USERS})
            await context.call("endpoint", {"shop": shop})
        except NotFound as error:
            if not place.default_slot.children:
                with place:
                    _nothing_yet(error)
            return
        looking.cancel()
        place.clear()
        with place:
            await _Trying(context, shop).show(found)

    looking = ui.timer(_LOOK_EVERY, lambda: guarded(look), immediate=False)
    await look()


def _nothing_yet(error: NotFound) -> None:
    empty_state(
        "Nobody can be tried yet",
        f"{error.message} Add a file of who had what, and when, under Pipeline: a model is trained from it.",
        symbol="storefront",
    )


class _Trying:
    def __init__(self, context: PageContext, shop: str) -> None:
        self._context = context
        self._shop = shop
        self._user = ""
        self._taken: list[str] = []
        """What was taken on this page, newest last: the model learns of it only with the next data."""
        self._known: dict[str, Product] = {}
        self._category = ""

    async def show(self, found: Users) -> None:
        """Choose somebody, and show what they are offered."""
        categories = await self._categories()
        with tag("div", "", "line", role="group", aria_label="Whom to try"):
            self._field = ui.select(
                [_NEW, *found.users],
                value=found.users[0],
                with_input=True,
                new_value_mode="add-unique",
            ).props("outlined dense use-input hide-selected fill-input input-debounce=0")
            dress(self._field, aria_label="User", test="user")
            button("Somebody else", self._somebody, symbol="shuffle", test="shuffle")
            if categories:
                self._filter = ui.select(
                    {"": "Every category"} | {each: each for each in categories}, value=""
                )
                dress(self._filter.props("outlined dense"), aria_label="Category", test="category")
                self._filter.on_value_change(lambda: guarded(self._refilter))
            tag("span", f"{found.total:,} users", "soft small numbers push")
        self._users = found.users
        self._place = tag("div", "", "stack", test="tried", aria_live="polite")
        self._field.on_value_change(lambda: guarded(self._choose))
        await self._choose()

    async def _categories(self) -> list[str]:
        page: Products = await self._context.call("products", {"shop": self._shop, "limit": 1_000})
        self._known = {each.item: each for each in page.products}
        found = {each.attributes.get("category", "") for each in page.products}
        return sorted(found - {""})[:60]

    async def _somebody(self) -> None:
        self._field.value = random.choice(self._users)

    async def _choose(self) -> None:
        self._user = str(self._field.value or "").strip()
        self._taken = []
        if self._user:
            await self._draw()

    async def _refilter(self) -> None:
        self._category = str(self._filter.value or "")
        await self._draw()

    async def _draw(self) -> None:
        try:
            seen = await self._history()
            began = time.perf_counter()
            offered: Recommendation = await self._context.call("recommend", self._asked())
            took = 1000 * (time.perf_counter() - began)
            await self._learn(offered.items)
        except StoaError as error:
            self._place.clear()
            with self._place:
                error_notice(error)
            return
        self._place.clear()
        with self._place:
            self._offer(offered, took)
            with tag("div", "", "two-columns"):
                self._had(seen)
                self._candidates()

    def _asked(self) -> dict[str, object]:
        where = {"category": self._category} if self._category else {}
        return {
            "user": self._user, "shop": self._shop, "limit": _RECOMMENDED,
            "where": where, "history": self._taken, "exclude": self._taken,
        }  # fmt: skip

    async def _history(self) -> UserView | None:
        if self._user == _NEW:
            return None
        try:
            asked = {"user": self._user, "shop": self._shop, "limit": _HISTORY}
            seen: UserView = await self._context.call("user", asked)
        except NotFound:
            return None
        await self._learn([each.item for each in seen.history])
        return seen

    def _offer(self, offered: Recommendation, took: float) -> None:
        who = "Recommended" if offered.known_user or self._taken else "For somebody new"
        best = offered.scores[0] if offered.scores else 0.0
        worst = offered.scores[-1] if offered.scores else 0.0
        span = (best - worst) or 1.0

        async def take(product: Product) -> None:
            clicked: Clicked = await self._context.call("click", {"ticket": offered.ticket})
            self._taken.append(product.item)
            say(
                "Counted as a click."
                if clicked.counted
                else "Taken; this answer's click was counted before."
            )
            await self._draw()

        with card():
            with tag("div", "", "line-split"):
                tag("h2", who)
                with tag("div", "", "line"):
                    if not offered.known_user:
                        chip("not in the model's data", "warn", "person_off")
                    if self._taken:
                        chip(
                            f"with {count(len(self._taken), 'thing')} just taken",
                            "live",
                            "add_shopping_cart",
                        )
                    if offered.arm == "challenger":
                        chip("answered by the challenger", "live", "science")
                    tag(
                        "span", milliseconds(took), "soft small numbers", title="For the whole call"
                    )
            if not offered.items:
                empty_state(
                    "Nothing is left to offer", "Choose another category.", symbol="storefront"
                )
            tiles(
                [
                    Tile(self._product(item), self._about(item), 0.25 + 0.75 * (score - worst) / span)
                    for item, score in zip(offered.items, offered.scores, strict=True)
                ],
                label="Recommended", on_take=take, test="recommended",
            )  # fmt: skip

    def _had(self, seen: UserView | None) -> None:
        with card("Has had", "" if seen is None else count(seen.interactions, "product")):
            if seen is None:
                text(
                    "Nothing that the shop knows of. Take something, and see how the offer changes.",
                    "soft",
                )
                return
            tiles(
                [Tile(self._product(each.item), f"{each.at:%-d %b %Y}") for each in seen.history],
                label="Has had", on_take=self._alike, verb="What goes with", small=True, test="history",
            )  # fmt: skip

    def _candidates(self) -> None:
        with card(
            "Rank candidates", f"{_CANDIDATES} products by chance, ordered for this user."
        ) as place:
            rows = tag("div", test="ranking")

            async def rank() -> None:
                chosen = random.sample([*self._known], min(_CANDIDATES, len(self._known)))
                began = time.perf_counter()
                ranked: Ranking = await self._context.call(
                    "rank",
                    {
                        "user": self._user,
                        "items": chosen,
                        "shop": self._shop,
                        "history": self._taken,
                    },
                )
                took = 1000 * (time.perf_counter() - began)
                rows.clear()
                with rows:
                    tag(
                        "p",
                        f"{count(len(ranked.items), 'candidate')} in {milliseconds(took)}",
                        "soft small",
                    )
                    with tag("ol", "", "ranking", aria_label="Ranking"):
                        for item, score in zip(ranked.items, ranked.scores, strict=True):
                            with tag("li"):
                                tag("span", self._product(item).title, "clip")
                                told = "unknown" if score is None else f"{score:.3f}"
                                tag("span", told, "soft small numbers")

            with place:
                with tag("div", "", "line"):
                    button("Rank", rank, symbol="sort", test="rank")

    async def _alike(self, product: Product) -> None:
        async def fill(dialog: ui.dialog) -> None:
            del dialog
            found: SimilarItems = await self._context.call(
                "similar", {"item": product.item, "shop": self._shop, "limit": 8}
            )
            await self._learn(found.items)
            tiles(
                [Tile(self._product(item), self._about(item)) for item in found.items],
                label="Goes with it", test="similar",
            )  # fmt: skip

        await dialog_with(f"Goes with {product.title}", fill, wide=True)()

    async def _learn(self, items: list[str]) -> None:
        """Titles and pictures of items that are not at hand yet."""
        missing = [item for item in dict.fromkeys(items) if item not in self._known]
        if missing:
            found: Products = await self._context.call(
                "products", {"shop": self._shop, "items": missing[:1_000]}
            )
            self._known |= {each.item: each for each in found.products}

    def _product(self, item: str) -> Product:
        plain = Product(item=item, title=item, picture="", attributes={})
        return self._known.get(item, plain)

    def _about(self, item: str) -> str:
        return self._product(item).attributes.get("category", "")
