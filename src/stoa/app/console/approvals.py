"""The inbox: everything that runs ask people, one for all solutions, made for the keyboard.

A queue on one side, the question on the other. It looks every second whether anything has happened to
a question of the workspace, so what somebody else decides shows here at once.
"""

import asyncio
from datetime import timedelta
from typing import Any

from nicegui import ui
from nicegui.events import KeyEventArguments

from stoa.app.console.approval_detail import Detail, whom
from stoa.app.console.visit import Visit
from stoa.base.identity.caller import Role
from stoa.core.flows.questions import ApprovalState, ApprovalView, Order, Sought
from stoa.ui.elements import Tag, button, dress, guarded, on_click, say, tag, text
from stoa.ui.feedback import dialog_with, empty_state, notice, status_chip
from stoa.ui.frame import ago, card, count, page_head

MOST_SHOWN = 100
_LOOK_EVERY = 1.0
_STATES = {
    "open": "Waiting",
    "decided": "Decided",
    "expired": "Expired",
    "withdrawn": "Withdrawn",
    "": "All",
}
_AGES = {
    "": "Any age",
    "1": "Older than an hour",
    "24": "Older than a day",
    "168": "Older than a week",
}
_ORDERS = {
    Order.OLDEST: "Longest waiting first",
    Order.DUE: "Nearest deadline first",
    Order.NEWEST: "Newest first",
}
_KEYS = (
    ("j / k", "next, previous question"),
    ("1 … 9", "pick a choice by its number"),
    ("a / r", "pick the first, the last choice"),
    ("Enter", "decide what is picked"),
    ("e", "edit the text"),
    ("Esc", "leave a field, or the question"),
    ("t", "put it to somebody else"),
    ("h", "history"),
    ("?", "this help"),
)


async def show(visit: Visit) -> None:
    """`/inbox`"""
    inbox = _Inbox(visit)
    with page_head("Inbox", "What waits for your decision."):
        await inbox.mail_choice()
        button(
            "Keys",
            dialog_with("Keys", lambda _: _help()),
            kind="plain",
            symbol="keyboard",
            css="by-keys",
            test="keys",
        )
    await inbox.undelivered()
    await inbox.draw()
    visit.live(inbox.follow)


