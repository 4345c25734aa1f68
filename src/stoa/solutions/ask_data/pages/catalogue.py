"""The catalogue of one database: search its tables, read what is known, write what they mean."""

from nicegui import ui

from stoa.contract import PageContext
from stoa.core.tables.catalogue import Column, Table
from stoa.solutions.ask_data.schema import (
    CatalogueView,
    ConnectionView,
    Drafted,
    Export,
    Imported,
    ShowCatalogue,
)
from stoa.ui.elements import button, dress, guarded, say, tag, text
from stoa.ui.feedback import chip, empty_state
from stoa.ui.frame import card, count
from stoa.ui.upload_zone import Uploaded, UploadZone

_PAGE = 50
_VALUES = 8


class CatalogueEditor:
    """Tables to open and to describe."""

    def __init__(self, context: PageContext, view: ConnectionView, *, edits: bool) -> None:
        self._context = context
        self._view = view
        self._edits = edits
        with card(f"Catalogue of {view.name}", test="catalogue-card"):
            with tag("div", "", "line"):
                self._text = ui.input("Find a table").props("outlined dense clearable")
                self._text.classes("grow")
                dress(self._text, test="find-table")
                button("schema.json", self._export, symbol="download", test="export")
                if edits:
                    button("Draft descriptions", self._draft, symbol="auto_awesome", test="draft")
            self._place = tag("div", "", "", test="catalogue-tables")
            if edits:
                with ui.expansion("Import descriptions from CSV"):
                    text("Columns: table, description; to describe columns also column.", "soft")
                    UploadZone(self._import, accept=(".csv",), multiple=False, note="CSV, UTF-8")
        self._text.on("change", lambda: guarded(self.draw))

    async def draw(self) -> None:
        """Show the tables that fit what is looked for."""
        request = ShowCatalogue(
            database=self._view.id, text=(self._text.value or "").strip(), limit=_PAGE
        )
        found: CatalogueView = await self._context.call("catalogue", request)
        self._place.clear()
        with self._place:
            if not found.catalogue.tables:
                empty_state("No such table", symbol="search_off")
            for table in found.catalogue.tables:
                self._table(table)
            if found.total > len(found.catalogue.tables):
                more = found.total - len(found.catalogue.tables)
                text(f"And {count(more, 'more table')}: narrow the search.", "soft small")

    def _table(self, table: Table) -> None:
        rows = "" if table.rows is None else f" · {count(table.rows, 'row')}"
        with tag("div", "", "catalogue-table", test="catalogue-table"):
            with ui.expansion().classes("w-full") as fold:
                with fold.add_slot("header"), tag("div", "", "stack-tight grow"):
                    tag("span", table.key, "strong wrap-anywhere")
                    about = table.description or table.comment or "Not described yet"
                    tag("span", about, "soft small")
                built = False

                def build() -> None:
                    nonlocal built
                    if not built:
                        built = True
                        with fold:
                            self._inside(table, f"{count(len(table.columns), 'column')}{rows}")

                fold.on_value_change(build)

    def _inside(self, table: Table, size: str) -> None:
        tag("span", size, "soft small")
        self._field(table.key, "", "What a row of this table is", table.description)
        with tag("div", "", "catalogue-columns"):
            for column in table.columns:
                with tag("div", "", "stack-tight"):
                    with tag("span", "", "line"):
                        tag("span", column.name, "code wrap-anywhere")
                        if column.primary_key:
                            chip("key")
                    tag("span", _known(column), "soft small wrap-anywhere")
                self._field(table.key, column.name, "What it means", column.description)

    def _field(self, table: str, column: str, label: str, value: str) -> None:
        if not self._edits:
            tag("span", value, "soft")
            return
        field = ui.input(label, value=value).props("outlined dense maxlength=2000")
        dress(field, aria_label=f"{label}: {table}.{column}".strip("."), test="description")
        kept = value

        async def keep() -> None:
            nonlocal kept
            words = (field.value or "").strip()
            if words == kept:
                return
            request = {"database": self._view.id, "table": table, "column": column}
            await self._context.call("describe", {**request, "description": words})
            kept = words
            say("Kept.")

        field.on("blur", lambda: guarded(keep))
        field.on("keydown.enter", lambda: guarded(keep))

    async def _export(self) -> None:
        file: Export = await self._context.call("export", {"database": self._view.id})
        ui.download(file.text.encode(), file.name, file.media_type)

    async def _draft(self) -> None:
        drafted: Drafted = await self._context.call("draft", {"database": self._view.id})
        say(f"{count(drafted.described, 'table')} described. Put right what is wrong.")
        await self.draw()

    async def _import(self, file: Uploaded) -> None:
        request = {"database": self._view.id, "file": file.id}
        done: Imported = await self._context.call("import_descriptions", request)
        unknown = f" Unknown: {', '.join(done.unknown[:5])}." if done.unknown else ""
        say(f"{count(done.described, 'description')} taken over.{unknown}")
        await self.draw()


def _known(column: Column) -> str:
    parts = [column.type.lower()]
    if column.values:
        shown = [str(value) for value in column.values[:_VALUES]]
        more = ", …" if len(column.values) > _VALUES else ""
        parts.append(", ".join(shown) + more)
    elif column.minimum is not None:
        parts.append(f"{column.minimum} to {column.maximum}")
    if column.comment:
        parts.append(column.comment)
    return " · ".join(parts)
