"""Documents: bring them in and watch them being read; find them, with their states and versions."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import background_tasks, ui

from stoa.base.errors import StoaError
from stoa.base.identity.caller import REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.ask_docs.pages.document_dialog import DocumentDialog
from stoa.solutions.ask_docs.pages.words import accounting
from stoa.solutions.ask_docs.schema import (
    DOCUMENT_ENDINGS,
    Collections,
    Decide,
    DocumentDetail,
    DocumentRequest,
    Documents,
    DocumentState,
    DocumentView,
    ListCollections,
    ListDocuments,
    Receipt,
    Receipts,
)
from stoa.ui.elements import Tag, button, dress, guarded, icon, on_click, say, tag, text
from stoa.ui.feedback import empty_state, notice, status_chip
from stoa.ui.frame import ago, amount, card, count
from stoa.ui.upload_zone import Uploaded, UploadZone

_PAGE = 25
_OUTCOMES = {
    "new": "New document.",
    "new_version": "New version of a document that was there.",
    "already_there": "Already there: the same bytes were added before.",
    "failed": "",
}


async def show_documents(context: PageContext) -> None:
    """The tab."""
    found: Collections = await context.call("collections", ListCollections())
    writable = [each for each in found.collections if each.may_write]
    table = _Table(context, writes=bool(writable))
    if writable:
        _Intake(context, [each.name for each in writable], table.draw)
    table.build()
    await table.draw()


class _Intake:
    """Uploads and addresses; one line for each, with what comes of it."""

    def __init__(
        self, context: PageContext, collections: list[str], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._context = context
        self._changed = changed
        with card("Add documents"):
            with tag("div", "", "intake-options"):
                self._collection = ui.select(collections, value=collections[0], label="Collection")
                self._collection.props("outlined dense")
                dress(self._collection, test="collection")
                self._reference = ui.input("Where it comes from (a link, optional)")
                self._reference.props("outlined dense maxlength=2000")
                dress(self._reference, test="reference")
            UploadZone(
                self._uploaded,
                accept=DOCUMENT_ENDINGS,
                note="PDF, Word, PowerPoint, Excel, HTML, Markdown, CSV or text; scanned pages are read, too",
            )
            with tag("form", "", "line") as form:
                address = ui.input("Or the address of a web page").props("outlined dense type=url")
                address.classes("grow")
                dress(address, test="url")
                with tag("button", "", "button button-quiet", type="submit", test="add-url"):
                    icon("add_link")
                    tag("span", "Fetch")

            async def fetch() -> None:
                wanted = (address.value or "").strip()
                if wanted:
                    address.value = ""
                    await guarded(lambda: self._begin(wanted, {"url": wanted, **self._options()}))

            form.on("submit.prevent", fetch)
            self._lines = tag("ul", "", "intake", aria_live="polite", test="intake")

    def _options(self) -> dict[str, str]:
        return {
            "collection": str(self._collection.value),
            "reference": (self._reference.value or "").strip(),
        }

    async def _uploaded(self, file: Uploaded) -> None:
        await self._begin(file.name, {"files": [file.id], **self._options()})

    async def _begin(self, name: str, request: dict[str, Any]) -> None:
        run = await self._context.start("add", request)
        with self._lines:
            line = _IntakeLine(self._context, name, run)
        line.element.move(target_index=0)

        async def watch() -> None:
            with line.element:
                await line.follow()
            await self._changed()

        background_tasks.create(watch(), name=f"follow {run}")


class _IntakeLine:
    """One document on its way in: progress, then the page accounting, or what was wrong."""

    def __init__(self, context: PageContext, name: str, run: str) -> None:
        self._context = context
        self._run = run
        with tag("li", "", "intake-line", test="intake-line") as self.element:
            with tag("div", "", "line-split"):
                tag("span", name, "clip")
                with tag("span", "", "line") as self._state:
                    status_chip("queued")
            self._bar = tag("progress", max="1", aria_label=f"Reading {name}")
            self._words = tag("p", "Waiting for its turn", "soft small", test="intake-words")
            self._end = tag("div")

    async def follow(self) -> None:
        """Until the run has ended."""
        try:
            receipts: Receipts = await self._context.follow(self._run, self._progress)
        except StoaError as error:
            self._failed(error.message, error.hint)
            return
        for receipt in receipts.documents:
            await self._arrived(receipt)

    async def _progress(self, message: str, done: int, total: int) -> None:
        self._set_state("running")
        self._words.set_text(f"{message} ({done} of {total})" if total else message)
        if total:
            self._bar.props["value"] = done / total

    async def _arrived(self, receipt: Receipt) -> None:
        document = receipt.document
        if receipt.outcome == "failed" or document.state is DocumentState.FAILED:
            self._failed(document.problem, document.hint)
            return
        detail: DocumentDetail = await self._context.call(
            "show", DocumentRequest(document=document.id)
        )
        self._bar.set_visibility(False)
        self._set_state(detail.document.state)
        self._words.set_text(
            f"{accounting(detail.document, detail.pages)}. {_OUTCOMES[receipt.outcome]}"
        )
        if detail.document.state is DocumentState.DRAFT:
            with self._end:
                self._offer_approval(detail.document)

    def _offer_approval(self, document: DocumentView) -> None:
        if self._context.caller.role not in REVIEWERS:
            text("A reviewer approves it before it counts.", "soft small")
            return

        async def approve() -> None:
            after: DocumentView = await self._context.call("approve", Decide(document=document.id))
            self._set_state(after.state)
            self._end.clear()
            say(f"“{document.title}” is {after.state} now.")

        with tag("div", "", "line"):
            text("Answers use it once it is approved.", "soft small")
            button("Approve", approve, kind="primary", css="button-small", symbol="check",
                   test="approve-new")  # fmt: skip

    def _set_state(self, state: str) -> None:
        self._state.clear()
        with self._state:
            status_chip(state)

    def _failed(self, problem: str, hint: str) -> None:
        self._bar.set_visibility(False)
        self._set_state("failed")
        self._words.set_text("")
        self._end.clear()
        with self._end:
            notice(problem, hint, tone="bad", test="intake-problem")


class _Table:
    """The documents one may read, a page at a time."""

    def __init__(self, context: PageContext, *, writes: bool) -> None:
        self._context = context
        self._writes = writes
        self._offset = 0
        self._dialog = DocumentDialog(context, self.draw)

    def build(self) -> None:
        """The filters and the place of the rows."""
        with card(flush=True):
            with tag("div", "", "table-tools"):
                self._text = ui.input(placeholder="Find by title or file name")
                self._text.props("outlined dense clearable debounce=250 type=search").classes(
                    "grow"
                )
                dress(self._text, aria_label="Find", test="find")
                states = {"": "Any state"} | {
                    each.value: each.capitalize() for each in DocumentState
                }
                self._state = ui.select(states, value="").props("outlined dense")
                dress(self._state, aria_label="State", test="state")
            self._rows: Tag = tag("ul", "", "rows", test="documents")
            self._foot = tag("div", "", "table-foot")
        self._text.on_value_change(self._from_start)
        self._state.on_value_change(self._from_start)

    async def _from_start(self) -> None:
        self._offset = 0
        await guarded(self.draw)

    async def draw(self) -> None:
        """Show them, as of now."""
        state = DocumentState(self._state.value) if self._state.value else None
        request = ListDocuments(
            text=self._text.value or "", state=state, limit=_PAGE, offset=self._offset
        )
        found: Documents = await self._context.call("list", request)
        self._rows.clear()
        with self._rows:
            for document in found.documents:
                self._row(document)
            if not found.documents:
                self._nothing(narrowed=bool(request.text or request.state or request.offset))
        self._foot.clear()
        with self._foot:
            self._pager(found.total)

    def _nothing(self, *, narrowed: bool) -> None:
        if narrowed:
            more = "Look for other words, or in any state."
        elif self._writes:
            more = "Add one above."
        else:
            more = "Those that you may read show up once they are approved."
        empty_state("No documents here", more, symbol="description")

    def _row(self, document: DocumentView) -> None:
        async def open_it() -> None:
            await self._dialog.open(document)

        with tag("li", test="document"):
            with tag("div", "", "grow"):
                title = tag("button", document.title, "link-button wrap-anywhere", type="button")
                title.props["data-testid"] = "document-title"
                on_click(title, open_it)
                facts = [document.collection_name, document.name, amount(document.size)]
                tag("div", " · ".join(facts), "soft small clip")
                if document.problem:
                    tag("div", document.problem, "field-problem")
            if document.pages:
                tag("span", accounting(document), "soft small numbers")
            tag("span", f"v{document.version}", "soft small numbers")
            status_chip(document.state)
            tag("span", ago(document.changed_at), "soft small numbers")

    def _pager(self, total: int) -> None:
        last = min(self._offset + _PAGE, total)
        if not total:
            return
        tag("span", f"{self._offset + 1:,}–{last:,} of {count(total, 'document')}", "soft small")

        async def turn(by: int) -> None:
            self._offset = max(0, self._offset + by)
            await self.draw()

        if self._offset:
            button("Newer", lambda: turn(-_PAGE), css="button-small", symbol="chevron_left")
        if last < total:
            button("Older", lambda: turn(_PAGE), css="button-small", symbol="chevron_right")
