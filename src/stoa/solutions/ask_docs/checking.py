"""Checking a draft, sentence by sentence, and citing what holds: document, page, quote and its place.

Each sentence is checked once and shown as soon as it holds, never before.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from stoa.contract import Call
from stoa.solutions.ask_docs.answering import DraftSentence
from stoa.solutions.ask_docs.schema import AnswerSentence, AskEvent, Citation, PassageView
from stoa.solutions.ask_docs.support import Checked, Quote, check_sentence


@dataclass
class Check:
    """Checks drafted sentences, each once, and sends those that hold to a caller who streams."""

    call: Call
    question: str
    passages: list[PassageView]
    _done: dict[str, AnswerSentence | None] = field(default_factory=dict)
    _sent: int = 0
    held_back: int = 0
    """Drafted sentences, each counted once, that do not hold."""

    async def partial(self, output: dict[str, Any]) -> None:
        """Look at a draft in the making: all sentences but the last are whole."""
        for raw in (output.get("sentences") or [])[self._sent : -1]:
            self._sent += 1
            try:
                draft = DraftSentence.model_validate(raw)
            except ValidationError:
                continue  # the model room will ask again; the final draft decides
            await self._emit(await self.one(draft))

    async def all(self, drafts: Sequence[DraftSentence]) -> list[AnswerSentence]:
        """The sentences that hold, in order, without repeats."""
        held = []
        for number, draft in enumerate(drafts):
            sentence = await self.one(draft)
            if sentence is None or sentence in held:
                continue
            held.append(sentence)
            if number >= self._sent:
                await self._emit(sentence)
        told = {draft.model_dump_json() for draft in drafts}
        self.held_back = sum(self._done[each] is None for each in told)
        return held

    async def one(self, draft: DraftSentence) -> AnswerSentence | None:
        """The sentence with its proven citations; None where it does not hold."""
        key = draft.model_dump_json()
        if key not in self._done:
            self._done[key] = await self._checked(draft)
        return self._done[key]

    async def _checked(self, draft: DraftSentence) -> AnswerSentence | None:
        texts = {number: each.text for number, each in enumerate(self.passages, start=1)}
        named = [f"{each.title} {each.heading}" for each in self.passages]
        context = " ".join([self.question, *named])
        checked = check_sentence(draft, texts, context=context)
        return await self._cited(checked) if checked is not None else None

    async def _cited(self, checked: Checked) -> AnswerSentence:
        citations = await asyncio.gather(*(self._citation(quote) for quote in checked.quotes))
        return AnswerSentence(text=checked.text, citations=list(citations), support=checked.support)

    async def _citation(self, quote: Quote) -> Citation:
        passage = self.passages[quote.passage - 1]
        knowledge, workspace = self.call.platform.knowledge, self.call.caller.workspace_id
        page = passage.first_page
        for number in range(passage.first_page + 1, passage.last_page + 1):
            if quote.text in (await knowledge.page(workspace, passage.document, number)).text:
                page = number  # the passage runs over a page break, and the quote is behind it
        place = await knowledge.locate(workspace, passage.document, page, quote.text)
        return Citation(
            passage=passage.id,
            document=passage.document,
            title=passage.title,
            reference=passage.reference,
            page=page,
            quote=quote.text,
            boxes=place.boxes if place is not None else [],
        )

    async def _emit(self, sentence: AnswerSentence | None) -> None:
        if sentence is not None:
            await self.call.emit(AskEvent(kind="sentence", sentence=sentence))
