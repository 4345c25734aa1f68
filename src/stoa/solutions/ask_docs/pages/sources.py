"""Sources: folders, web pages and git repositories that documents are taken from by the clock."""

from nicegui import ui

from stoa.base.errors import StoaError
from stoa.contract import PageContext
from stoa.solutions.ask_docs.schema import (
    Collections,
    ListCollections,
    ListSources,
    RemoveSource,
    SourceRequest,
    Sources,
    SourceView,
)
from stoa.ui.elements import Kind, button, dress, tag, text
from stoa.ui.feedback import chip, dialog_with, empty_state, error_notice, notice
from stoa.ui.frame import ago, card, count

_KINDS = {
    "folder": ("Folder on the server", "folder"),
    "web": ("Web page", "language"),
    "git": ("Git repository", "account_tree"),
}
_OFTEN = {5: "every 5 minutes", 60: "every hour", 1440: "every day", 10080: "every week"}


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
        with tag("li", test="source"):
            with tag("div", "", "grow"):
                tag("div", view.location, "wrap-anywhere strong")
                last = f"looked {ago(view.last_at)}" if view.last_at else "not looked yet"
                tag("div", f"{view.collection_name} · {last} · {_often(view)}", "soft small")
                if view.problem:
                    problem = f"{view.problem} {view.hint}"
                    tag("div", problem, "field-problem wrap-anywhere", test="source-problem")
            chip(view.kind.capitalize(), "quiet", _KINDS[view.kind][1])
            tag("span", count(view.documents, "document"), "soft small numbers")
            with tag("div", "", "line"):
                button(
                    "Look now",
                    lambda: self._look(view.id),
                    css="button-small",
                    symbol="sync",
                    test="sync",
                )
                button(
                    "",
                    dialog_with("Remove this source?", lambda dialog: self._parting(dialog, view)),
                    kind="plain",
                    css="button-small",
                    symbol="delete",
                    aria_label=f"Remove {view.location}",
                    test="remove-source",
                )

    async def _look(self, source: str) -> None:
        run = await self._context.start("sync", SourceRequest(source=source))
        ui.navigate.to(f"/runs/{run}")

    def _parting(self, dialog: ui.dialog, view: SourceView) -> None:
        """Ask what becomes of the documents that came from it."""
        text(view.location, "wrap-anywhere strong")
        if view.documents:
            text(f"{count(view.documents, 'document')} came from it.", "soft")

        def parting(content: str, kind: Kind, *, documents: bool, test: str) -> None:
            async def remove() -> None:
                request = RemoveSource(source=view.id, documents=documents)
                await self._context.call("source_remove", request)
                dialog.close()
                await self.draw()

            button(content, remove, kind=kind, test=test)

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            if view.documents:
                parting("Keep them", "quiet", documents=False, test="remove-keep")
                parting("Delete them", "danger", documents=True, test="remove-delete")
            else:
                parting("Remove", "danger", documents=False, test="remove-keep")

    async def _form(self, dialog: ui.dialog) -> None:
        found: Collections = await self._context.call("collections", ListCollections())
        names = [each.name for each in found.collections if each.may_write]
        kinds = {name: words for name, (words, _) in _KINDS.items()}
        kind = ui.select(kinds, value="folder", label="What it is").props("outlined")
        dress(kind, test="source-kind")
        location = ui.input("Its path or address").props("outlined maxlength=2000")
        dress(location, test="source-location")
        branch = ui.input("Branch (optional)").props("outlined maxlength=200")
        branch.bind_visibility_from(kind, "value", value="git")
        dress(branch, test="source-branch")
        collection = ui.select(names, value=names[0] if names else None, label="Collection")
        dress(collection.props("outlined"), test="source-collection")
        often = ui.select(_OFTEN, value=1440, label="How often to look").props("outlined")
        dress(often, test="source-often")
        trouble = tag("div")

        async def add() -> None:
            given = {
                "kind": kind.value,
                "location": (location.value or "").strip(),
                "branch": (branch.value or "").strip() if kind.value == "git" else "",
                "collection": collection.value or "",
                "every_minutes": often.value,
            }
            trouble.clear()
            if not given["location"]:
                with trouble:
                    notice("Where is it?", "Give its path or address.", tone="bad", test="error")
                return
            try:
                added: SourceView = await self._context.call("source_add", given)
            except StoaError as error:
                with trouble:
                    error_notice(error)
                return
            dialog.close()
            await self._look(added.id)

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Add", add, kind="primary", test="add-source")


def _often(view: SourceView) -> str:
    told = f"every {count(view.every_minutes, 'minute')}"
    return _OFTEN.get(view.every_minutes, told)
