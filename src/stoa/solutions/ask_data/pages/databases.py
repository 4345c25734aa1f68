"""Databases: connect, try, refresh, disconnect; and the catalogue with words that people write."""

from nicegui import ui

from stoa.base.errors import StoaError
from stoa.base.identity.caller import EDITORS, OWNERS
from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.catalogue import CatalogueEditor
from stoa.solutions.ask_data.schema import (
    Connections,
    ConnectionView,
    HealthView,
    ListConnections,
    Refreshed,
)
from stoa.ui.elements import button, dress, say, tag, text
from stoa.ui.feedback import chip, confirm, empty_state, error_notice, notice
from stoa.ui.frame import ago, card, count


async def show_databases(context: PageContext) -> None:
    """The tab."""
    tab = _Databases(context)
    await tab.draw()


class _Databases:
    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._edits = context.caller.role in EDITORS | OWNERS
        self._list = tag("div", "", "stack", test="connections")
        if context.caller.role in OWNERS:
            self._form()
        self._catalogue = tag("div", "", "stack", test="catalogue")

    async def draw(self) -> None:
        """Show the connections as they are now."""
        found: Connections = await self._context.call("connections", ListConnections())
        self._list.clear()
        with self._list:
            if not found.connections:
                empty_state(
                    "No database yet",
                    "Connect one below, with a login that can only read.",
                    symbol="storage",
                )
            for each in found.connections:
                self._connection(each)

    def _connection(self, view: ConnectionView) -> None:
        async def look() -> None:
            self._catalogue.clear()
            with self._catalogue:
                await CatalogueEditor(self._context, view, edits=self._edits).draw()

        async def refresh() -> None:
            found: Refreshed = await self._context.call("refresh", {"database": view.id})
            changes = len(found.added) + len(found.removed) + len(found.changed)
            say(f"{count(changes, 'table')} changed." if changes else "Nothing has changed.")
            await self.draw()

        async def drop() -> None:
            if await confirm(
                f"Disconnect {view.name}?",
                "Its catalogue, questions and saved queries go too. The database itself is not touched.",
                yes="Disconnect",
            ):
                await self._context.call("disconnect", {"database": view.id})
                self._catalogue.clear()
                await self.draw()

        with card(test="connection"):
            with tag("div", "", "line-split"):
                with tag("div", "", "stack-tight grow"):
                    tag("h3", view.name)
                    told = f"{view.address} · {count(view.tables, 'table')}, {view.described} described · read {ago(view.refreshed_at)}"
                    tag("span", told, "soft small wrap-anywhere")
                if view.read_only:
                    chip("Read-only login", "good", "lock")
                else:
                    chip("This login can write", "warn", "lock_open")
            for warning in view.warnings:
                text(warning, "soft small")
            with tag("div", "", "line"):
                button("Catalogue", look, symbol="menu_book", css="button-small", test="look")
                if self._edits:
                    button("Test", lambda: self._try({"database": view.id}), symbol="bolt",
                           css="button-small", test="test")  # fmt: skip
                    button("Refresh", refresh, symbol="sync", css="button-small", test="refresh")
                if self._context.caller.role in OWNERS:
                    button("Disconnect", drop, kind="plain", css="button-small", test="disconnect")

    async def _try(self, request: dict[str, str]) -> None:
        health: HealthView = await self._context.call("test", request)
        able = "can only read" if health.read_only else "can also write: prefer one that can't"
        say(f"{health.dialect} {health.server_version} answers; the login {able}.")

    def _form(self) -> None:
        with card("Connect a database", "Its address is kept encrypted and never shown again."):
            with tag("div", "", "line"):
                name = ui.input("Name").props("outlined dense maxlength=80")
                dress(name, test="name")
                url = ui.input("URL", placeholder="postgresql://reader:password@host/shop")
                url.props("outlined dense maxlength=2000 autocomplete=off").classes("grow")
                dress(url, test="url")
            place = tag("div", "", "stack")

            async def test() -> None:
                place.clear()
                try:
                    await self._try({"url": url.value or ""})
                except StoaError as error:
                    with place:
                        error_notice(error)

            async def connect() -> None:
                place.clear()
                with place:
                    notice("Connecting", "Reading tables, columns and values.")
                try:
                    await self._context.call(
                        "connect", {"name": name.value or "", "url": url.value or ""}
                    )
                except StoaError as error:
                    place.clear()
                    with place:
                        error_notice(error)
                    return
                place.clear()
                name.value = url.value = ""
                await self.draw()

            with tag("div", "", "line"):
                button("Test", test, symbol="bolt", test="test-url")
                button("Connect", connect, kind="primary", symbol="add_link", test="connect")
