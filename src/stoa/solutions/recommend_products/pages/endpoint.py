"""What serves a shop: its state, live rate and latency, the traffic split, and the test of two models."""

from collections import deque

from nicegui import ui

from stoa.base.errors import NotFound
from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.recommend_products.pages.words import (
    ENDPOINT_STATES,
    milliseconds,
    model_name,
    share,
)
from stoa.solutions.recommend_products.schema import Arm, EndpointView
from stoa.ui.charts import interval_of, line_over_time
from stoa.ui.elements import button, guarded, say, tag, text
from stoa.ui.feedback import chip, confirm, empty_state, notice
from stoa.ui.frame import card, count, figures

_LOOK_EVERY = 2.0
_KEPT = 90
_VERDICTS = {
    "challenger": ("good", "The challenger is better."),
    "champion": ("warn", "The champion is better."),
    "undecided": ("info", "No difference shows yet."),
    "too little": ("info", "Too few answers so far to tell."),
}


async def show_endpoint(context: PageContext, shop: str) -> None:
    """The tab."""
    endpoint = _Endpoint(context, shop)
    await endpoint.draw()
    ui.timer(_LOOK_EVERY, endpoint.draw)


class _Endpoint:
    def __init__(self, context: PageContext, shop: str) -> None:
        self._context = context
        self._shop = shop
        self._rates: deque[float] = deque(maxlen=_KEPT)
        self._shown: EndpointView | None = None
        self._place = tag("div", "", "stack", test="endpoint")

    async def draw(self) -> None:
        """Show it as of now, where it has changed."""
        try:
            view: EndpointView = await self._context.call("endpoint", {"shop": self._shop})
        except NotFound as error:
            self._nothing(error)
            return
        self._rates.append(view.requests_per_second)
        if view == self._shown and not any(self._rates):
            return
        self._shown = view
        self._place.clear()
        with self._place:
            self._state(view)
            self._arms(view)
            self._usage(view)

    def _nothing(self, error: NotFound) -> None:
        self._shown = None
        self._place.clear()
        with self._place:
            empty_state(error.message, error.hint, symbol="cloud_off")

    def _state(self, view: EndpointView) -> None:
        words, tone, symbol = ENDPOINT_STATES.get(view.state, (view.state, "quiet", ""))
        with card():
            with tag("div", "", "line-split"):
                with tag("div", "", "line"):
                    tag("h2", view.name)
                    chip(words, tone, symbol, test="endpoint-state")
                replicas = sum(each.replicas for each in view.arms)
                told = (
                    f"{count(replicas, 'replica')} ({view.least_replicas} to {view.most_replicas})"
                )
                tag("span", told, "soft small numbers clip", test="replicas")
            if view.problem:
                notice("It is not as it should be", view.problem, tone="warn")
            figures(
                [
                    ("requests a second", f"{view.requests_per_second:,.1f}"),
                    ("errors a second", f"{view.errors_per_second:,.1f}"),
                    ("half within", milliseconds(view.p50_milliseconds)),
                    ("99 % within", milliseconds(view.p99_milliseconds)),
                ]
            )
            if len(self._rates) > 1:
                seconds = int(_LOOK_EVERY * (len(self._rates) - 1))
                line_over_time(
                    [
                        (f"{seconds} s ago" if place == 0 else "now", rate)
                        for place, rate in enumerate(self._rates)
                    ],
                    label="Requests a second, over the time this page was open",
                )

    def _arms(self, view: EndpointView) -> None:
        with card("Who answers"):
            for arm in view.arms:
                self._arm(arm)
            if len(view.arms) < 2:
                text(
                    "To test two models beside each other, set a share for challengers under Settings.",
                    "soft small",
                )
                return
            tone, told = _VERDICTS.get(view.verdict, ("info", view.verdict))
            more = ""
            if view.difference is not None:
                more = (
                    f"Challenger minus champion: {share(view.difference)}, 95 % between "
                    f"{share(view.difference_low)} and {share(view.difference_high)}."
                )
            notice(told, more, tone=tone, test="verdict")  # type: ignore[arg-type]
            if self._context.caller.role in EDITORS:
                with tag("div", "", "line"):
                    button(
                        "Make the challenger champion",
                        lambda: self._end("challenger"),
                        test="promote",
                    )
                    button("Keep the champion", lambda: self._end("champion"), test="keep")

    def _arm(self, arm: Arm) -> None:
        with tag("div", "", "stack-tight", test="arm"):
            with tag("div", "", "line-split"):
                with tag("div", "", "line"):
                    chip(arm.arm.capitalize(), "good" if arm.arm == "champion" else "live",
                         "emoji_events" if arm.arm == "champion" else "science")  # fmt: skip
                    tag("strong", f"v{arm.version} · {model_name(arm.name)}")
                tag("span", f"{100 * arm.share:.0f} % of the users", "soft small numbers")
            told = f"{arm.clicked:,} of {arm.shown:,} answers were clicked"
            if arm.rate is not None and arm.low is not None and arm.high is not None:
                told += f": {share(arm.rate)}, 95 % between {share(arm.low)} and {share(arm.high)}"
                interval_of(arm.low, arm.rate, arm.high, label=told)
            tag("span", told, "soft small numbers")

    def _usage(self, view: EndpointView) -> None:
        with card("Call it"):
            tag(
                "pre",
                'curl -X POST $STOA/api/recommend_products/rank -H "Authorization: Bearer $STOA_KEY" \\\n'
                '  -H "Content-Type: application/json" \\\n'
                f'  -d \'{{"shop": "{view.shop}", "user": "u101", "items": ["p001", "p002", "p003"]}}\'',
                "code",
                tabindex="0",
            )

    async def _end(self, winner: str) -> None:
        whose = "The challenger answers everybody from then on." if winner == "challenger" else (
            "The challenger is withdrawn; the champion answers everybody."
        )  # fmt: skip
        if await confirm("End the test?", whose, yes="End it", kind="primary"):
            await guarded(lambda: self._ended(winner))

    async def _ended(self, winner: str) -> None:
        await self._context.call("end_test", {"shop": self._shop, "winner": winner})
        say("The test is over.")
        await self.draw()
