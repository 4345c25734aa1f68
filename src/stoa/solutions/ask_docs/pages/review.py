"""The review queue: drafts, and current documents that are due for another look."""

from stoa.contract import PageContext
from stoa.solutions.ask_docs.pages.document_dialog import DocumentDialog, reason_dialog
from stoa.solutions.ask_docs.pages.words import accounting
from stoa.solutions.ask_docs.schema import (
    Decide,
    Documents,
    DocumentState,
    DocumentView,
    ListDocuments,
)
from stoa.ui.elements import button, on_click, say, tag
from stoa.ui.feedback import chip, empty_state, status_chip
from stoa.ui.frame import ago, card


async def show_review(context: PageContext) -> None:
    """The tab."""
    queue = _Queue(context)
    await queue.draw()


class _Queue:
    def __init__(self, context: PageContext) -> None:
        self._context = context
        with card(
            "Waiting for a decision", "What is approved counts in answers at once.", flush=True
        ):
            self._rows = tag("ul", "", "rows", test="review")
        self._dialog = DocumentDialog(context, self.draw)

    async def draw(self) -> None:
        """Show the queue, as of now."""
        found: Documents = await self._context.call("list", ListDocuments(due=True, limit=200))
        self._rows.clear()
        with self._rows:
            for document in found.documents:
                self._row(document)
            if not found.documents:
                empty_state(
                    "Nothing waits", "Drafts and documents due for review show up here.",
                    symbol="task_alt",
                )  # fmt: skip

    def _row(self, document: DocumentView) -> None:
        draft = document.state is DocumentState.DRAFT

        async def look() -> None:
            await self._dialog.open(document)

        async def approve() -> None:
            await self._context.call("approve", Decide(document=document.id))
            say(f"“{document.title}” is approved.")
            await self.draw()

        async def reject(note: str) -> None:
            await self._context.call("reject", Decide(document=document.id, note=note))
            say(f"“{document.title}” is rejected.")
            await self.draw()

        with tag("li", test="review-row"):
            with tag("div", "", "grow"):
                title = tag("button", document.title, "link-button wrap-anywhere", type="button")
                on_click(title, look)
                added = f"{document.collection_name} · {accounting(document)} · added {ago(document.added_at)}"
                tag("div", added, "soft small")
            if document.version > 1:
                chip(f"Version {document.version}", "live", "history")
            if not draft:
                chip("Due for review", "warn", "event")
            status_chip(document.state)
            with tag("div", "", "line"):
                button("Look", look, css="button-small", symbol="visibility", test="look")
                button(
                    "Reject",
                    reason_dialog(
                        f"Reject “{document.title}”?",
                        "Say why, so that whoever added it can put it right.",
                        "Reject",
                        reject,
                    ),
                    css="button-small",
                    symbol="close",
                    test="reject",
                )
                button(
                    "Approve" if draft else "Still right",
                    approve,
                    kind="primary",
                    css="button-small",
                    symbol="check",
                    test="approve",
                )
