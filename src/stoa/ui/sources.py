"""Where an answer stands: the chip behind a sentence, and the page it points at.

Boxes are fractions (0..1) of the page's width and height, origin top left, so a picture of any size
shows them at the right place.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from stoa.ui.elements import Tag, on_click, tag


class Rectangle(Protocol):
    """A box in fractions of the page."""

    @property
    def x0(self) -> float: ...
    @property
    def y0(self) -> float: ...
    @property
    def x1(self) -> float: ...
    @property
    def y1(self) -> float: ...


def citation_chip(
    number: int, title: str, page: int, open_source: Callable[[], Awaitable[None] | None]
) -> Tag:
    """The small number behind a sentence. It opens the source it stands for."""
    where = f"Source {number}: {title}, page {page}"
    chip = tag("button", str(number), "citation", type="button", aria_label=where, title=where)
    chip.props["data-testid"] = "citation"
    on_click(chip, open_source)
    return chip


def page_picture(address: str, boxes: Sequence[Rectangle], *, alt: str) -> Tag:
    """The picture of a page with the boxes marked. The first box is scrolled into view."""
    with tag("figure", "", "page-picture", test="page-picture") as figure:
        tag("img", src=address, alt=alt, loading="eager", decoding="async")
        for box in boxes:
            overlay = tag("span", "", "page-box", test="highlight", aria_hidden="true")
            overlay.style(
                f"left:{box.x0 * 100:.3f}%;top:{box.y0 * 100:.3f}%;"
                f"width:{(box.x1 - box.x0) * 100:.3f}%;height:{(box.y1 - box.y0) * 100:.3f}%"
            )
    return figure


def quoted_text(passage: str, quote: str, **attributes: Any) -> Tag:
    """The text of a passage with the quote marked, for formats that have no page pictures."""
    before, found, after = passage.partition(quote) if quote else (passage, "", "")
    with tag("div", "", "quote", tabindex="0", **{"test": "quote", **attributes}) as block:
        if before:
            tag("span", before)
        if found:
            tag("mark", found, test="highlight")
        if after:
            tag("span", after)
    return block
