"""The models of a shop: versions with their figures, approve and reject, deploy, roll back, lineage."""

from typing import Any

from nicegui import ui

from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.recommend_products.pages.lineage import draw_lineage
from stoa.solutions.recommend_products.pages.words import metric, model_name, share
from stoa.solutions.recommend_products.schema import LineageView, ModelView, ModelViews
from stoa.ui.elements import button, dress, link, say, tag, text
from stoa.ui.feedback import chip, confirm, dialog_with, empty_state
from stoa.ui.frame import ago, card, facts

_LOOK_EVERY = 3.0
_MOST = 200


async def show_models(context: PageContext, shop: str) -> None:
    """The tab."""
    listing = _Models(context, shop)
    await listing.draw()
    ui.timer(_LOOK_EVERY, listing.draw)


class _Models:
    def __init__(self, context: PageContext, shop: str) -> None:
        self._context = context
        self._shop = shop
        self._shown: ModelViews | None = None
        with tag("div", "", "line-split"):
            text(
                "What passed its checks, newest first. The champion answers; it can go back in one step.",
                "soft",
            )
            if context.caller.role in EDITORS:
                button("Roll back", self._roll_back, symbol="undo", test="roll-back")
        with card(flush=True):
            self._rows = tag("ul", "", "rows", test="models", aria_live="polite")

    async def draw(self) -> None:
        """Show the list as of now, where it has changed."""
        found: ModelViews = await self._context.call("models", {"shop": self._shop, "limit": _MOST})
        if found == self._shown:
            return
        self._shown = found
        self._rows.clear()
        with self._rows:
            for each in found.models:
                self._row(each)
            if not found.models:
                with tag("li"):
                    empty_state(
                        "No model yet",
                        "The pipeline registers the best of what it trains, if it passes its checks.",
                        symbol="model_training",
                    )

    def _row(self, view: ModelView) -> None:
        with tag("li", "", test="model"):
            with tag("div", "", "grow"):
                with tag("div", "", "line"):
                    tag("strong", f"v{view.version} · {model_name(view.model)}")
                    for alias in view.aliases:
                        symbol = "emoji_events" if alias == "champion" else "science"
                        chip(alias.capitalize(), "good" if alias == "champion" else "live", symbol)
                    _approval(view)
                figures = (
                    f"NDCG@10 {metric(view.metrics, 'ndcg')} · HR@10 {metric(view.metrics, 'hr')}"
                    f" · coverage {share(view.metrics.get('coverage'), 0)}"
                )
                tag("div", figures, "small numbers")
                about = [
                    view.dataset,
                    view.code_version and f"code {view.code_version[:12]}",
                    ago(view.created_at),
                ]
                tag("div", " · ".join(each for each in about if each), "soft small wrap-anywhere")
            self._buttons(view)

    def _buttons(self, view: ModelView) -> None:
        async def approve() -> None:
            await self._context.call("approve", {"model": view.id})
            say("Approved.")
            await self.draw()

        async def deploy() -> None:
            more = "It is loaded and tried first; what serves now goes on until it answers."
            if await confirm(f"Deploy v{view.version}?", more, yes="Deploy", kind="primary"):
                await self._context.call("deploy", {"model": view.id})
                say(f"v{view.version} serves.")
                await self.draw()

        role = self._context.caller.role
        with tag("div", "", "line"):
            if view.approval == "pending" and role in REVIEWERS:
                button(
                    "Approve",
                    approve,
                    kind="primary",
                    css="button-small",
                    symbol="check",
                    test="approve",
                )
                button("Reject", dialog_with(f"Reject v{view.version}", lambda d: self._reject(d, view)),
                       css="button-small", test="reject")  # fmt: skip
            if view.approval == "approved" and not view.aliases and role in EDITORS:
                button("Deploy", deploy, css="button-small", symbol="rocket_launch", test="deploy")
            button(
                "Details", dialog_with(f"v{view.version} · {model_name(view.model)}", lambda d: self._details(d, view), wide=True),
                kind="plain", css="button-small", test="details",
            )  # fmt: skip

    def _reject(self, dialog: ui.dialog, view: ModelView) -> None:
        reason = ui.input("Why").props("outlined maxlength=500")
        dress(reason, test="reject-reason")

        async def reject() -> None:
            await self._context.call("reject", {"model": view.id, "reason": reason.value or ""})
            dialog.close()
            say("Rejected; what serves goes on serving.")
            await self.draw()

        with tag("div", "", "dialog-actions"):
            button("Reject", reject, kind="danger", test="reject-yes")

    async def _details(self, dialog: ui.dialog, view: ModelView) -> None:
        del dialog
        facts(
            [
                (name, value)
                for name, value in (
                    ("Metrics", ", ".join(f"{k} {v:.4g}" for k, v in sorted(view.metrics.items()))),
                    ("Parameters", _told(view.parameters)),
                    ("Trained on", view.dataset),
                    ("Code version", view.code_version),
                    ("SHA-256 of its files", view.digest),
                    ("Decided by", view.decided_by),
                    ("Reason", view.reason),
                )
                if value
            ]
        )
        if view.run:
            link("The run that made it", f"/runs/{view.run}")
        found: LineageView = await self._context.call("lineage", {"model": view.id})
        with tag("div", "", "stack-tight", test="lineage"):
            tag("h3", "Lineage")
            draw_lineage(view, found)

    async def _roll_back(self) -> None:
        more = "The model before it is loaded and tried, then it answers. No call is lost."
        if await confirm("Go back to the model before?", more, yes="Roll back", kind="primary"):
            back: ModelView = await self._context.call("roll_back", {"shop": self._shop})
            say(f"v{back.version} serves again.")
            await self.draw()


def _approval(view: ModelView) -> None:
    match view.approval:
        case "pending":
            chip("Waits for approval", "warn", "front_hand", test="approval")
        case "rejected":
            chip("Rejected", "bad", "thumb_down_off_alt", test="approval")
        case _:
            chip("Approved", "quiet", "check", test="approval")


def _told(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