class _Inbox:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._approvals = visit.platform.flows.approvals
        self._found: list[ApprovalView] = []
        self._rows: dict[str, Tag] = {}
        self._seen: Any = None
        self._chosen: dict[str, str] = {"state": "open", "order": Order.OLDEST, "whom": ""}

    async def mail_choice(self) -> None:
        """A switch: e-mails about questions, or none. Absent where no mail server is configured."""
        letters = self._approvals.letters
        if not letters.enabled:
            return
        switch = ui.switch("E-mail me", value=await letters.wants(self._visit.caller))
        dress(switch, test="by-mail")

        async def change() -> None:
            await letters.want(await self._visit.check(), bool(switch.value))
            say(
                "You get an e-mail when something is asked of you."
                if switch.value
                else "No e-mails."
            )

        switch.on_value_change(lambda: guarded(change))

    async def undelivered(self) -> None:
        """For owners: the e-mails that were given up, and a way to try them again."""
        if self._visit.caller.role is not Role.OWNER:
            return
        failed = await self._approvals.letters.failed(self._visit.caller)
        if not failed:
            return

        def fill(dialog: ui.dialog) -> None:
            with tag("ul", "", "rows", test="letters"):
                for letter in failed:
                    with tag("li"), tag("div", "", "grow"):
                        tag("div", f"To {letter.to_name}, {ago(letter.created_at)}")
                        tag("div", letter.error, "soft small wrap-anywhere")

            async def again() -> None:
                caller = await self._visit.check()
                for letter in failed:
                    await self._approvals.letters.retry(caller, letter.id)
                dialog.close()
                block.delete()
                say("They are being sent again.")

            with tag("div", "", "dialog-actions"):
                button("Try them again", again, kind="primary", test="retry-letters")

        title = f"{count(len(failed), 'e-mail')} could not be delivered"
        block = notice(title, "Those who were asked find it in their inbox.", tone="warn")
        with block:
            button("Look", dialog_with(title, fill), css="button-small", test="undelivered")

    async def draw(self) -> None:
        """The whole page, as of now."""
        await self._filters()
        self._count = tag("p", "", "soft small", aria_live="polite", test="inbox-count")
        with tag("div", "", "inbox", test="inbox") as self._frame:
            with card(flush=True):
                self._queue = tag(
                    "ul", "", "rows inbox-queue", aria_label="Questions", test="queue"
                )
            with tag("div", "", "inbox-detail") as place:
                self._detail = Detail(self._visit, place, self._next, self._close)
        ui.keyboard(self._key, ignore=["input", "textarea", "select"], repeating=True)
        await self._load()
        wanted = self._visit.query.get("approval", "")
        if wanted in self._rows:
            await self._open(wanted)
        elif self._found:
            await self._open(self._found[0].id, focus=False)
        else:
            self._detail.empty()

    async def _filters(self) -> None:
        counts = await self._approvals.count(self._visit.caller)
        systems = {"": "Every system"} | {
            name: solution.title for name, solution in self._visit.dispatcher.solutions.items()
        }
        whoms = {"": "Me or my role", "me": "Me, by name"} | {
            role: f"{role.capitalize()}s" for role in Role
        }
        if self._visit.caller.role is Role.OWNER:
            whoms["everyone"] = "Everyone"
        self._chosen["solution"] = self._visit.query.get("solution", "")
        if self._chosen["solution"] not in systems:
            self._chosen["solution"] = ""
        with tag("div", "", "inbox-filters", role="search", aria_label="Filters", test="filters"):
            self._select("state", "State", _STATES)
            self._select("whom", "Asked of", whoms)
            self._select("solution", "System", _with_counts(systems, counts.by_solution))
            self._select("age", "Age", _AGES)
            self._select("order", "Order", _ORDERS)

    def _select(self, name: str, label: str, options: dict[Any, str]) -> None:
        value = self._chosen.setdefault(name, "")
        select = ui.select(options, value=value, label=label).props("outlined dense options-dense")
        dress(select, test=f"filter-{name}")

        async def change() -> None:
            self._chosen[name] = str(select.value or "")
            await self._load()
            self._frame.props.pop("data-open", None)
            if self._found:
                await self._open(self._found[0].id, focus=False)
            else:
                self._detail.empty()

        select.on_value_change(lambda: guarded(change))

    def _sought(self) -> Sought:
        whom_, age = self._chosen["whom"], self._chosen["age"]
        return Sought(
            state=ApprovalState(self._chosen["state"]) if self._chosen["state"] else None,
            solution=self._chosen["solution"],
            mine=whom_ == "me",
            role=Role(whom_) if whom_ in {*Role} else None,
            everyone=whom_ == "everyone",
            older_than=timedelta(hours=int(age)) if age else None,
            order=Order(self._chosen["order"]),
        )

    async def _load(self) -> None:
        caller = await self._visit.check()
        self._found = await self._approvals.list(caller, self._sought(), limit=MOST_SHOWN)
        counts = await self._approvals.count(caller)
        shown = count(len(self._found), "question")
        more = "or more " if len(self._found) == MOST_SHOWN else ""
        self._count.set_text(
            f"{shown} {more}here · {counts.waiting} waiting for you, {counts.mine} by name"
        )
        self._draw_queue()

    def _draw_queue(self) -> None:
        self._queue.clear()
        self._rows.clear()
        with self._queue:
            for each in self._found:
                self._row(each)
        if not self._found:
            with self._queue, tag("li"), tag("div", "", "grow"):
                waiting = self._chosen["state"] == "open"
                empty_state(
                    "Nothing waits for you" if waiting else "Nothing here",
                    "When a run needs a decision from you, it asks here."
                    if waiting
                    else "No question fits these filters.",
                )
        self._mark()

    def _row(self, asked: ApprovalView) -> None:
        with tag("li", "", "inbox-row", test="question") as row:
            with tag("button", "", "inbox-open", type="button", test=f"open-{asked.id}") as opener:
                tag("span", asked.question, "inbox-question")
                solution = self._visit.dispatcher.solutions.get(asked.solution)
                title = solution.title if solution else asked.solution
                tag("span", f"{title} · {whom(asked)} · {ago(asked.created_at)}", "soft small clip")
            on_click(opener, lambda: self._open(asked.id))
            if asked.state is not ApprovalState.OPEN:
                status_chip(asked.state)
            elif asked.deadline is not None:
                tag("span", _due(asked), "soft small numbers")
        self._rows[asked.id] = row

    def _mark(self) -> None:
        for approval_id, row in self._rows.items():
            row.props["aria-current"] = "true" if approval_id == self._detail.shown_id else "false"

    async def _open(self, approval_id: str, *, focus: bool = True) -> None:
        await self._detail.show(approval_id)
        if focus:
            self._frame.props["data-open"] = "yes"  # on a phone: the question instead of the queue
        self._mark()
        if focus:
            ui.run_javascript(
                "document.querySelector('.inbox-row[aria-current=true]')?.scrollIntoView({block:'nearest'})"
            )

    async def _next(self) -> None:
        """After a decision: what is next in the queue."""
        ids = [each.id for each in self._found]
        here = ids.index(self._detail.shown_id) if self._detail.shown_id in ids else 0
        await self._load()
        if self._found:
            await self._open(self._found[min(here, len(self._found) - 1)].id, focus=False)
        else:
            self._close()
            self._detail.empty()

    def _close(self) -> None:
        self._frame.props.pop("data-open", None)

    async def _step(self, by: int) -> None:
        ids = [each.id for each in self._found]
        if not ids:
            return
        here = ids.index(self._detail.shown_id) if self._detail.shown_id in ids else -by
        await self._open(ids[max(0, min(here + by, len(ids) - 1))])

    async def _key(self, event: KeyEventArguments) -> None:
        held = event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta
        if not event.action.keydown or held:
            return
        key = event.key.name
        if key in ("j", "k"):
            await guarded(lambda: self._step(1 if key == "j" else -1))
        elif key == "?" and not event.action.repeat:
            await dialog_with("Keys", lambda _: _help())()
        elif key == "Escape":
            self._close()
        elif not event.action.repeat:
            await guarded(lambda: self._detail.key(key))

    async def follow(self) -> None:
        """Look whether anything happened, for as long as the page is open."""
        self._seen = await self._approvals.changed_at(await self._visit.check())
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            changed = await self._approvals.changed_at(self._visit.caller)
            if changed == self._seen:
                continue
            self._seen = changed
            await self._load()
            await self._detail.refresh()
            if self._detail.shown_id is None and self._found:
                await self._open(self._found[0].id, focus=False)


def _help() -> None:
    with tag("dl", "", "facts keys", test="help"):
        for keys, meaning in _KEYS:
            with tag("dt"):
                tag("kbd", keys)
            tag("dd", meaning)
    text("A choice that is picked is not made yet: Enter makes it.", "soft small")


def _with_counts(names: dict[str, str], counts: dict[str, int]) -> dict[str, str]:
    return {
        name: f"{title} ({counts[name]})" if name in counts else title
        for name, title in names.items()
    }


def _due(asked: ApprovalView) -> str:
    return f"due {ago(asked.deadline)}" if asked.deadline else ""
