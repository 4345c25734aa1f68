"""API keys: made here, shown once, narrowed to scopes, revoked. Owners see all, others their own."""

from datetime import UTC, datetime, timedelta

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.base.identity.caller import Role
from stoa.base.identity.keys import KeyView
from stoa.ui.elements import button, dress, tag, text
from stoa.ui.feedback import chip, confirm, dialog_with, empty_state, status_chip
from stoa.ui.frame import ago, card, page_head

_LIVES = {30: "30 days", 90: "90 days", 365: "One year", 0: "Until revoked"}


async def show_keys(visit: Visit) -> None:
    """`/settings/keys`"""
    page = _Keys(visit)
    with page_head("API keys", "For programs: REST, the command line, MCP and the /v1 gateway."):
        button(
            "New key",
            dialog_with("New API key", page.ask_for_new),
            kind="primary",
            symbol="add",
            test="new-key",
        )
    with card(flush=True):
        page.place = tag("div")
    await page.draw()


class _Keys:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.place = tag("div")

    async def draw(self) -> None:
        """Show the keys, as of now."""
        found = await self._visit.platform.accounts.keys(await self._visit.check())
        self.place.clear()
        with self.place:
            if not found:
                empty_state(
                    "No keys yet",
                    "A program sends its key as 'Authorization: Bearer stoa_…'.",
                    symbol="key",
                )
                return
            with tag("ul", "", "rows", test="keys"):
                for key in found:
                    self._row(key)

    def _row(self, key: KeyView) -> None:
        state = _state(key)
        with tag("li"):
            with tag("div", "", "grow"):
                with tag("div", "", "line"):
                    tag("span", key.name, "wrap-anywhere")
                    tag("code", f"{key.prefix}…", "soft")
                used = f"used {ago(key.used_at)}" if key.used_at else "never used"
                until = f" · until {key.expires_at:%-d %b %Y}" if key.expires_at else ""
                tag("div", f"{key.role.capitalize()} · {used}{until}", "soft small")
            for scope in key.scopes or ["all systems"]:
                chip(scope)
            status_chip(state)
            if state == "active":

                async def revoke() -> None:
                    await self._revoke(key)

                button("Revoke", revoke, kind="danger", css="button-small", test="revoke")

    async def _revoke(self, key: KeyView) -> None:
        if await confirm(
            f"Revoke '{key.name}'?", "Programs that use it are refused from now on.", yes="Revoke"
        ):
            await self._visit.platform.accounts.revoke_key(await self._visit.check(), key.id)
            await self.draw()

    def ask_for_new(self, dialog: ui.dialog) -> None:
        """The form for a new key, which turns into the secret."""
        roles = list(Role) if self._visit.caller.role is Role.OWNER else [self._visit.caller.role]
        name = ui.input("Name").props("outlined autocomplete=off maxlength=80")
        dress(name, test="key-name")
        scopes = ui.select(
            _scopes(self._visit), multiple=True, value=[], label="Scopes (all if none)"
        )
        scopes.props("outlined use-chips")
        dress(scopes, test="key-scopes")
        role = ui.select(
            {each: each.capitalize() for each in roles}, value=self._visit.caller.role, label="Role"
        ).props("outlined")
        life = ui.select(_LIVES, value=90, label="Valid for").props("outlined")

        async def make() -> None:
            caller = await self._visit.check()
            ends = datetime.now(UTC) + timedelta(days=life.value) if life.value else None
            _, secret = await self._visit.platform.accounts.create_key(
                caller,
                name.value or "",
                scopes=list(scopes.value) or None,
                role=Role(role.value),
                expires_at=ends,
            )
            dialog.close()
            await self.draw()
            await _show_secret(secret)

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Make the key", make, kind="primary", test="make-key")


async def _show_secret(secret: str) -> None:
    def fill(_dialog: ui.dialog) -> None:
        text("Copy it now. Only its hash is kept, so it can't be shown again.")
        with tag("div", "", "secret"):
            tag("code", secret, test="secret")
            button("Copy", lambda: ui.clipboard.write(secret), symbol="content_copy")

    await dialog_with("Your new key", fill)()


def _scopes(visit: Visit) -> dict[str, str]:
    found = {"v1": "v1: the model gateway"}
    found["events"] = "events: read, publish and subscribe"
    found["events.publish"] = "events.publish: send events in"
    for solution in visit.dispatcher.solutions.values():
        found[solution.name] = f"{solution.name}: all of {solution.title}"
        for operation in solution.operations:
            scope = f"{solution.name}.{operation.name}"
            found[scope] = scope
    if visit.caller.role is Role.OWNER:
        found["admin"] = "admin: members, keys, audit log"
    return found


def _state(key: KeyView) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        return "expired"
    return "active"
