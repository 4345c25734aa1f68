"""What the inside of a page is laid out with: its head, its cards, its lists of rows.

The frame around it (navigation, banner, sign out) belongs to the console, not to a solution.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from stoa.ui.elements import Tag, icon, tag, text


def page_head(title: str, summary: str = "", **attributes: Any) -> Tag:
    """The head of a page. Returns the place at its end for buttons: `with page_head(…): button(…)`."""
    with tag("header", "", "page-head", **attributes):
        with tag("div"):
            tag("h1", title)
            if summary:
                text(summary)
        return tag("div", "", "line")


@contextmanager
def card(
    title: str = "", more: str = "", *, flush: bool = False, **attributes: Any
) -> Iterator[Tag]:
    """A surface for one subject. `flush`: its content reaches the edge, as a table or rows do."""
    element = tag("section", "", "card card-flush" if flush else "card", **attributes)
    with element:
        if title and flush:
            with tag("div", "", "card-title"):
                tag("h2", title)
                if more:
                    text(more, "soft small")
        elif title:
            with tag("div", "", "stack-tight"):
                tag("h2", title)
                if more:
                    text(more, "soft")
        yield element


def figures(values: Iterable[tuple[str, str]]) -> Tag:
    """A row of figures, each with what it counts."""
    element = tag("dl", "", "figures")
    with element:
        for name, value in values:
            with tag("div"):
                tag("dd", value, "figure-value")
                tag("dt", name, "soft small")
    return element


def facts(values: Iterable[tuple[str, str]]) -> Tag:
    """Names and values, beside each other."""
    element = tag("dl", "", "facts")
    with element:
        for name, value in values:
            tag("dt", name)
            tag("dd", value)
    return element


def avatar(name: str) -> Tag:
    """The initials of a person."""
    words = [word for word in name.replace("@", " ").split() if word]
    letters = "".join(word[0] for word in words[:2]).upper()
    element = tag("span", letters, "avatar", aria_hidden="true")
    if not letters:
        with element:
            icon("person")
    return element


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """How long ago, in the words people use; older than a month: the date."""
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    if seconds < 0:
        return f"in {_span(-seconds)}"
    if seconds < 10:
        return "just now"
    if seconds < 30 * 86400:
        return f"{_span(seconds)} ago"
    return moment.strftime("%-d %b %Y")


def took(seconds: float) -> str:
    """A duration to the precision it deserves."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def amount(size: int) -> str:
    """A number of bytes."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable: the last unit returns")


def count(number: int, one: str, many: str = "") -> str:
    """`1 page`, `2 pages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _span(seconds: int) -> str:
    if seconds < 60:
        return count(seconds, "second")
    if seconds < 3600:
        return count(seconds // 60, "minute")
    if seconds < 86400:
        return count(seconds // 3600, "hour")
    return count(seconds // 86400, "day")
