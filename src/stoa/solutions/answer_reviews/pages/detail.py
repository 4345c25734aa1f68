"""One review in a dialog: what it says, how it was judged, what was answered, and who was told."""

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import PageContext
from stoa.core.language.classify import Span
from stoa.solutions.answer_reviews.pages.event_log import event_rows
from stoa.solutions.answer_reviews.pages.words import STATES, feeling, toxicity
from stoa.solutions.answer_reviews.schema import EventLines, Pictures, ReviewState, ReviewView
from stoa.ui.elements import button, link, say, tag
from stoa.ui.feedback import chip, confirm, dialog_with
from stoa.ui.frame import ago, facts

_LONGEST = 20_000


async def open_review(
    context: PageContext, review: str, changed: Callable[[], Awaitable[None]]
) -> None:
    """Show the dialog; `changed` is called after something was done."""

    async def fill(dialog: ui.dialog) -> None:
        view: ReviewView = await context.call("show", {"review": review})
        await _content(context, view)
        _actions(context, view, dialog, changed)

    await dialog_with("Review", fill, wide=True)()


async def _content(context: PageContext, view: ReviewView) -> None:
    words, tone, symbol = STATES[view.state]
    with tag("div", "", "line"):
        chip(words, tone, symbol)
        if view.state in (ReviewState.HELD, ReviewState.REPLY_HELD):
            link("Decide in the inbox", "/inbox")
    if view.title:
        tag("h3", view.title, "wrap-anywhere")
    marked_text(view.text, view.toxicity.spans if view.toxicity else [])
    facts(
        [
            (name, value)
            for name, value in (
                (
                    "Toxicity",
                    f"{toxicity(view.toxicity)} by {view.toxicity.by}" if view.toxicity else "",
                ),
                ("In doubt", view.toxicity.note if view.toxicity else ""),
                ("Sentiment", feeling(view.sentiment) if view.sentiment else ""),
                ("Channel", view.channel),
                ("Product", view.product),
                ("Name", view.author),
                ("Your id", view.review_id),
                ("Received", ago(view.received_at)),
                ("Decided by", view.decided_by),
                ("Reason", view.reason),
            )
            if value
        ]
    )
    if view.reply:
        with tag("div", "", "stack-tight"):
            tag("h3", "Reply")
            tag("div", view.reply, "quote", test="reply")
            by = (
                "composed of phrases, without a model"
                if view.reply_by == "offline"
                else view.reply_by
            )
            edited = ", changed by a person" if view.reply_edited else ""
            tag("span", f"{by}{edited} · toxicity {toxicity(view.reply_toxicity)}", "soft small")
    if view.pictures:
        found: Pictures = await context.call("pictures", {"review": view.id})
        with tag("div", "", "stack-tight"):
            tag("h3", "Pictures")
            for each in found.pictures:
                told = each.verdict.replace("_", " ")
                tag("span", f"{each.media_type or 'no picture'}, {told}: {each.reason}", "small")
    if context.caller.role in EDITORS:
        told_: EventLines = await context.call("event_log", {"review": view.id})
        with tag("div", "", "stack-tight"):
            tag("h3", "Events")
            event_rows(told_.events)


def _actions(
    context: PageContext,
    view: ReviewView,
    dialog: ui.dialog,
    changed: Callable[[], Awaitable[None]],
) -> None:
    async def label(harmful: bool) -> None:
        await context.call("label", {"review": view.id, "harmful": harmful})
        dialog.close()
        say("Noted: thresholds learn from it.")
        await changed()

    async def retract() -> None:
        more = "Its text is forgotten, and consumers are told to take back what they have of it."
        if await confirm("Retract this review?", more, yes="Retract"):
            await context.call("retract", {"review": view.id})
            dialog.close()
            await changed()

    with tag("div", "", "dialog-actions"):
        if context.caller.role in EDITORS and view.state is not ReviewState.RETRACTED:
            button("Retract", retract, kind="danger", test="retract")
        if context.caller.role in REVIEWERS and view.toxicity is not None:
            button("It is harmless", lambda: label(False), test="label-harmless")
            button("It is harmful", lambda: label(True), test="label-harmful")


def marked_text(text: str, spans: Sequence[Span]) -> None:
    """A text with the places marked that moved its score."""
    with tag("div", "", "quote", tabindex="0", test="review-text"):
        at = 0
        for span in sorted(spans, key=lambda each: each.start):
            if span.start < at or span.end > min(len(text), _LONGEST):
                continue
            if span.start > at:
                tag("span", text[at : span.start])
            tag("mark", text[span.start : span.end], title=span.kind)
            at = span.end
        tag("span", text[at:_LONGEST] + (" …" if len(text) > _LONGEST else ""))
