"""Recipes to read and copy, and the text there is to learn from."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.words import large
from stoa.solutions.pretrain_llm.schema import SHARDS, DatasetList, DatasetView, RecipeList
from stoa.ui.elements import button, dress, say, stack, tag, text
from stoa.ui.feedback import empty_state
from stoa.ui.frame import amount, card, count
from stoa.ui.tables import Column, table
from stoa.ui.upload_zone import Uploaded, UploadZone


async def show_texts(context: PageContext) -> None:
    """The tab."""
    found: RecipeList = await context.call("recipes", {})
    with card("Recipes", "A recipe is the whole of a run: copy one, change it, train with it."):
        for each in found.recipes:
            with tag("div", "", "stack-tight", test="recipe-card"):
                facts = f"{large(each.parameters)} parameters, {count(each.steps, 'step')}, {large(each.tokens)} tokens"
                with ui.expansion(each.name, caption=facts).classes("w-full"):
                    text(each.about, "soft")
                    tag("pre", each.toml, "code scroll-x", tabindex="0")
    place = stack()

    async def draw() -> None:
        place.clear()
        with place:
            _datasets(await context.call("datasets", {}))

    if context.caller.role in EDITORS:
        _adding(context, draw)
    await draw()


def _adding(context: PageContext, draw: Callable[[], Awaitable[None]]) -> None:
    files: list[Uploaded] = []
    with card("Add text", "Shards are merged into one memory-mapped Arrow file."):
        name = ui.input("Name", placeholder="letters, digits, dots and dashes").props(
            "outlined dense"
        )
        dress(name, test="dataset-name")
        zone = UploadZone(
            files.append,
            accept=SHARDS,
            note="Text, JSONL or Parquet, plain or compressed",
            keep=True,
        )

        async def add() -> None:
            request = {"name": name.value or "", "files": [each.id for each in files]}
            added: DatasetView = await context.call("add_data", request)
            files.clear()
            zone.clear_files()
            say(
                f"{count(added.documents, 'document')} are kept as {added.name}, version {added.version}."
            )
            await draw()

        with tag("div", "", "dialog-actions"):
            button("Add", add, kind="primary", symbol="add", test="add-dataset")


def _datasets(found: DatasetList) -> None:
    with card("Text", flush=True):
        if not found.datasets:
            empty_state(
                "No text was added yet", "The sample recipe has its own.", symbol="menu_book"
            )
            return
        columns = [
            Column("name"), Column("version", number=True), Column("documents", number=True),
            Column("size"), Column("skipped", number=True),
        ]  # fmt: skip
        rows = [
            each.model_dump(include={"id", "name", "version", "documents", "skipped"})
            | {"size": amount(each.text_bytes)}
            for each in found.datasets
        ]
        table(columns, rows, label="Text", test="datasets")
