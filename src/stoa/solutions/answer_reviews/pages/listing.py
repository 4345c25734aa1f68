"""The live list of reviews, a form to send one, and the way to the inbox."""

from typing import Any

from nicegui import ui

from stoa.base.identity.caller import REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.answer_reviews.pages.detail import open_review
from stoa.solutions.answer_reviews.pages.words import STATES, WAITING, toxicity
from stoa.solutions.answer_reviews.schema import (
    Channels,
    ListChannels,
    Reviews,
    ReviewState,
    ReviewView,
)
from stoa.ui.elements import button, dress, guarded, link, on_click, say, tag
from stoa.ui.feedback import chip, dialog_with, empty_state, notice
from stoa.ui.frame import ago, card, count

_PAGE = 50
_LOOK_EVERY = 2.0


async def show_reviews(context: PageContext) -> None:
    """The tab."""
    listing = _Listing(context)
    await listing.fill_channels()
    await listing.draw()
    ui.timer(_LOOK_EVERY, listing.draw)


class _Listing:
    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._shown: Any = None
        self._limit = _PAGE
        with tag("div", "", "line-split"):
            with tag("div", "", "line"):
                self._state = ui.select(
                    {"": "Every state", "open": "Not ended"}
                    | {state.value: words for state, (words, _, _) in STATES.items()},
                    value="",
                ).props("outlined dense")
                dress(self._state, aria_label="State", test="state")
                self._channel = ui.select({"": "Every channel"}, value="").props("outlined dense")
                dress(self._channel, aria_label="Channel", test="channel")
                self._text = ui.input(placeholder="Search").props("outlined dense clearable")
                dress(self._text, aria_label="Search", test="search")
            button(
                "Send a review",
                dialog_with("Send a review", self._form),
                kind="primary",
                symbol="add",
                test="send",
            )
        self._waiting = tag("div")
        with card(flush=True):
            self._rows = tag("ul", "", "rows", test="reviews", aria_live="polite")
            self._foot = tag("div", "", "line")
        for each in (self._state, self._channel, self._text):
            each.on_value_change(lambda: guarded(self.draw))

    async def fill_channels(self) -> None:
        """Offer the channels there are."""
        found: Channels = await self._context.call("channels", ListChannels())
        names = [each.settings.channel for each in found.channels]
        self._channel.set_options({"": "Every channel"} | {name: name for name in names})

    async def draw(self) -> None:
        """Show the list as of now, where it has changed."""
        state = str(self._state.value or "")
        request: dict[str, Any] = {
            "limit": self._limit,
            "open": state == "open",
            "state": state if state in list(ReviewState) else None,
            "channel": self._channel.value or None,
            "text": self._text.value or "",
        }
        found: Reviews = await self._context.call("list", request)
        waiting: Reviews = await self._context.call("list", {"open": True, "limit": 500})
        held = sum(each.state in WAITING for each in waiting.reviews)
        if (found, held) == self._shown:
            return
        self._shown = (found, held)
        self._draw_waiting(held)
        self._rows.clear()
        with self._rows:
            for review in found.reviews:
                self._row(review)
            if not found.reviews:
                filtered = bool(state or request["channel"] or request["text"])
                empty_state(
                    "No review matches" if filtered else "No reviews yet",
                    "" if filtered else "Send one here, by POST /api/answer_reviews/submit, or as an event NEW_REVIEW.",
                    symbol="rate_review",
                )  # fmt: skip
        self._draw_foot(found)

    def _draw_waiting(self, held: int) -> None:
        self._waiting.clear()
        if held and self._context.caller.role in REVIEWERS:
            with (
                self._waiting,
                notice(
                    f"{count(held, 'review')} {'waits' if held == 1 else 'wait'} for a person",
                    tone="warn",
                    test="waiting",
                ),
            ):
                link("Decide in the inbox", "/inbox", test="to-inbox")

    def _draw_foot(self, found: Reviews) -> None:
        self._foot.clear()
        if found.total <= len(found.reviews):
            return

        async def more() -> None:
            self._limit = min(500, self._limit + _PAGE)
            await self.draw()

        with self._foot:
            tag("span", f"{len(found.reviews)} of {found.total}", "soft small")
            if self._limit < 500:
                button("More", more, css="button-small", test="more")

    def _row(self, review: ReviewView) -> None:
        words, tone, symbol = STATES[review.state]

        async def look() -> None:
            await open_review(self._context, review.id, self.draw)

        with tag("li", "", test="review"):
            with tag("div", "", "grow"):
                title = review.title or review.text or "(retracted)"
                opener = tag("button", title[:160], "link-button wrap-anywhere", type="button")
                on_click(opener, look)
                about = [review.channel, review.product, review.author, review.language]
                told = " · ".join(each for each in about if each)
                tag("div", f"{told} · {ago(review.received_at)}", "soft small")
            if review.rating:
                tag(
                    "span",
                    f"{review.rating} ★",
                    "soft small numbers",
                    aria_label=f"{review.rating} stars",
                )
            tag("span", toxicity(review.toxicity), "soft small numbers", title="Toxicity")
            chip(words, tone, symbol, test="review-state")

    async def _form(self, dialog: ui.dialog) -> None:
        text = ui.textarea("Review").props("outlined autogrow maxlength=100000")
        dress(text, test="review-text")
        fields = {
            name: ui.input(label).props("outlined dense")
            for name, label in (("channel", "Channel"), ("author", "Name"), ("product", "Product"))
        }
        for name, field in fields.items():
            dress(field, test=f"review-{name}")
        stars = ui.select({None: "No stars"} | {n: f"{n} ★" for n in range(1, 6)}, value=None)
        dress(stars.props("outlined dense"), aria_label="Stars")

        async def send() -> None:
            given = {name: field.value for name, field in fields.items() if field.value}
            await self._context.start(
                "submit", {"text": text.value or "", "rating": stars.value, **given}
            )
            dialog.close()
            say("The review is on its way.")
            await self.draw()

        with tag("div", "", "dialog-actions"):
            button("Send", send, kind="primary", test="send-review")
