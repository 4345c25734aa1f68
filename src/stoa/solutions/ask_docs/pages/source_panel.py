"""The source of a sentence: the page with the passage marked, or its text where there is no picture."""

from collections.abc import Callable

from stoa.contract import PageContext
from stoa.core.knowledge.pages import Box
from stoa.solutions.ask_docs.schema import Citation, DocumentDetail, DocumentRequest
from stoa.ui.elements import Tag, button, outside_link, tag, text
from stoa.ui.feedback import status_chip
from stoa.ui.sources import page_picture, quoted_text


class SourcePanel:
    """Beside the chat where there is room, over it on a phone. Escape closes it."""

    def __init__(self, context: PageContext, layout: Tag) -> None:
        self._context = context
        self._layout = layout
        self._citation: Citation | None = None
        self._page = 0
        self._panel = tag(
            "aside", "", "ask-source", aria_label="Source", tabindex="-1", test="source-panel"
        )
        self._panel.on("keydown.escape", self.close)
        self._panel.set_visibility(False)

    def close(self) -> None:
        """Give the room back to the chat."""
        self._panel.set_visibility(False)
        self._layout.classes(remove="ask-with-source")

    async def open(self, citation: Citation, number: int, passage: str) -> None:
        """Show one citation."""
        detail: DocumentDetail = await self._context.call(
            "show", DocumentRequest(document=citation.document)
        )
        self._citation = citation
        self._panel.clear()
        with self._panel:
            self._head(citation, number, detail)
            if citation.boxes:
                self._pages(citation, detail)
            else:
                tag("h3", f"Page {citation.page}" if detail.document.pages > 1 else "Passage")
                quoted_text(passage, citation.quote)
        self._panel.set_visibility(True)
        self._layout.classes("ask-with-source")
        self._panel.client.run_javascript(
            f"document.getElementById('{self._panel.html_id}')?.focus({{preventScroll: true}});"
            f"document.getElementById('{self._panel.html_id}')?.querySelector('.page-box, mark')"
            "?.scrollIntoView({block: 'center'})"
        )

    def _head(self, citation: Citation, number: int, detail: DocumentDetail) -> None:
        document = detail.document
        with tag("div", "", "source-head"):
            tag("span", str(number), "citation citation-here", aria_hidden="true")
            tag("h2", citation.title, "grow wrap-anywhere", test="source-title")
            button("", self.close, kind="plain", symbol="close", aria_label="Close source",
                   css="button-small", test="close-source")  # fmt: skip
        with tag("div", "", "line small"):
            status_chip(document.state)
            tag("span", f"Version {document.version}", "soft")
            if document.reference:
                outside_link(document.reference, "Where it comes from", test="origin")
            with tag("a", href=detail.original, download=document.name):
                tag("span", "Original file")
        with tag("blockquote", "", "source-quote"):
            text(citation.quote)

    def _pages(self, citation: Citation, detail: DocumentDetail) -> None:
        self._page = citation.page
        total = detail.document.pages
        place = tag("div", "", "stack")

        def draw() -> None:
            place.clear()
            boxes = citation.boxes if self._page == citation.page else []
            with place:
                self._turner(citation, total, turn)
                _picture(citation, self._page, boxes)

        def turn(by: int) -> None:
            self._page = min(max(self._page + by, 1), total)
            draw()

        draw()

    def _turner(self, citation: Citation, total: int, turn: Callable[[int], None]) -> None:
        with tag("div", "", "line-split"):
            button("", lambda: turn(-1), kind="plain", symbol="chevron_left", css="button-small",
                   aria_label="Page before", test="page-before")  # fmt: skip
            with tag("div", "", "line"):
                tag("span", f"Page {self._page} of {total}", "numbers", test="source-page")
                if self._page != citation.page:
                    back = citation.page - self._page
                    button("To the passage", lambda: turn(back), css="button-small")
            button("", lambda: turn(1), kind="plain", symbol="chevron_right", css="button-small",
                   aria_label="Page after", test="page-after")  # fmt: skip


def _picture(citation: Citation, page: int, boxes: list[Box]) -> None:
    page_picture(
        f"/api/ask_docs/documents/{citation.document}/pages/{page}/picture",
        boxes,
        alt=f"Page {page} of {citation.title}",
    )
