"""Pages without a socket: signing in, setting up, errors. Plain HTML, readable before any script runs.

Everything put into them is escaped here, once. They know no session and no solution.
"""

from dataclasses import dataclass
from html import escape

from nicegui.version import __version__ as page_library
from starlette.responses import HTMLResponse

from stoa.ui.theme import head_html, static_link


@dataclass(frozen=True)
class Input:
    """A field of a plain form."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    autocomplete: str = "off"
    hint: str = ""


def page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    """A page with the given body, which must be escaped already."""
    content = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Stoa</title>"
        f'<link rel="icon" href="{static_link("favicon.svg")}">{head_html()}'
        f'<link rel="stylesheet" href="/_nicegui/{page_library}/static/fonts.css"></head>'
        f'<body class="plain"><main class="plain-main">{_brand()}{body}</main></body></html>'
    )
    return HTMLResponse(
        content,
        status_code=status,
        headers={"Cache-Control": "no-store"},
    )


def form(action: str, fields: list[Input], submit: str, *, hidden: dict[str, str]) -> str:
    """A form that is posted; the first empty field has the focus."""
    focus = next((each.name for each in fields if not each.value), "")
    rows = "".join(_row(each, focus=each.name == focus) for each in fields)
    more = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in hidden.items()
    )
    return (
        f'<form class="plain-form" method="post" action="{escape(action)}">{more}{rows}'
        f'<button class="button button-primary" data-testid="submit">{escape(submit)}</button></form>'
    )


def alert(message: str, hint: str) -> str:
    """What went wrong, read out at once."""
    return (
        '<div class="notice notice-bad" role="alert" data-testid="error"><div>'
        f"<strong>{escape(message)}</strong>{escape(hint)}</div></div>"
    )


def head(title: str, more: str = "") -> str:
    """The heading of a plain page."""
    return f'<div><h1>{escape(title)}</h1><p class="soft">{escape(more)}</p></div>'


def error_page(status: int, title: str, more: str) -> HTMLResponse:
    """What stands where a page should be."""
    body = (
        f'<div data-testid="error-page">{head(title, more)}</div>'
        '<p><a class="button button-primary" href="/">Go to the start page</a></p>'
    )
    return page(title, body, status=status)


def _row(field: Input, *, focus: bool) -> str:
    hint = f'<span class="field-hint">{escape(field.hint)}</span>' if field.hint else ""
    return (
        f'<div class="field"><label class="field-label" for="{field.name}">{escape(field.label)}</label>'
        f'<input class="plain-input" id="{field.name}" name="{field.name}" type="{field.kind}" '
        f'value="{escape(field.value)}" autocomplete="{field.autocomplete}" required'
        f"{' autofocus' if focus else ''}>{hint}</div>"
    )


def _brand() -> str:
    return (
        f'<a class="brand" href="/"><img src="{static_link("favicon.svg")}" alt="">'
        "<span>Stoa</span></a>"
    )
