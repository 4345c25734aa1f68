"""Ask: a database, a question with up to three follow-ups, live steps, and a card for each answer."""

from collections.abc import Sequence

from nicegui import ui

from stoa.base.errors import StoaError
from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.answer_card import AnswerCard, finished_card, working_card
from stoa.solutions.ask_data.pages.words import SAMPLE_QUESTIONS
from stoa.solutions.ask_data.schema import (
    LONGEST_QUESTION,
    MOST_QUESTIONS,
    Answers,
    AskEvent,
    Connections,
    ConnectionView,
    ListConnections,
)
from stoa.solutions.ask_data.welcome import SAMPLE
from stoa.ui.chat import suggestions
from stoa.ui.elements import Tag, button, dress, guarded, on_click, tag
from stoa.ui.feedback import empty_state, error_notice
from stoa.ui.frame import card


async def show_asking(context: PageContext) -> None:
    """The tab."""
    found: Connections = await context.call("connections", ListConnections())
    if not found.connections:
        empty_state(
            "No database yet",
            "An owner connects one under Databases; then everybody can ask it in plain English.",
            symbol="storage",
        )
        return
    _Asking(context, found.connections)


class _Asking:
    def __init__(self, context: PageContext, databases: Sequence[ConnectionView]) -> None:
        self._context = context
        self._inputs: list[ui.textarea] = []
        self._busy = False
        with card(test="ask-form"):
            with tag("div", "", "line"):
                names = {each.id: each.name for each in databases}
                self._database = ui.select(names, value=databases[0].id, label="Database")
                self._database.props("outlined dense").classes("grow")
                dress(self._database, aria_label="Database", test="database")
                self._reuse = ui.switch("Reuse earlier questions", value=True)
                dress(self._reuse, test="reuse")
            self._questions = tag("div", "", "questions", test="questions")
            with tag("div", "", "line-split"):
                self._more = button(
                    "Add a follow-up", self._add, kind="plain", symbol="add", test="add-question"
                )
                self._ask = button("Ask", kind="primary", symbol="arrow_upward", test="ask")
        on_click(self._ask, self.ask)
        self._place = tag("div", "", "stack", test="answers", aria_live="polite")
        self._add()
        self._names = {each.id: each.name for each in databases}
        self._show_empty()

    # --- questions ---

    def _add(self) -> None:
        if len(self._inputs) >= MOST_QUESTIONS:
            return
        first = not self._inputs
        label = "Ask your database" if first else f"Follow-up {len(self._inputs)}"
        with self._questions, tag("div", "", "question-line", test="question-line") as line:
            field = ui.textarea(placeholder=label)
            field.props(f"outlined autogrow dense rows=1 maxlength={LONGEST_QUESTION}")
            dress(field, aria_label=label, test="question")
            field.on("keydown.enter.exact.prevent", lambda: guarded(self.ask))
            self._inputs.append(field)
            if not first:
                self._removal(line, field)
        self._settle()

    def _removal(self, line: Tag, field: ui.textarea) -> None:
        remove = button("", kind="plain", symbol="close", aria_label="Delete this follow-up",
                        test="delete-question")  # fmt: skip

        def drop() -> None:
            self._inputs.remove(field)
            line.delete()
            self._settle()

        on_click(remove, drop)

    def _settle(self) -> None:
        self._more.set_visibility(len(self._inputs) < MOST_QUESTIONS)

    async def _put(self, question: str) -> None:
        self._inputs[0].value = question
        await self.ask()

    # --- answers ---

    def _show_empty(self) -> None:
        with (
            self._place,
            empty_state(
                "What would you like to know?",
                "You get the numbers, the query that found them, and how it was understood.",
                symbol="query_stats",
            ),
        ):
            if SAMPLE in self._names.values():
                suggestions(SAMPLE_QUESTIONS, self._put)

    async def ask(self) -> None:
        """Ask what stands in the fields; answers appear as they come."""
        questions = [text for each in self._inputs if (text := (each.value or "").strip())]
        if not questions or self._busy:
            return
        self._busy = True
        self._place.clear()
        try:
            await self._stream(questions)
        finally:
            self._busy = False

    async def _stream(self, questions: list[str]) -> None:
        cards: dict[int, AnswerCard] = {}

        def card_of(number: int) -> AnswerCard:
            if number not in cards:
                with self._place:
                    cards[number] = working_card(self._context, questions[number])
            return cards[number]

        async def hear(event: object) -> None:
            if isinstance(event, AskEvent):
                shown = card_of(event.question)
                if event.answer is None:
                    shown.step(event.step)
                else:
                    shown.finish(event.answer, str(self._database.value))

        card_of(0)
        request = {
            "database": str(self._database.value),
            "input_queries": questions,
            "use_vector_db": bool(self._reuse.value),
        }
        try:
            answers: Answers = await self._context.stream("ask", request, hear)
        except StoaError as error:
            with self._place:
                error_notice(error)
            return
        finally:
            for each in cards.values():
                each.give_up()
        for number, answer in enumerate(answers.answers):
            if number not in cards:
                with self._place:
                    finished_card(self._context, answer, str(self._database.value))
