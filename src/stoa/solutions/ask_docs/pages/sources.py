"""Sources: folders, web pages and git repositories that documents are taken from by the clock."""

from nicegui import ui

from stoa.base.errors import InvalidInput, StoaError
from stoa.contract import PageContext
from stoa.solutions.ask_docs.schema import (
    AddSource,
    ListSources,
    SourceRequest,
    Sources,
    SourceView,
)
from stoa.ui.elements import button, say, tag, text
from stoa.ui.feedback import chip, confirm, dialog_with, empty_state, error_notice
from stoa.ui.forms import Form
from stoa.ui.frame import ago, card, count

_SYMBOLS = {"folder": "folder", "web": "language", "git": "account_tree"}


async def show_sources(context: PageContext) -> None:
    """The tab."""
    page = _Sources(context)
    await page.draw()


class _Sources:
    def __init__(self, context: PageContext) -> None:
        self._context = context
        with tag("div", "", "line-split"):
            text("Stoa looks at these by the clock, and takes in only what has changed.", "soft")
            button(
                "New source",
                dialog_with("New source", self._form),
                kind="primary",
                symbol="add",
                test="new-source",
            )
        with card(flush=True):
            self._rows = tag("ul", "", "rows", test="sources")

    async def draw(self) -> None:
        """Show them, as of now."""
        found: Sources = await self._context.call("sources", ListSources())
        self._rows.clear()
        with self._rows:
            for each in found.sources:
                self._row(each)
            if not found.sources:
                empty_state(
                    "No sources yet",
                    "Point Stoa at a folder, a web page or a git repository.",
                    symbol="sync",
                )

    def _row(self, view: SourceView) -> None:
        async def sync() -> None:
            run = await self._context.start("sync", SourceRequest(source=view.id))
            ui.navigate.to(f"/runs/{run}")

        async def delete() -> None:
            if await confirm("Delete this source?", "What came from it goes, too.", yes="Delete"):
                await self._context.call("source_remove", SourceRequest(source=view.id))
                await self.draw()

        with tag("li", test="source"):
            with tag("div", "", "grow"):
                tag("div", view.location, "wrap-anywhere strong")
                last = f"looked {ago(view.last_at)}" if view.last_at else "not looked yet"
                each = f"every {count(view.every_minutes, 'minute')}"
                tag("div", f"{view.collection_name} · {last} · {each}", "soft small")
                if view.problem:
                    tag("div", f"{view.problem} {view.hint}", "field-problem")
            chip(view.kind.capitalize(), "quiet", _SYMBOLS[view.kind])
            tag("span", count(view.documents, "document"), "soft small numbers")
            with tag("div", "", "line"):
                button("Look now", sync, css="button-small", symbol="sync", test="sync")
                button("", delete, kind="plain", css="button-small", symbol="delete",
                       aria_label=f"Delete {view.location}")  # fmt: skip

    def _form(self, dialog: ui.dialog) -> None:
        form = Form(AddSource)
        trouble = tag("div")

        async def add() -> None:
            trouble.clear()
            form.complain([])
            try:
                await self._context.call("source_add", form.values())
            except StoaError as error:
                if isinstance(error, InvalidInput):
                    form.complain(error.details.get("fields", []))
                with trouble:
                    error_notice(error)
                return
            dialog.close()
            say("Added. The first look is on its way.")
            await self.draw()

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Add", add, kind="primary", test="add-source")
