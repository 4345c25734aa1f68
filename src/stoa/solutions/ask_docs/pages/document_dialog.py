"""One document: its page accounting, its life, its versions, and what one may do with it."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.ask_docs.pages.words import accounting
from stoa.solutions.ask_docs.schema import (
    Decide,
    DocumentDetail,
    DocumentRequest,
    DocumentState,
    DocumentView,
)
from stoa.ui.elements import button, dress, icon, outside_link, say, tag, text
from stoa.ui.feedback import confirm, dialog_with, notice, status_chip, tone_of
from stoa.ui.frame import amount, facts
from stoa.ui.sources import page_picture
from stoa.ui.tables import Column, table
from stoa.ui.timeline import Timeline

_PAGES = (
    Column("number", "Page", number=True),
    Column("status", "Status", chip=True),
    Column("source", "Read as"),
    Column("characters", "Characters", number=True),
    Column("tables", "Tables", number=True),
    Column("reason", "Reason"),
)


class DocumentDialog:
    """Opens on a document; `changed` is called when something was done to it."""

    def __init__(self, context: PageContext, changed: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._changed = changed

    async def open(self, document: DocumentView) -> None:
        """Show one document."""

        async def fill(dialog: ui.dialog) -> None:
            detail: DocumentDetail = await self._context.call(
                "show", DocumentRequest(document=document.id)
            )
            self._content(detail, dialog)

        await dialog_with(document.title, fill, wide=True)()

    def _content(self, detail: DocumentDetail, dialog: ui.dialog) -> None:
        document = detail.document
        with tag("div", "", "line"):
            status_chip(document.state)
            tag("span", accounting(document, detail.pages), "numbers", test="accounting")
        if document.problem:
            notice(document.problem, document.hint, tone="bad")
        self._actions(detail, dialog)
        facts(
            [
                ("File", f"{document.name}, {amount(document.size)}"),
                ("Collection", document.collection_name),
                ("Passages", f"{document.passages:,}, {document.embedded:,} embedded anew"),
                ("Language", document.language or "unknown"),
                ("Added by", _adder(detail)),
            ]
        )
        if document.reference:
            outside_link(document.reference, document.reference, "small wrap-anywhere")
        if has_pictures(document) and document.pages:
            with ui.expansion("Look at the pages"):
                preview(document)
        with ui.expansion("Page by page").props("dense"):
            rows = [{"id": each.number, **each.model_dump()} for each in detail.pages]
            table(_PAGES, rows, label="Pages", test="pages")
        with ui.expansion("Its life", value=True):
            life = Timeline()
            for each in detail.history:
                who = f"{each.by_name or each.by}, {each.at.astimezone():%-d %b %Y}"
                life.add(
                    each.state.capitalize(),
                    each.at,
                    more=f"{who}: {each.note}" if each.note else who,
                    tone=tone_of(each.state),
                )
        if len(detail.versions) > 1:
            with ui.expansion("Versions"), tag("ul", "", "stack-tight"):
                for version in detail.versions:
                    with tag("li", "", "line"):
                        tag("span", f"Version {version.version}", "numbers")
                        status_chip(version.state)
                        tag("span", f"{version.added_at.astimezone():%-d %b %Y}", "soft small")

    def _actions(self, detail: DocumentDetail, dialog: ui.dialog) -> None:
        document = detail.document
        role = self._context.caller.role

        async def done(words: str) -> None:
            dialog.close()
            say(words)
            await self._changed()

        async def approve() -> None:
            await self._context.call("approve", Decide(document=document.id))
            await done(f"“{document.title}” is approved.")

        async def delete() -> None:
            if await confirm(
                f"Delete “{document.title}”?",
                "Text, passages, vectors and page pictures are removed for good.",
                yes="Delete",
            ):
                await self._context.call("delete", DocumentRequest(document=document.id))
                await done("Deleted.")

        with tag("div", "", "line"):
            with tag("a", "", "button button-quiet", href=detail.original, download=document.name):
                icon("download")
                tag("span", "Original file")
            if document.state is DocumentState.DRAFT and role in REVIEWERS:
                button("Approve", approve, kind="primary", symbol="check", test="approve")
            if role in EDITORS:
                button("Delete", delete, kind="danger", symbol="delete", test="delete")


def _adder(detail: DocumentDetail) -> str:
    """The name of whoever added it; the first line of its life knows."""
    first = detail.history[0] if detail.history else None
    return (first.by_name or first.by) if first else detail.document.added_by


def has_pictures(document: DocumentView) -> bool:
    """Whether its pages can be shown as pictures."""
    return document.media_type == "application/pdf"


def preview(document: DocumentView) -> None:
    """Its pages as pictures, one at a time."""
    place = tag("div", "", "stack")
    shown = {"page": 1}

    def draw() -> None:
        place.clear()
        with place:
            with tag("div", "", "line-split"):
                button("", lambda: turn(-1), kind="plain", symbol="chevron_left",
                       aria_label="Page before")  # fmt: skip
                tag("span", f"Page {shown['page']} of {document.pages}", "numbers")
                button("", lambda: turn(1), kind="plain", symbol="chevron_right",
                       aria_label="Page after")  # fmt: skip
            page_picture(
                f"/api/ask_docs/documents/{document.id}/pages/{shown['page']}/picture",
                [],
                alt=f"Page {shown['page']} of {document.title}",
            )

    def turn(by: int) -> None:
        shown["page"] = min(max(shown["page"] + by, 1), document.pages)
        draw()

    draw()


def reason_dialog(
    title: str, more: str, yes: str, act: Callable[[str], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """An action that asks for a reason first."""

    def fill(dialog: ui.dialog) -> None:
        text(more, "soft")
        note = ui.textarea().props("outlined autogrow maxlength=2000")
        dress(note, aria_label="Reason", test="reason")

        async def go() -> None:
            dialog.close()
            await act(note.value or "")

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button(yes, go, kind="danger", test="reason-yes")

    return dialog_with(title, fill)
