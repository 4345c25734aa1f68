"""A conversation: questions, answers that grow while they are made, and the line one types in.

It knows nothing of documents: sentences, and what hangs behind them, are given to it.
"""

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from stoa.ui.elements import Tag, button, dress, guarded, icon, on_click, tag
from stoa.ui.feedback import working


class AnswerView:
    """One answer in the making: sentences are added, then its foot is filled."""

    def __init__(self) -> None:
        with tag("article", "", "chat-answer", test="answer") as self.element:
            with tag("div", "", "answer-text", aria_live="polite") as self._text:
                pass
            self._dots = working("The answer is being made")
            self.foot = tag("div", "", "answer-foot")

    def note(self, words: str) -> None:
        """Say what is going on while nothing is to be read yet."""
        self._dots.clear()
        with self._dots:
            for _ in range(3):
                tag("i")
            tag("span", words, "soft small")

    def sentence(self, words: str, *, supported: bool = True) -> Tag:
        """Add a sentence. Returns the place behind it, where its citations go."""
        css = "sentence" if supported else "sentence unsupported"
        with self._text:
            tag("span", words, css, test="sentence")
            behind = tag("span", "", "citations")
            tag("span", " ")
        return behind

    def restart(self) -> None:
        """Take back what was shown so far: the final answer says it differently."""
        self._text.clear()

    def done(self) -> None:
        """Nothing more will come."""
        if not self._dots.is_deleted:
            self._dots.delete()


class Chat:
    """Questions and answers below each other, and the line to type the next question in."""

    def __init__(self, ask: Callable[[str], Awaitable[None]], *, placeholder: str) -> None:
        self._ask = ask
        self._busy = False
        with tag("div", "", "chat", test="chat") as self.log:
            pass
        with tag("form", "", "composer", test="composer") as composer:
            self._input = ui.textarea(placeholder=placeholder)
            self._input.props("autogrow borderless dense rows=1 maxlength=4000")
            dress(self._input, aria_label=placeholder, test="question")
            self._send = button(
                "",
                kind="primary",
                symbol="arrow_upward",
                aria_label="Ask",
                test="ask",
            )
        composer.on("submit.prevent", lambda: self._submit())
        self._input.on("keydown.enter.exact.prevent", lambda: self._submit())
        self._send.on("click", lambda: self._submit())

    async def _submit(self) -> None:
        question = (self._input.value or "").strip()
        if question:
            await self.put(question)

    async def put(self, question: str) -> None:
        """Ask a question as if it had been typed. A second one waits for the first to end."""
        if self._busy:
            return
        self._busy = True
        self._send.props["disabled"] = True
        self._input.value = ""
        try:
            await guarded(lambda: self._ask(question))
        finally:
            self._busy = False
            if not self._send.is_deleted:
                del self._send.props["disabled"]
                self._input.run_method("focus")

    def question(self, words: str) -> None:
        """Show a question."""
        with self.log:
            tag("div", words, "chat-question", test="asked")

    def answer(self) -> AnswerView:
        """Begin an answer."""
        with self.log:
            return AnswerView()

    def clear(self) -> None:
        """Show nothing."""
        self.log.clear()

    def to_end(self) -> None:
        """Bring the last question to the top, so that there is room for its answer."""
        self.log.client.run_javascript(
            f"[...document.querySelectorAll('#{self.log.html_id} .chat-question')].at(-1)"
            "?.scrollIntoView({block: 'start', behavior: 'smooth'})"
        )


def suggestions(questions: Sequence[str], choose: Callable[[str], Awaitable[None]]) -> Tag:
    """Questions one may begin with."""
    with tag("div", "", "suggestions") as block:
        for question in questions:
            _suggestion(question, choose)
    return block


def _suggestion(question: str, choose: Callable[[str], Awaitable[None]]) -> None:
    with tag("button", "", "suggestion", type="button", test="suggestion") as element:
        tag("span", question)
        icon("arrow_forward", "soft")
    on_click(element, lambda: choose(question))
