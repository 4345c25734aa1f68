"""Webhooks of the workspace: who is told of events, with secrets that are shown once."""

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.core.events.subscriptions import SubscriptionView
from stoa.ui.elements import button, dress, say, tag, text
from stoa.ui.feedback import chip, confirm, dialog_with, empty_state
from stoa.ui.frame import ago, card


class Webhooks:
    """The list, and what can be done with each."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with card(flush=True):
            with tag("div", "", "card-title"):
                with tag("div", "", "line-split"):
                    tag("h2", "Webhooks")
                    button(
                        "Add a webhook",
                        dialog_with("Add a webhook", self._ask_for_new),
                        kind="primary",
                        symbol="add",
                        test="add-webhook",
                    )
            self._place = tag("div")

    async def draw(self) -> None:
        """Show them, as of now."""
        found = await self._visit.platform.events.subscriptions.list(await self._visit.check())
        self._place.clear()
        with self._place:
            if not found:
                empty_state(
                    "Nobody is told yet",
                    "A webhook posts events to an address of yours, signed, until it is taken.",
                    symbol="webhook",
                )
                return
            with tag("ul", "", "rows", test="webhooks"):
                for each in found:
                    self._row(each)

    def _row(self, view: SubscriptionView) -> None:
        with tag("li", test="webhook"):
            with tag("div", "", "grow"):
                with tag("div", "", "line"):
                    tag("span", view.title, "strong wrap-anywhere")
                    _health(view)
                tag("div", view.url, "soft small wrap-anywhere")
                told = f"last told {ago(view.delivered_at)}" if view.delivered_at else "never told"
                waiting = f" · {view.waiting} waiting" if view.waiting else ""
                dead = f" · {view.dead} dead" if view.dead else ""
                tag("div", f"{', '.join(view.types)} · {told}{waiting}{dead}", "soft small")
                if view.reason:
                    tag("div", view.reason, "small")

            async def switch() -> None:
                await self._change(view, active=not view.active)

            async def rotate() -> None:
                await self._rotate(view)

            async def remove() -> None:
                await self._remove(view)

            words = "Pause" if view.active else "Resume"
            button(words, switch, css="button-small", test="switch")
            button("New secret", rotate, css="button-small", test="rotate")
            button(
                "",
                remove,
                kind="plain",
                symbol="delete",
                aria_label=f"Remove {view.title}",
                test="remove-webhook",
            )

    async def _change(self, view: SubscriptionView, *, active: bool) -> None:
        caller = await self._visit.check()
        events = self._visit.platform.events
        await events.subscriptions.change(caller, view.id, active=active)
        events.wake()
        await self.draw()

    async def _rotate(self, view: SubscriptionView) -> None:
        if await confirm(
            f"Replace the secret of '{view.title}'?",
            "For a day messages are signed by both, so that the consumer can change over.",
            yes="Replace",
            kind="primary",
        ):
            caller = await self._visit.check()
            secret = await self._visit.platform.events.subscriptions.rotate(caller, view.id)
            await _show_secret(secret)

    async def _remove(self, view: SubscriptionView) -> None:
        if await confirm(
            f"Remove '{view.title}'?",
            "It is told nothing more, and what waits is dropped.",
            yes="Remove",
        ):
            caller = await self._visit.check()
            await self._visit.platform.events.subscriptions.remove(caller, view.id)
            await self.draw()

    def _ask_for_new(self, dialog: ui.dialog) -> None:
        url = ui.input("Address").props("outlined type=url autocomplete=off maxlength=2000")
        types = ui.input("Event types", value="*").props("outlined autocomplete=off")
        title = ui.input("Title").props("outlined autocomplete=off maxlength=200")
        text("Separate types by commas; * stands for any characters.", "soft small")
        for element, name in ((url, "url"), (types, "types"), (title, "title")):
            dress(element, test=f"webhook-{name}")

        async def add() -> None:
            caller = await self._visit.check()
            view, secret = await self._visit.platform.events.subscriptions.add(
                caller,
                url=(url.value or "").strip(),
                types=[each for each in (types.value or "").split(",") if each.strip()],
                title=title.value or "",
            )
            dialog.close()
            say(f"'{view.title}' is told from now on.")
            await self.draw()
            await _show_secret(secret)

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Add", add, kind="primary", test="webhook-add")


def _health(view: SubscriptionView) -> None:
    if not view.active:
        chip("Paused", "quiet", "pause", test="health")
    elif view.failures:
        chip("Failing", "bad", "error_outline", test="health")
    else:
        chip("Active", "good", "check", test="health")


async def _show_secret(secret: str) -> None:
    def fill(_dialog: ui.dialog) -> None:
        text("With it your consumer checks the signature. Copy it now: it can't be shown again.")
        with tag("div", "", "secret"):
            tag("code", secret, test="secret")
            button("Copy", lambda: ui.clipboard.write(secret), symbol="content_copy")

    await dialog_with("The secret of the webhook", fill)()
