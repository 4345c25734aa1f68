"""Ask: conversations on the left, the chat in the middle, the source of a sentence on the right."""

from collections.abc import Sequence

from nicegui import ui

from stoa.base.errors import NotFound, StoaError
from stoa.contract import PageContext
from stoa.solutions.ask_docs.memory import remark_on
from stoa.solutions.ask_docs.pages.source_panel import SourcePanel
from stoa.solutions.ask_docs.pages.words import SAMPLE_QUESTIONS, answered_by
from stoa.solutions.ask_docs.schema import (
    Answer,
    AnswerKind,
    AnswerSentence,
    AskEvent,
    Citation,
    Conversation,
    ConversationRequest,
    Conversations,
    ConversationView,
    Documents,
    DocumentState,
    Export,
    ExportConversation,
    ListConversations,
    ListDocuments,
    Turn,
)
from stoa.solutions.ask_docs.welcome import SAMPLE_DOCUMENTS
from stoa.ui.chat import AnswerView, Chat, suggestions
from stoa.ui.elements import Tag, button, dress, on_click, say, tag, text
from stoa.ui.feedback import chip, confirm, dialog_with, empty_state, error_notice
from stoa.ui.frame import ago, count, took
from stoa.ui.sources import citation_chip


async def show_asking(context: PageContext) -> None:
    """The tab."""
    current = ListDocuments(state=DocumentState.CURRENT)
    found: Documents = await context.call("list", current)
    names = {each.name for each in found.documents}
    foreign = bool(names) and names.isdisjoint(SAMPLE_DOCUMENTS)
    with tag("div", "", "ask", test="ask-layout") as layout:
        asking = _Asking(context, layout, () if foreign else SAMPLE_QUESTIONS)
    await asking.list_conversations()


class _Asking:
    def __init__(self, context: PageContext, layout: Tag, examples: Sequence[str]) -> None:
        self._context = context
        self._examples = examples
        self._conversation = ""
        with tag("aside", "", "ask-conversations", aria_label="Conversations"):
            button("New conversation", self.start_anew, symbol="add", test="new-conversation")
            self._list = tag("ul", "", "conversation-list", test="conversations")
        with tag("div", "", "ask-chat"):
            with tag("div", "", "ask-scroll"):
                self._empty = tag("div")
                self._place = tag("div")
            self._chat = Chat(self._ask, placeholder="Ask your documents")
        self._chat.log.move(self._place)
        self._source = SourcePanel(context, layout)
        self._show_empty()

    def _show_empty(self) -> None:
        self._empty.clear()
        with (
            self._empty,
            empty_state(
                "What would you like to know?",
                "Answers are made from approved documents only, and every sentence shows where it stands.",
                symbol="menu_book",
            ),
        ):
            suggestions(self._examples, self._chat_put)

    async def _chat_put(self, question: str) -> None:
        await self._chat.put(question)

    def start_anew(self) -> None:
        """Begin a conversation with nothing before it."""
        self._conversation = ""
        self._chat.clear()
        self._source.close()
        self._show_empty()

    # --- asking ---

    async def _ask(self, question: str) -> None:
        self._empty.clear()
        self._chat.question(question)
        view = self._chat.answer()
        self._chat.to_end()
        shown = _Answer(self, view)

        async def hear(event: object) -> None:
            if isinstance(event, AskEvent):
                shown.hear(event)

        try:
            request = {"question": question, "conversation": self._conversation}
            answer: Answer = await self._context.stream("ask", request, hear)
        except NotFound as error:
            view.done()
            with view.element:
                error_notice(error)
            self._conversation = ""
            return
        except StoaError as error:
            view.done()
            with view.element:
                error_notice(error)
            return
        self._conversation = answer.conversation
        shown.finish(answer)
        self._chat.to_end()
        await self.list_conversations()

    async def open_source(self, citation: Citation, number: int, answer: "_Answer") -> None:
        """Show where a sentence stands."""
        await self._source.open(citation, number, answer.passage_text(citation))

    async def rate(self, turn: str, helpful: bool, note: str = "") -> None:
        """Say what one thinks of an answer."""
        given = {"turn": turn, "helpful": helpful, "note": note}
        await self._context.call("feedback", given)

    # --- conversations ---

    async def list_conversations(self) -> None:
        """Show the caller's conversations, as of now."""
        found: Conversations = await self._context.call("conversations", ListConversations())
        self._list.clear()
        with self._list:
            for each in found.conversations:
                self._conversation_row(each)

    def _conversation_row(self, view: ConversationView) -> None:
        here = view.id == self._conversation

        async def open_it() -> None:
            await self._open(view.id)

        async def export() -> None:
            await self._export(view.id)

        async def delete() -> None:
            await self._delete(view)

        with tag("li", "", "conversation", aria_current="true" if here else None):
            row = tag("button", "", "conversation-open", type="button", test="conversation")
            with row:
                tag("span", view.title or "Conversation", "clip")
                tag("span", f"{count(view.turns, 'question')} · {ago(view.last_at)}", "soft small")
            on_click(row, open_it)
            more = button("", kind="plain", symbol="more_horiz", css="button-small",
                          aria_label=f"More about {view.title}", test="conversation-more")  # fmt: skip
            with more, ui.menu().props("auto-close"):
                with tag("div", "", "menu"):
                    button(
                        "Export as Markdown", export, kind="plain", symbol="download", test="export"
                    )
                    button(
                        "Delete", delete, kind="plain", symbol="delete", test="delete-conversation"
                    )

    async def _open(self, conversation: str) -> None:
        found: Conversation = await self._context.call(
            "conversation", ConversationRequest(conversation=conversation)
        )
        self._conversation = conversation
        self._empty.clear()
        self._chat.clear()
        self._source.close()
        for turn in found.turns:
            self._replay(turn)
        await self.list_conversations()
        self._chat.to_end()

    def _replay(self, turn: Turn) -> None:
        self._chat.question(turn.question)
        _Answer(self, self._chat.answer()).finish(turn.answer, rated=turn.helpful)

    async def _export(self, conversation: str) -> None:
        file: Export = await self._context.call(
            "conversation_export", ExportConversation(conversation=conversation)
        )
        ui.download(file.text.encode(), file.name, file.media_type)

    async def _delete(self, view: ConversationView) -> None:
        if await confirm(
            "Delete this conversation?", f"“{view.title}” is gone for good.", yes="Delete"
        ):
            await self._context.call(
                "conversation_delete", ConversationRequest(conversation=view.id)
            )
            if view.id == self._conversation:
                self.start_anew()
            await self.list_conversations()


