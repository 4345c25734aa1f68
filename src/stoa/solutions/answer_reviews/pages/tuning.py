"""Thresholds of a channel: where they lie, what people's decisions say of them, and a suggestion."""

from typing import Any

from nicegui import ui

from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.answer_reviews.pages.curve import curve
from stoa.solutions.answer_reviews.pages.words import percent
from stoa.solutions.answer_reviews.schema import (
    Channels,
    ChannelSettings,
    ListChannels,
    Thresholds,
)
from stoa.ui.elements import button, dress, guarded, say, tag, text
from stoa.ui.feedback import notice
from stoa.ui.frame import card, count, figures


async def show_tuning(context: PageContext) -> None:
    """The tab."""
    found: Channels = await context.call("channels", ListChannels())
    settings = {each.settings.channel: each.settings for each in found.channels}
    with tag("div", "", "line-split"):
        text(
            "Below the lower threshold a text goes on, above the upper one it is harmful, between them a person decides.",
            "soft",
        )
        chosen = ui.select([*settings], value=next(iter(settings))).props("outlined dense")
        dress(chosen, aria_label="Channel", test="tuned-channel")
    place = tag("div", "", "stack", test="tuning")

    async def draw() -> None:
        name = str(chosen.value)
        own: Thresholds = await context.call("thresholds", {"channel": name})
        every: Thresholds = await context.call("thresholds", {})
        place.clear()
        with place:
            _Tuning(context, settings[name], own, every, draw, settings).show()

    chosen.on_value_change(lambda: guarded(draw))
    await draw()


class _Tuning:
    def __init__(
        self, context: PageContext, settings: ChannelSettings, own: Thresholds, every: Thresholds,
        redraw: Any, all_settings: dict[str, ChannelSettings],
    ) -> None:  # fmt: skip
        self._context = context
        self._settings = settings
        self._shown = own if own.suggestion is not None else every
        self._of_all = own.suggestion is None
        self._redraw = redraw
        self._all = all_settings

    def show(self) -> None:
        """Picture, suggestion, settings."""
        found = self._shown
        whose = "all channels" if self._of_all else self._settings.channel
        with card(
            "What people decided",
            f"{count(found.labels, 'label')} of {whose}, {found.harmful} of them harmful.",
        ):
            if found.labels:
                curve(found, self._settings.low, self._settings.high)
            self._suggestion(found)
        self._form()

    def _suggestion(self, found: Thresholds) -> None:
        suggested = found.suggestion
        if suggested is None:
            notice("No suggestion yet", found.note, test="suggestion")
            return
        figures(
            [
                ("suggested", f"{suggested.low:.2f} – {suggested.high:.2f}"),
                ("would be held", percent(suggested.held)),
                ("harmful missed", percent(suggested.missed)),
                ("harmless refused", percent(suggested.wrongly_refused)),
            ]
        )
        text(found.note, "soft small", test="suggestion")

        async def take() -> None:
            await self._save({"low": suggested.low, "high": suggested.high})

        if self._context.caller.role in EDITORS:
            with tag("div", "", "line"):
                button(
                    f"Use them for “{self._settings.channel}”",
                    take,
                    symbol="check",
                    test="use-suggestion",
                )

    def _form(self) -> None:
        now = self._settings
        with card(f"Channel “{now.channel}”"):
            with tag("div", "", "line"):
                low = ui.number("Lower threshold", value=now.low, min=0, max=1, step=0.01)
                high = ui.number("Upper threshold", value=now.high, min=0, max=1, step=0.01)
                people = ui.number("People who must agree", value=now.people, min=1, max=5, step=1)
                hours = ui.number("Hours to decide", value=now.deadline_hours, min=1, step=1)
            for name, field in (("low", low), ("high", high), ("people", people), ("hours", hours)):
                dress(field.props("outlined dense").classes("narrow-field"), test=f"set-{name}")
            judge = ui.select(
                {
                    "local": "The local classifier scores",
                    "model": "The model of the role fast scores",
                },
                value=now.judge,
            )
            dress(judge.props("outlined dense"), aria_label="Who scores", test="set-judge")
            approve = ui.checkbox(
                "A person sees every reply before it goes out", value=now.approve_replies
            )
            signature = ui.input("Signature", value=now.signature).props(
                "outlined dense maxlength=200"
            )

            async def save() -> None:
                await self._save(
                    {
                        "low": low.value, "high": high.value, "people": people.value,
                        "deadline_hours": hours.value, "judge": judge.value,
                        "approve_replies": approve.value, "signature": signature.value or "",
                    }
                )  # fmt: skip

            if self._context.caller.role in EDITORS:
                with tag("div", "", "line"):
                    button("Save", save, kind="primary", test="save-channel")

    async def _save(self, changed: dict[str, Any]) -> None:
        given = self._settings.model_dump(mode="json") | changed
        saved: ChannelSettings = await self._context.call("channel_set", given)
        self._all[saved.channel] = saved
        say("It holds for reviews that come in from now on.")
        await self._redraw()
