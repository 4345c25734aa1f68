"""The smallest pieces: a tag, a text, a button, a link, an icon, and the ways to lay them out.

Text given here is always shown as text, never as markup, and attributes are set one by one, never
parsed: a document called `<img onerror=…>` stays a name. Everything else in `ui` is built from these.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from stoa.base.errors import StoaError

Action = Callable[[], Awaitable[None] | None]
Kind = Literal["primary", "quiet", "plain", "danger"]
E = TypeVar("E", bound=Element)


class Tag(TextElement):
    """An HTML element with an optional text."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(tag=name, text=text)


def tag(name: str, text: str = "", css: str = "", /, **attributes: Any) -> Tag:
    """An HTML element. `aria_label="…"` becomes `aria-label`, `test="…"` becomes `data-testid`."""
    element = Tag(name, text)
    if css:
        element.classes(css)
    return dress(element, **attributes)


def dress(element: E, **attributes: Any) -> E:
    """Set attributes on any element without parsing their values. None and False are left out."""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = "data-testid" if key == "test" else key.rstrip("_").replace("_", "-")
        element.props[name] = value
    return element


def text(content: str, css: str = "", **attributes: Any) -> Tag:
    """A paragraph."""
    return tag("p", content, css, **attributes)


def icon(name: str, css: str = "") -> ui.icon:
    """A Material icon, for the eye only: what it says must stand beside it or in a label."""
    return dress(ui.icon(name).classes(css), aria_hidden="true")


def stack(css: str = "", **attributes: Any) -> Tag:
    """Children below each other."""
    return tag("div", "", f"stack {css}", **attributes)


def line(css: str = "", **attributes: Any) -> Tag:
    """Children beside each other; they wrap where there is no room."""
    return tag("div", "", f"line {css}", **attributes)


def link(content: str, to: str, css: str = "", *, symbol: str = "", **attributes: Any) -> Tag:
    """A link inside Stoa."""
    element = tag("a", "" if symbol else content, css, href=to, **attributes)
    if symbol:
        with element:
            icon(symbol)
            tag("span", content)
    return element


def outside_link(address: str, content: str = "", css: str = "", **attributes: Any) -> Tag:
    """A link that came with data. Only http(s) becomes a link; anything else stays text."""
    if urlsplit(address).scheme not in {"http", "https"}:
        return tag("span", content or address, css, **attributes)
    return tag(
        "a",
        content or address,
        css,
        href=address,
        target="_blank",
        rel="noopener noreferrer nofollow",
        **attributes,
    )


def button(
    content: str,
    action: Action | None = None,
    *,
    kind: Kind = "quiet",
    symbol: str = "",
    css: str = "",
    **attributes: Any,
) -> Tag:
    """A button. It is off while its action runs, and shows a StoaError of the action as a message.

    With a symbol and no content it is a picture only; then give it an `aria_label`.
    """
    element = tag("button", "", f"button button-{kind} {css}", type="button", **attributes)
    with element:
        if symbol:
            icon(symbol)
        if content:
            tag("span", content)
        else:
            element.classes("button-icon")
    if action is not None:
        on_click(element, action)
    return element


def on_click(element: Element, action: Action) -> None:
    """Do `action` when the element is pressed, once at a time; show a StoaError as a message.

    It runs in the page, not in the element: it may well take the element away.
    """
    pressed = False

    async def press() -> None:
        nonlocal pressed
        if pressed:
            return
        pressed = True
        element.props["disabled"] = True
        try:
            with element.client:
                await guarded(action)
        finally:
            pressed = False
            if not element.is_deleted:
                del element.props["disabled"]

    element.on("click", press)


async def guarded(action: Action) -> bool:
    """Run an action; say what went wrong where it raises a StoaError. Returns whether it went well."""
    try:
        outcome = action()
        if outcome is not None:
            await outcome
    except StoaError as error:
        say(str(error), bad=True)
        return False
    return True


def say(message: str, *, bad: bool = False) -> None:
    """A short message that goes away by itself; bad ones stay longer and are read out at once."""
    ui.notify(
        message,
        position="bottom",
        timeout=9000 if bad else 3500,
        classes="stoa-bad" if bad else "stoa-good",
        close_button="Close" if bad else False,
        color="stoa",  # no colour of the library's: the style sheet decides
        textColor="stoa",
        attrs={"role": "alert" if bad else "status", "data-testid": "message"},
    )
