"""Events: the log with what became of each, dead letters with replay, webhooks, and the types there are.

One page for all solutions; it knows none by name.
"""

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.app.console.webhooks import Webhooks
from stoa.base.errors import Forbidden
from stoa.base.identity.caller import EDITORS
from stoa.core.events.log import DeliveryView, EventView
from stoa.core.events.tables import DeliveryState
from stoa.ui.elements import button, dress, icon, link, say, tag
from stoa.ui.feedback import Tone, chip, confirm, empty_state
from stoa.ui.frame import ago, card, count, facts, page_head
from stoa.ui.results import result_view

_PAGE = 50
_LOOK_EVERY = 2.0
_LOOKS: dict[DeliveryState, tuple[Tone, str]] = {
    DeliveryState.WAITING: ("live", "schedule"),
    DeliveryState.DELIVERED: ("good", "check"),
    DeliveryState.DEAD: ("bad", "error_outline"),
}
_TABS = (
    ("log", "Log", "receipt_long"),
    ("dead", "Dead letters", "mark_email_unread"),
    ("webhooks", "Webhooks", "webhook"),
    ("types", "Types", "category"),
)


async def show(visit: Visit) -> None:
    """`/events`"""
    if visit.caller.role not in EDITORS:
        raise Forbidden(
            "Events are for owners and editors.", hint="Ask an owner of the workspace for the role."
        )
    page_head("Events", "What happened, who was told, and who wants to know.")
    with ui.tabs().props("align=left no-caps inline-label") as tabs:
        for name, title, symbol in _TABS:
            with dress(ui.tab(name, label=""), test=f"tab-{name}"):
                with tag("span", "", "line"):
                    icon(symbol, "small-icon")
                    tag("span", title)
    asked = visit.query.get("show", "")
    chosen = next((name for name, _, _ in _TABS if name == asked), "log")
    with ui.tab_panels(tabs, value=chosen, animated=False, keep_alive=True):
        with ui.tab_panel("log"):
            log = _Log(visit)
        with ui.tab_panel("dead"):
            dead = _DeadLetters(visit)
        with ui.tab_panel("webhooks"):
            webhooks = Webhooks(visit)
        with ui.tab_panel("types"):
            _types(visit)
    draw = {"log": log.draw, "dead": dead.draw, "webhooks": webhooks.draw}
    for each in draw.values():
        await each()
    tabs.on_value_change(lambda event: _drawn(draw, str(event.value)))
    ui.timer(_LOOK_EVERY, log.look)


async def _drawn(draw: Mapping[str, Callable[[], Awaitable[None]]], name: str) -> None:
    """As of now, whenever a tab is opened."""
    if name in draw:
        await draw[name]()


