"""One question in the inbox: what it is about, the text to edit, the choices, to whom it goes on.

What a person has typed stays while the page follows what others do: only the state and the buttons
are drawn anew.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element

from stoa.app.console.visit import Visit
from stoa.base.errors import Conflict, Forbidden, NotFound
from stoa.base.identity.caller import Role
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.letter_words import moment, said
from stoa.core.flows.questions import ApprovalState, ApprovalView, HistoryEntry, Way, pieces
from stoa.ui.diff import diff_view, marked_text
from stoa.ui.elements import Tag, button, dress, icon, link, say, tag
from stoa.ui.feedback import chip, dialog_with, empty_state, notice, status_chip
from stoa.ui.frame import ago, card, facts
from stoa.ui.results import result_view
from stoa.ui.tables import plain as in_words

_SHORT = 120
_WAYS = {
    Way.CONSOLE: "in the console",
    Way.EMAIL: "by e-mail",
    Way.API: "over the API",
    Way.EXPIRY: "at the deadline",
}
_ACTIONS = {
    "asked": "Asked",
    "asked_again": "Asked again",
    "voted": "Chosen",
    "decided": "Decided",
    "reassigned": "Put to somebody else",
    "escalated": "Moved on, because nobody had decided",
    "reminded": "Reminded",
    "expired": "Deadline passed",
    "withdrawn": "Withdrawn with its run",
}


def whom(asked: ApprovalView) -> str:
    """Whom it is asked of, in words."""
    if asked.to_user is not None:
        return f"to {asked.to_name or 'one person'}"
    return f"to {asked.to_role}s" if asked.to_role else "to everyone"


class Detail:
    """The open question of the inbox."""

    def __init__(
        self,
        visit: Visit,
        place: Element,
        decided: Callable[[], Awaitable[None]],
        closed: Callable[[], None],
    ) -> None:
        self._visit = visit
        self._approvals = visit.platform.flows.approvals
        self._place = place
        self._decided = decided
        self._closed = closed
        self._asked: ApprovalView | None = None
        self._text: ui.textarea | None = None
        self._reason: ui.input | None = None
        self._state: Tag | None = None
        self._actions: Tag | None = None
        self._drawn: tuple[object, ...] = ()

    @property
    def shown_id(self) -> str | None:
        """Id of the question that is shown."""
        return self._asked.id if self._asked else None

    def empty(self) -> None:
        """Show none."""
        self._asked = None
        self._place.clear()
        with self._place, card():
            empty_state("No question is open", "Those in the list open here.", symbol="rule")

    async def show(self, approval_id: str) -> None:
        """Show a question from the start."""
        caller = await self._visit.check()
        self._asked = asked = await self._approvals.show(caller, approval_id)
        self._text = self._reason = None
        self._drawn = ()
        self._place.clear()
        with self._place, card(test="approval"):
            self._head(asked)
            self._state = tag("div", "", "stack", aria_live="polite", test="approval-state")
            self._material(asked)
            self._actions = tag("div", "", "stack inbox-actions")
            with ui.expansion("History", icon="history").classes("inbox-history") as self._history:
                self._lines = tag("ol", "", "timeline", test="history")
            dress(self._history, test="history-toggle")
            self._history.on_value_change(lambda event: self._fill_history(bool(event.value)))
        self._draw()

    async def refresh(self) -> None:
        """Show how the question stands now; leave alone what the person is typing."""
        if self._asked is None:
            return
        before = self._asked.proposed_text
        try:
            caller = await self._visit.check()
            self._asked = await self._approvals.show(caller, self._asked.id)
        except NotFound:  # put to somebody else, and not ours to see any more
            self.empty()
            say("This question was put to somebody else.")
            return
        if self._text is not None and self._text.value == before:  # untouched: what others propose
            self._text.value = self._asked.proposed_text
        self._draw()

    def _head(self, asked: ApprovalView) -> None:
        with tag("div", "", "inbox-back"):
            button("To the list", self._closed, kind="plain", symbol="arrow_back", test="back")
        tag("h2", asked.question, "wrap-anywhere")
        solution = self._visit.dispatcher.solutions.get(asked.solution)
        title = solution.title if solution else asked.solution
        with tag("div", "", "line small soft"):
            tag("span", f"{title}: {asked.operation.replace('_', ' ')}")
            tag("span", f"asked {ago(asked.created_at)}", title=moment(asked.created_at))
            link("To the run", f"/runs/{asked.run_id}")

    def _material(self, asked: ApprovalView) -> None:
        """The context, its texts with what is marked in them, and the text to edit."""
        marked = {each.field for each in asked.highlights}
        texts = {
            name: value
            for name, value in asked.context.items()
            if isinstance(value, str) and (name in marked or len(value) > _SHORT or "\n" in value)
        }
        plain = {name: value for name, value in asked.context.items() if name not in texts}
        if any(isinstance(value, dict | list) for value in plain.values()):
            result_view(plain)
        elif plain:
            facts([(said(name), in_words(value) or "—") for name, value in plain.items()])
        for name, text in texts.items():
            self._marked(said(name), text, asked, name)
        if asked.editable_text is None:
            return
        shown = asked.text if asked.state is not ApprovalState.OPEN else asked.proposed_text
        if asked.state is not ApprovalState.OPEN or not asked.may_decide:
            with tag("section", "", "stack-tight"):
                tag("h3", "Text, as it will be used")
                diff_view(asked.editable_text, shown or asked.editable_text, test="diff")
            return
        if any(not each.field for each in asked.highlights):
            self._marked("To look at", asked.editable_text, asked, "")
        self._editor(asked.editable_text, shown or "")

    def _marked(self, title: str, text: str, asked: ApprovalView, field: str) -> None:
        marks = [each for each in asked.highlights if each.field == field]
        with tag("section", "", "stack-tight"):
            tag("h3", title)
            marked_text(
                [(part, None if mark is None else mark.note) for part, mark in pieces(text, marks)],
                test=f"marked-{field or 'text'}",
            )
            for note in dict.fromkeys(each.note for each in marks if each.note):
                tag("span", note, "soft small")

    def _editor(self, original: str, proposed: str) -> None:
        self._text = ui.textarea("Text, as it will be used", value=proposed)
        self._text.props("outlined autogrow debounce=150")
        dress(self._text, test="approval-text")
        changes = tag("div", "", "stack-tight", aria_live="polite")

        def compare() -> None:
            changes.clear()
            value = self._text.value if self._text is not None else original
            if value == original:
                return
            with changes:
                tag("h3", "What is changed")
                diff_view(original, value or "", test="diff")

        self._text.on_value_change(compare)
        self._text.on("keydown.esc", js_handler="(event) => event.target.blur()")
        compare()

    def _draw(self) -> None:
        """State and buttons, where they are not so already: a button must not vanish under a finger."""
        asked = self._asked
        if asked is None or self._state is None or self._actions is None:
            return
        with self._state.clear():
            self._standing(asked)
        drawn = (asked.state, asked.may_decide)
        if drawn != self._drawn:
            self._drawn = drawn
            with self._actions.clear():
                self._choices(asked)

    def _standing(self, asked: ApprovalView) -> None:
        with tag("div", "", "line"):
            status_chip("waiting" if asked.state is ApprovalState.OPEN else asked.state)
            chip(whom(asked), symbol="person" if asked.to_user else "group")
            if asked.deadline is not None and asked.state is ApprovalState.OPEN:
                after = f", then “{said(asked.default_choice)}”" if asked.default_choice else ""
                chip(f"until {moment(asked.deadline)}{after}", "warn", "schedule")
            if asked.escalated_at is not None:
                chip(f"moved on {ago(asked.escalated_at)}", "warn", "trending_up")
        if asked.people > 1:
            self._votes(asked)
        if asked.state is not ApprovalState.OPEN:
            notice(*_ending(asked), tone="info", test="ending")

    def _votes(self, asked: ApprovalView) -> None:
        choices = {(each.choice, each.text) for each in asked.votes}
        with tag("div", "", "stack-tight", test="votes"):
            tag("span", f"{asked.people} different people must choose the same.", "small")
            for each in asked.votes:
                why = f": {each.reason}" if each.reason else ""
                with tag("div", "", "line small"):
                    icon("how_to_vote", "small-icon")
                    tag("span", f"{each.name} chose “{said(each.choice)}” {ago(each.at)}{why}")
            if len(choices) > 1:
                tag("span", "They disagree; more people may choose.", "small", test="disagree")

    def _choices(self, asked: ApprovalView) -> None:
        if asked.state is not ApprovalState.OPEN:
            return
        if asked.may_decide:
            self._reason = ui.input("Reason, for the history (optional)").props("outlined dense")
            self._reason.on("keydown.esc", js_handler="(event) => event.target.blur()")
            dress(self._reason, test="reason")
            with tag("div", "", "line"):
                for place, choice in enumerate(asked.choices):
                    self._choice(choice, place)
        else:
            notice("You can see this, but it is not asked of you.", tone="info")
        if asked.may_decide or self._visit.caller.role is Role.OWNER:
            with tag("div", "", "line"):
                button(
                    "To somebody else",
                    dialog_with("Put it to somebody else", self._ask_whom),
                    kind="plain",
                    symbol="forward",
                    test="reassign",
                )
                tag("span", "Pick with the number keys, decide with Enter.", "soft small by-keys")

    def _choice(self, choice: str, place: int) -> None:
        async def decide() -> None:
            await self._decide(choice)

        kind: Any = "primary" if place == 0 else "quiet"
        element = button("", decide, kind=kind, test=f"decide-{choice}", data_choice=str(place))
        element.classes(remove="button-icon")
        with element:
            tag("kbd", f"{place + 1}", "by-keys", aria_hidden="true")
            tag("span", said(choice))

    async def _decide(self, choice: str) -> None:
        asked = self._asked
        if asked is None:
            return
        caller = await self._visit.check()
        given = self._text.value if self._text is not None else None
        reason = (self._reason.value if self._reason is not None else "") or ""
        ballot = Ballot(choice, given, reason, Way.CONSOLE)
        try:
            decision = await self._approvals.decide(caller, asked.id, ballot)
        except (Conflict, Forbidden) as error:  # somebody else was faster: show how it stands
            say(str(error), bad=True)
            await self.refresh()
            return
        if decision.choice is None:
            say(f"Noted: {said(choice)}. Others must agree before it counts.")
            await self.refresh()
            return
        say(f"Decided: {said(choice)}.")
        await self._decided()

    async def _ask_whom(self, dialog: ui.dialog) -> None:
        caller = await self._visit.check()
        members = await self._visit.platform.accounts.members(caller)
        people = {each.user_id: f"{each.name} ({each.role})" for each in members}
        options = {role: f"Every {role}" for role in Role} | people
        choice = ui.select(options, label="To whom", with_input=True).props("outlined")
        note = ui.input("Note, for the next person (optional)").props("outlined maxlength=2000")
        dress(choice, test="to-whom")
        dress(note, test="note")

        async def send() -> None:
            if self._asked is None or choice.value is None:
                say("Choose whom to put it to.", bad=True)
                return
            to = Role(choice.value) if choice.value in {*Role} else str(choice.value)
            now = await self._visit.check()
            await self._approvals.reassign(now, self._asked.id, to, note.value or "")
            dialog.close()
            say(f"Put to {options[choice.value]}.")
            await self._decided()

        with tag("div", "", "dialog-actions"):
            button("Cancel", dialog.close)
            button("Put it to them", send, kind="primary", test="send")

    async def _fill_history(self, opened: bool) -> None:
        if not opened or self._asked is None:
            return
        caller = await self._visit.check()
        lines = await self._approvals.history(caller, self._asked.id)
        self._lines.clear()
        with self._lines:
            for each in lines:
                with tag("li", "", "tone-quiet"):
                    with tag("div", "", "wrap-anywhere"):
                        tag("span", _line(each))
                        for more in _more(each):
                            tag("div", more, "soft small")
                    tag("time", moment(each.at), datetime=each.at.isoformat())

    async def key(self, key: str) -> None:
        """Do what a key means here."""
        asked = self._asked
        if asked is None:
            return
        places = {"a": 0, "r": len(asked.choices) - 1}
        place = int(key) - 1 if key.isdecimal() else places.get(key)
        if place is not None:
            ui.run_javascript(f"document.querySelector('[data-choice=\"{place}\"]')?.focus()")
        elif key == "e" and self._text is not None:
            self._text.run_method("focus")
        elif key == "h":
            self._history.value = not self._history.value
        elif key == "t" and (asked.may_decide or self._visit.caller.role is Role.OWNER):
            await dialog_with("Put it to somebody else", self._ask_whom)()


def _ending(asked: ApprovalView) -> tuple[str, str]:
    """How a question ended: in a line, and in the reason that was given."""
    if asked.state is ApprovalState.WITHDRAWN:
        return "The run was cancelled", "It is asked again if the run is resumed."
    choice = said(asked.choice) if asked.choice else "nothing"
    when = moment(asked.decided_at) if asked.decided_at else ""
    if asked.state is ApprovalState.EXPIRED:
        return f"Nobody decided in time: “{choice}” holds", when
    way = _WAYS.get(asked.way, "") if asked.way else ""
    return f"{asked.decided_by_name or 'Somebody'} chose “{choice}” {way}", " · ".join(
        each for each in (when, asked.reason) if each
    )


def _line(entry: HistoryEntry) -> str:
    choice = entry.details.get("choice")
    what = _ACTIONS.get(entry.action, said(entry.action))
    return (
        f"{what}: {said(str(choice))}, by {entry.actor}" if choice else f"{what}, by {entry.actor}"
    )


def _more(entry: HistoryEntry) -> list[str]:
    details = entry.details
    to = details.get("to_user") or details.get("to_role")
    lines = [f"to {to}" if to else "", str(details.get("note", "")), str(details.get("reason", ""))]
    if "way" in details:
        lines.append(_WAYS.get(Way(details["way"]), ""))
    return [each for each in lines if each]
