"""Products as tiles: the picture, or where there is none the first letters, and the title."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from stoa.solutions.recommend_products.schema import Product
from stoa.ui.charts import fill_to
from stoa.ui.elements import Tag, on_click, tag

_LOOKS = 6
"""How many tiles without a picture look different from each other."""


@dataclass(frozen=True)
class Tile:
    """One product to be shown."""

    product: Product
    note: str = ""
    share: float | None = None
    """0 to 1: how strongly it is recommended beside the others."""


def tiles(
    shown: Sequence[Tile],
    *,
    label: str,
    on_take: Callable[[Product], Awaitable[None]] | None = None,
    verb: str = "Take",
    small: bool = False,
    test: str = "tiles",
) -> Tag:
    """A grid of tiles. With `on_take` each is a button that says so to screen readers."""
    css = "tiles tiles-small" if small else "tiles"
    with tag("ul", "", css, aria_label=label, test=test) as element:
        for each in shown:
            with tag("li"):
                _tile(each, on_take, verb)
    return element


def _tile(each: Tile, on_take: Callable[[Product], Awaitable[None]] | None, verb: str) -> None:
    product = each.product
    if on_take is None:
        with tag("div", "", "tile", test="tile"):
            _inside(each)
        return
    take = on_take
    with tag(
        "button", "", "tile tile-button", type="button",
        aria_label=f"{verb} {product.title}", test="tile",
    ) as element:  # fmt: skip
        _inside(each)
    on_click(element, lambda: take(product))


def _inside(each: Tile) -> None:
    product = each.product
    if product.picture.startswith("data:image/"):  # others would be asked of another host
        tag("img", "", "tile-picture", src=product.picture, alt="", loading="lazy")
    else:
        look = sum(product.attributes.get("category", product.item).encode()) % _LOOKS + 1
        tag("span", _initials(product.title), f"tile-picture tile-look-{look}", aria_hidden="true")
    with tag("span", "", "tile-words"):
        tag("span", product.title, "tile-title", title=product.title)
        if each.note:
            tag("span", each.note, "soft small")
    if each.share is not None:
        with tag("span", "", "tile-share", aria_hidden="true"):
            fill_to(max(0.02, each.share))


def _initials(title: str) -> str:
    words = [word for word in title.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"