class _Log:
    """The newest events, kept up to date while the page is open."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._types = ""
        self._shown: list[EventView] = []
        with card(flush=True):
            with tag("div", "", "card-title"):
                wanted = ui.input("Only types such as stoa.approval.*").props(
                    "outlined dense clearable"
                )
                dress(wanted, test="event-types")
                wanted.on_value_change(lambda event: self._filter(event.value))
            self._place = tag("div", "", "", aria_live="polite")

    async def _filter(self, types: str | None) -> None:
        self._types = (types or "").strip()
        await self.draw()

    async def look(self) -> None:
        """Draw again where something has changed."""
        found = await self._find()
        if found != self._shown:
            self._show(found)

    async def draw(self) -> None:
        """Show the log, as of now."""
        self._show(await self._find())

    async def _find(self) -> list[EventView]:
        caller = await self._visit.check()
        types = [each.strip() for each in self._types.split(",") if each.strip()]
        return await self._visit.platform.events.log.list(caller, types=types, limit=_PAGE)

    def _show(self, found: list[EventView]) -> None:
        self._shown = found
        self._place.clear()
        with self._place:
            if not found:
                empty_state(
                    "No events here yet",
                    "What systems do, and what others post to /api/events, shows up here.",
                    symbol="receipt_long",
                )
                return
            with tag("ul", "", "rows", test="events"):
                for each in found:
                    self._row(each)

    def _row(self, view: EventView) -> None:
        event = view.event

        with tag("li", test="event"):
            with tag("div", "", "grow"):
                link(event.type, f"/events/{view.id}", "row-link wrap-anywhere")
                about = f" · {event.subject}" if event.subject else ""
                tag("div", f"{event.source}{about}", "soft small clip")
            if view.received:
                chip("From outside", "quiet", "login")
            _standing(view)
            tag("span", ago(view.at), "soft small numbers")


async def show_one(visit: Visit) -> None:
    """`/events/{event}`"""
    events = visit.platform.events
    view = await events.log.show(visit.caller, visit.parameters["event"])
    found = await events.log.deliveries(visit.caller, event_id=view.id, limit=100)

    async def again() -> None:
        caller = await visit.check()
        await events.log.replay(caller, event_ids=[view.id])
        events.wake()
        ui.navigate.reload()

    with page_head(view.event.type, f"{view.event.source}, {ago(view.at)}"):
        if any(each.state is not DeliveryState.WAITING for each in found):
            button("Send again", again, symbol="replay", test="again")
        link("All events", "/events", "button button-quiet")
    with card("Data"):
        result_view(view.event.data if view.event.data is not None else {})
    with card("Told", flush=True):
        if not found:
            empty_state("Nobody wanted to know", symbol="webhook")
        with tag("ul", "", "rows", test="deliveries"):
            for each in found:
                _delivery(each)
    with card("Event"):
        plain = view.event.model_dump(mode="json", exclude={"data", "data_base64"})
        facts([(key, str(value)) for key, value in plain.items() if value is not None])


class _DeadLetters:
    """What was given up, by consumer, to be sent again."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with card(flush=True):
            self._place = tag("div")

    async def draw(self) -> None:
        """Show them, as of now."""
        caller = await self._visit.check()
        found = await self._visit.platform.events.log.deliveries(
            caller, state=DeliveryState.DEAD, limit=100
        )
        self._place.clear()
        with self._place:
            if not found:
                empty_state(
                    "No dead letters",
                    "An event that a consumer did not take after many attempts waits here.",
                    symbol="mark_email_read",
                )
                return
            with tag("div", "", "card-title"):
                with tag("div", "", "line-split"):
                    tag("h2", count(len(found), "dead letter"))
                    button("Send all again", self._all, symbol="replay", test="replay-all")
            with tag("ul", "", "rows", test="dead-letters"):
                for each in found:
                    self._row(each)

    def _row(self, letter: DeliveryView) -> None:
        async def again() -> None:
            await self._replay(consumer=letter.consumer, event_id=letter.event_id)

        with tag("li"):
            with tag("div", "", "grow"):
                what = f"{letter.type} → {letter.title}"
                link(what, f"/events/{letter.event_id}", "row-link wrap-anywhere")
                tag("div", letter.error, "soft small wrap-anywhere")
            tag("span", count(letter.attempts, "attempt"), "soft small")
            tag("span", ago(letter.ended_at or letter.at), "soft small numbers")
            button("Send again", again, css="button-small", symbol="replay", test="replay")

    async def _all(self) -> None:
        if await confirm(
            "Send all dead letters again?",
            "Consumers that took an event before tell it by its id.",
            yes="Send again",
            kind="primary",
        ):
            await self._replay()

    async def _replay(self, consumer: str | None = None, event_id: str | None = None) -> None:
        caller = await self._visit.check()
        events = self._visit.platform.events
        ids = None if event_id is None else [event_id]
        number = await events.log.replay(caller, consumer=consumer, event_ids=ids)
        events.wake()
        say(f"{count(number, 'letter')} on the way again.")
        await self.draw()


def _standing(view: EventView) -> None:
    """What became of it, in one chip: the worst first."""
    if view.dead:
        chip(f"{view.dead} dead", "bad", "error_outline", test="standing")
    elif view.waiting or view.number is None:
        chip("On the way", "live", "schedule", test="standing")
    elif view.delivered:
        chip(f"Told {view.delivered}", "good", "check", test="standing")
    else:
        chip("Kept", "quiet", test="standing")


def _delivery(each: DeliveryView) -> None:
    with tag("li"):
        with tag("div", "", "grow"):
            tag("div", each.title, "wrap-anywhere")
            said = f"{each.error} Next attempt {ago(each.next_at)}." if each.next_at else each.error
            if each.error:
                tag("div", said, "soft small wrap-anywhere")
        tag("span", count(each.attempts, "attempt"), "soft small")
        tone, symbol = _LOOKS[each.state]
        chip(each.state.capitalize(), tone, symbol, test="status")


def _types(visit: Visit) -> None:
    found = visit.dispatcher.published_types()
    with card(flush=True):
        if not found:
            empty_state("No types yet", "Systems declare what they publish.", symbol="category")
            return
        with tag("ul", "", "rows", test="event-kinds"):
            for each in found:
                with tag("li"):
                    with tag("div", "", "grow"):
                        tag("code", each.type, "wrap-anywhere")
                        tag("div", each.description, "soft small")
                        for name in each.reactions:
                            tag("div", f"Starts {name}", "soft small")
                        with ui.expansion("Data").classes("soft small"):
                            result_view(each.data_schema)
                    chip(visit.dispatcher.solutions[each.solution].title)