class _Answer:
    """One answer: its sentences with their citations, numbered as they come, and its foot."""

    def __init__(self, asking: _Asking, view: AnswerView) -> None:
        self._asking = asking
        self._view = view
        self._numbers: dict[tuple[str, str], int] = {}
        self._shown: list[AnswerSentence] = []
        self._passages: dict[str, str] = {}

    def hear(self, event: AskEvent) -> None:
        """What the answer in the making has so far."""
        self._passages |= {each.id: each.text for each in event.passages}
        if event.kind == "retrieved":
            self._view.note(f"Reading {count(len(event.passages), 'passage')}")
        elif event.sentence is not None:
            self._sentence(event.sentence)

    def finish(self, answer: Answer, *, rated: bool | None = None) -> None:
        """The whole answer. Where it differs from what was streamed, it replaces that."""
        self._passages |= {each.id: each.text for each in answer.passages}
        if answer.sentences != self._shown:
            self._view.restart()
            self._numbers.clear()
            self._shown.clear()
            for each in answer.sentences:
                self._sentence(each)
        if not answer.sentences:
            self._view.sentence(answer.text)
        elif remark := remark_on(answer):
            self._view.sentence(remark)
        self._view.done()
        with self._view.foot:
            self._foot(answer, rated)

    def passage_text(self, citation: Citation) -> str:
        """The text of the passage that a citation is from, as far as it is known here."""
        return self._passages.get(citation.passage, citation.quote)

    def _sentence(self, sentence: AnswerSentence) -> None:
        self._shown.append(sentence)
        with self._view.sentence(sentence.text, supported=sentence.support == "supported"):
            for citation in sentence.citations:
                self._chip(citation)
            if sentence.support == "weak":
                chip("check this", "warn", title="The quote is real; judge whether it says this.")

    def _chip(self, citation: Citation) -> None:
        key = (citation.passage, citation.quote)
        number = self._numbers.setdefault(key, len(self._numbers) + 1)

        async def open_it() -> None:
            await self._asking.open_source(citation, number, self)

        citation_chip(number, citation.title, citation.page, open_it)

    def _foot(self, answer: Answer, rated: bool | None) -> None:
        if answer.kind is AnswerKind.NOT_FOUND:
            chip("Not in your documents", "warn", "search_off", test="not-found")
        if answer.held_back:
            what = count(answer.held_back, "sentence")
            chip(f"{what} held back", "warn", "gpp_maybe",
                 title="Their citations did not support them.")  # fmt: skip
        tag(
            "span",
            f"{answered_by(answer.answered_by)} · {took(answer.seconds)}",
            test="answered-by",
        )
        if answer.kind in {AnswerKind.ANSWER, AnswerKind.NOT_FOUND}:
            self._thumbs(answer.turn, rated)

    def _thumbs(self, turn: str, rated: bool | None) -> None:
        with tag("span", "", "push"):
            up = button("", kind="plain", symbol="thumb_up_off_alt", css="button-small",
                        aria_label="Helpful", test="helpful")  # fmt: skip
            down = button("", kind="plain", symbol="thumb_down_off_alt", css="button-small",
                          aria_label="Not helpful", test="unhelpful")  # fmt: skip

        def mark(helpful: bool | None) -> None:
            up.props["aria-pressed"] = "true" if helpful is True else "false"
            down.props["aria-pressed"] = "true" if helpful is False else "false"

        async def like() -> None:
            await self._asking.rate(turn, True)
            mark(True)
            say("Thank you.")

        async def ask_why(dialog: ui.dialog) -> None:
            await self._asking.rate(turn, False)
            mark(False)
            text("What was wrong or missing? It helps whoever looks after the documents.", "soft")
            note = ui.textarea().props("outlined autogrow maxlength=2000")
            dress(note, aria_label="Reason", test="reason")

            async def send() -> None:
                dialog.close()
                await self._asking.rate(turn, False, note.value or "")
                say("Thank you. It goes into the report.")

            with tag("div", "", "dialog-actions"):
                button("No reason", dialog.close)
                button("Send", send, kind="primary", test="send-reason")

        mark(rated)
        on_click(up, like)
        on_click(down, dialog_with("Not helpful", ask_why))
