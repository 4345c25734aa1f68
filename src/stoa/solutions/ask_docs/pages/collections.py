"""Collections: what belongs together, who may read it and who may add to it."""

from typing import Any

from nicegui import ui

from stoa.base.errors import StoaError
from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.ask_docs.pages.words import principals
from stoa.solutions.ask_docs.schema import (
    Collections,
    CollectionView,
    DeleteCollection,
    ListCollections,
)
from stoa.ui.elements import button, dress, say, tag, text
from stoa.ui.feedback import chip, confirm, dialog_with, empty_state, error_notice, notice
from stoa.ui.frame import card, count

_GONE = "Somebody who left"


async def show_collections(context: PageContext) -> None:
    """The tab."""
    page = _Collections(context)
    await page.draw()


class _Collections:
    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._principals: dict[str, str] = {}
        self._edits = context.caller.role in EDITORS
        with tag("div", "", "line-split"):
            text("A person finds, and is answered from, only what they may read.", "soft")
            if self._edits:
                button(
                    "New collection",
                    dialog_with("New collection", lambda dialog: self._form(dialog, None)),
                    kind="primary",
                    symbol="create_new_folder",
                    test="new-collection",
                )
        with card(flush=True):
            self._rows = tag("ul", "", "rows", test="collections")

    async def draw(self) -> None:
        """Show them, as of now."""
        found: Collections = await self._context.call("collections", ListCollections())
        self._principals = principals(found.people)
        self._rows.clear()
        with self._rows:
            for each in found.collections:
                self._row(each)
            if not found.collections:
                empty_state("There is no collection you may read", symbol="folder_off")

    def _row(self, view: CollectionView) -> None:
        with tag("li", test="collection-row"):
            with tag("div", "", "grow"):
                tag("div", view.name, "wrap-anywhere strong")
                tag("div", f"Read by: {self._told(view.readers)}", "soft small")
                tag("div", f"Added to by: {self._told(view.writers)}", "soft small")
            chip("Reviewed first" if view.review else "Counts at once",
                 "good" if view.review else "quiet")  # fmt: skip
            tag("span", count(view.documents, "current document"), "soft small numbers")
            if self._edits:
                self._buttons(view)

    def _told(self, names: list[str]) -> str:
        told = [self._principals.get(each, _GONE) for each in names]
        return ", ".join(dict.fromkeys(told)) or "Owners only"

    def _buttons(self, view: CollectionView) -> None:
        async def delete() -> None:
            if await confirm(f"Delete “{view.name}”?", "It must be empty.", yes="Delete"):
                await self._context.call("collection_delete", DeleteCollection(collection=view.id))
                await self.draw()

        with tag("div", "", "line"):
            button(
                "Edit",
                dialog_with(view.name, lambda dialog: self._form(dialog, view)),
                css="button-small",
                symbol="edit",
                test="edit-collection",
            )
            button("", delete, kind="plain", css="button-small", symbol="delete",
                   aria_label=f"Delete {view.name}")  # fmt: skip

    def _form(self, dialog: ui.dialog, view: CollectionView | None) -> None:
        name = ui.input("Name", value=view.name if view else "").props("outlined maxlength=80")
        dress(name, test="collection-name")
        readers = self._choice(
            "Who may read", view.readers if view else ["everyone"], test="readers"
        )
        writers = self._choice(
            "Who may add documents",
            view.writers if view else ["role:owner", "role:editor"],
            test="writers",
        )
        review = ui.switch(
            "Documents count only after a review", value=view.review if view else True
        )
        days = ui.number("Review again after (days)", value=view.review_days if view else 365)
        days.props("outlined min=1 max=3650")
        trouble = tag("div")

        async def save() -> None:
            given = {
                "name": (name.value or "").strip(),
                "readers": list(readers.value),
                "writers": list(writers.value),
                "review": bool(review.value),
                "review_days": int(days.value or 365),
            }
            trouble.clear()
            if not given["name"]:
                with trouble:
                    notice("What is it called?", "Give it a name.", tone="bad", test="error")
                return
            try:
                await self._save(view, given)
            except StoaError as error:
                with trouble:
                    error_notice(error)
                return
            dialog.close()
            say("Saved.")
            await self.draw()

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Save", save, kind="primary", test="save-collection")

    def _choice(self, label: str, value: list[str], *, test: str) -> ui.select:
        gone = dict.fromkeys(set(value) - self._principals.keys(), _GONE)
        options = self._principals | gone
        element = ui.select(options, value=value, multiple=True, label=label, with_input=True)
        return dress(element.props("outlined use-chips"), test=test)

    async def _save(self, view: CollectionView | None, given: dict[str, Any]) -> None:
        if view is None:
            await self._context.call("collection_create", given)
        else:
            await self._context.call("collection_set", {"collection": view.id, **given})
