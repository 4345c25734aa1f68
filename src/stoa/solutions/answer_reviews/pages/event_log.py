"""What was published about reviews, and whether every consumer has it."""

from collections.abc import Sequence

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.answer_reviews.pages.words import EVENTS
from stoa.solutions.answer_reviews.schema import EventLine, EventLines
from stoa.ui.elements import link, tag, text
from stoa.ui.feedback import chip, empty_state
from stoa.ui.frame import ago, card, count

_LOOK_EVERY = 2.0


async def show_events(context: PageContext) -> None:
    """The tab."""
    with tag("div", "", "line-split"):
        text(
            "Webhooks and other consumers subscribe to these without touching what is here.", "soft"
        )
        link("Webhooks and dead letters", "/events", test="to-events")
    with card(flush=True):
        place = tag("div")
    shown: EventLines | None = None

    async def draw() -> None:
        nonlocal shown
        found: EventLines = await context.call("event_log", {"limit": 100})
        if found == shown:
            return
        shown = found
        place.clear()
        with place:
            if found.events:
                event_rows(found.events)
            else:
                empty_state("Nothing was published yet", symbol="podcasts")

    await draw()
    ui.timer(_LOOK_EVERY, draw)


def event_rows(events: Sequence[EventLine]) -> None:
    """A row an event, with how its deliveries stand."""
    with tag("ul", "", "rows", test="events"):
        for each in events:
            tone, symbol = EVENTS.get(each.type, ("quiet", "podcasts"))
            with tag("li", "", test="event"):
                with tag("div", "", "grow"):
                    chip(each.type.replace("_", " ").lower(), tone, symbol)
                tag("span", ago(each.at), "soft small")
                _deliveries(each)


def _deliveries(event: EventLine) -> None:
    if event.dead:
        chip(f"{event.dead} given up", "bad", "error_outline")
    if event.waiting:
        chip(f"{event.waiting} on the way", "live", "schedule")
    if event.delivered:
        chip(f"{count(event.delivered, 'consumer')} told", "good", "check")
    if not (event.dead or event.waiting or event.delivered):
        chip("nobody subscribed", "quiet")
