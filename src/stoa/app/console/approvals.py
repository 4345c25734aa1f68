"""The inbox: what runs ask people, and the answers. One for all solutions."""

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.base.errors import Conflict
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.questions import ApprovalState, ApprovalView, Sought, Way
from stoa.ui.elements import button, dress, link, say, tag
from stoa.ui.feedback import empty_state, status_chip
from stoa.ui.frame import ago, card, page_head
from stoa.ui.results import result_view


async def show(visit: Visit) -> None:
    """`/inbox`"""
    page_head("Inbox", "What waits for your decision.")
    inbox = _Inbox(visit)
    await inbox.draw()


class _Inbox:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._open = tag("div", "", "stack", aria_live="polite", test="inbox")
        with card("Decided lately", flush=True):
            self._past = tag("ul", "", "rows", test="decided")

    async def draw(self) -> None:
        """Show what is asked, and what was decided, as of now."""
        caller = await self._visit.check()
        approvals = self._visit.platform.flows.approvals
        asked = await approvals.list(caller)
        every = await approvals.list(caller, Sought(state=None), limit=50)
        self._open.clear()
        with self._open:
            for each in asked:
                self._question(each)
            if not asked:
                with card():
                    empty_state(
                        "Nothing waits for you",
                        "When a run needs a decision from you, it asks here.",
                    )
        self._past.clear()
        with self._past:
            past = [each for each in every if each.state is not ApprovalState.OPEN]
            for each in past:
                self._row(each)
            if not past:
                empty_state("Nothing yet", symbol="history")

    def _question(self, asked: ApprovalView) -> None:
        with card(test="approval"):
            with tag("div", "", "line-split"):
                tag("h2", asked.question, "wrap-anywhere")
                tag("span", _until(asked), "soft small")
            with tag("div", "", "line small soft"):
                tag("span", f"{asked.solution}: {asked.operation} · asked {ago(asked.created_at)}")
                link("To the run", f"/runs/{asked.run_id}")
            if asked.context:
                result_view(asked.context)
            edited: ui.textarea | None = None
            if asked.editable_text is not None:
                edited = ui.textarea("Text, as it will be used", value=asked.editable_text)
                edited.props("outlined autogrow")
                dress(edited, test="approval-text")
            with tag("div", "", "line"):
                for position, choice in enumerate(asked.choices):
                    self._choice(asked, choice, edited, first=position == 0)

    def _choice(
        self, asked: ApprovalView, choice: str, edited: ui.textarea | None, *, first: bool
    ) -> None:
        async def decide() -> None:
            caller = await self._visit.check()
            text = edited.value if edited is not None else None
            try:
                await self._visit.platform.flows.approvals.decide(caller, asked.id, Ballot(choice, text, way=Way.CONSOLE))
            except Conflict as error:  # somebody else was faster: show how it stands
                say(str(error), bad=True)
            else:
                say(f"Decided: {choice}.")
            await self.draw()

        words = choice.replace("_", " ").capitalize()
        button(words, decide, kind="primary" if first else "quiet", test=f"decide-{choice}")

    def _row(self, past: ApprovalView) -> None:
        with tag("li"):
            with tag("div", "", "grow"):
                link(past.question, f"/runs/{past.run_id}", "row-link")
                if past.decided_at is not None and past.choice:
                    who = past.decided_by_name or past.decided_by or "somebody"
                    tag("div", f"{who}: {past.choice}, {ago(past.decided_at)}", "soft small")
            status_chip(past.state)


def _until(asked: ApprovalView) -> str:
    return f"until {asked.deadline.astimezone():%-d %b, %H:%M}" if asked.deadline else ""
