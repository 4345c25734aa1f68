"""What tells a person how things stand: notices, status chips, empty states, and a question back."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from nicegui import ui

from stoa.base.errors import StoaError
from stoa.ui.elements import Kind, Tag, button, guarded, icon, stack, tag, text

Tone = Literal["good", "warn", "bad", "live", "quiet"]
_SYMBOLS = {"good": "check_circle", "warn": "warning_amber", "bad": "error_outline", "info": "info"}
_STATES: dict[str, tuple[Tone, str]] = {
    "queued": ("quiet", "schedule"),
    "running": ("live", "autorenew"),
    "waiting": ("warn", "front_hand"),
    "done": ("good", "check"),
    "failed": ("bad", "error_outline"),
    "cancelled": ("quiet", "block"),
    "received": ("live", "autorenew"),
    "draft": ("warn", "rate_review"),
    "approved": ("good", "check"),
    "current": ("good", "verified"),
    "superseded": ("quiet", "history"),
    "rejected": ("bad", "thumb_down_off_alt"),
    "expired": ("quiet", "schedule"),
    "revoked": ("bad", "block"),
    "active": ("good", "check"),
    "preview": ("warn", "science"),
    "decided": ("good", "check"),
    "withdrawn": ("quiet", "block"),
}


def notice(
    title: str,
    more: str = "",
    *,
    tone: Literal["good", "warn", "bad", "info"] = "info",
    **attributes: Any,
) -> Tag:
    """A block that says something lasting. Bad ones are announced to screen readers at once."""
    role = "alert" if tone == "bad" else "status"
    element = tag("div", "", f"notice notice-{tone}", role=role, **attributes)
    with element:
        icon(_SYMBOLS[tone])
        with tag("div", "", "grow wrap-anywhere"):
            tag("strong", title)
            if more:
                tag("span", more)
    return element


def error_notice(error: StoaError, **attributes: Any) -> Tag:
    """What went wrong, and what the person can do about it."""
    return notice(error.message, error.hint, tone="bad", **{"test": "error", **attributes})


def chip(content: str, tone: Tone = "quiet", symbol: str = "", **attributes: Any) -> Tag:
    """A small label. The tone never stands alone: the words say the same."""
    element = tag("span", "", f"chip chip-{tone}", **attributes)
    with element:
        if symbol:
            icon(symbol)
        tag("span", content)
    return element


def status_chip(state: str, **attributes: Any) -> Tag:
    """The chip of a run's or a document's state, the same wherever the state is shown."""
    tone, symbol = _STATES.get(state, ("quiet", ""))
    return chip(
        state.replace("_", " ").capitalize(), tone, symbol, **{"test": "status", **attributes}
    )


def tone_of(state: str) -> Tone:
    """The tone of a state's chip, for what stands beside it."""
    return _STATES.get(state, ("quiet", ""))[0]


def empty_state(title: str, more: str = "", *, symbol: str = "inbox", **attributes: Any) -> Tag:
    """What stands where there is nothing yet: what would be here, and how to get it."""
    element = tag("div", "", "empty", **{"test": "empty", **attributes})
    with element:
        icon(symbol)
        tag("h3", title)
        if more:
            text(more)
    return element


def working(label: str = "Working") -> Tag:
    """Three dots that say that an answer is on its way."""
    element = tag("div", "", "thinking", role="status", aria_label=label, test="working")
    with element:
        for _ in range(3):
            tag("i")
    return element


async def confirm(title: str, more: str, *, yes: str, kind: Kind = "danger") -> bool:
    """Ask before something that can't be undone. Escape and a click outside mean no."""
    with ui.dialog() as dialog, tag("div", "", "dialog-card", role="document", test="confirm"):
        tag("h2", title)
        text(more, "soft")
        with tag("div", "", "dialog-actions"):
            button("Cancel", lambda: dialog.submit(False), test="confirm-no")
            button(yes, lambda: dialog.submit(True), kind=kind, test="confirm-yes")
    try:
        return bool(await dialog)
    finally:
        if not dialog.is_deleted:  # as it is with the page, for who left it without an answer
            dialog.delete()


def dialog_with(
    title: str, fill: Callable[[ui.dialog], Awaitable[None] | None], *, wide: bool = False
) -> Callable[[], Awaitable[None]]:
    """An action that opens a dialog, filled by `fill` each time it opens."""

    async def show() -> None:
        css = "dialog-card dialog-wide" if wide else "dialog-card"
        with ui.dialog() as dialog, tag("div", "", css, test="dialog"):
            with tag("div", "", "line-split"):
                tag("h2", title)
                button("", dialog.close, kind="plain", symbol="close", aria_label="Close")
            with stack() as body:
                pass
        dialog.on("hide", dialog.delete)
        dialog.open()
        with body:
            await guarded(lambda: fill(dialog))

    return show
