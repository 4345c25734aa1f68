"""From a question to an answer whose every sentence points at its passage. Read this first.

    understand   the message, with the conversation: a greeting, too open, or a question that stands alone
    retrieve     passages of current documents in collections the caller may read
    answer       a draft: sentences, each with passages and verbatim quotes
    verify       quotes against passages, sentences against quotes; what does not hold is dropped

What was retrieved is data. It reaches a model delimited, in a call without tools, and whatever the
model makes of it is checked against it afterwards; so a document that gives orders gives them in vain.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from stoa.base.identity.caller import Caller
from stoa.base.telemetry import span
from stoa.contract import Call
from stoa.core.language.candidates import Candidate, Text, find_candidates
from stoa.core.language.detect import detect_language
from stoa.core.models.prompts import OFFLINE, Prompt, Reply
from stoa.solutions.ask_docs import offline
from stoa.solutions.ask_docs.answering import (
    AnswerInputs,
    DraftAnswer,
    Exchange,
    PassageInput,
    Understanding,
    UnderstandInputs,
)
from stoa.solutions.ask_docs.checking import Check
from stoa.solutions.ask_docs.memory import own_conversation, remember, turns_of
from stoa.solutions.ask_docs.phrases import phrase
from stoa.solutions.ask_docs.retrieval import Scope, current_passages, find_scope, retrieve
from stoa.solutions.ask_docs.schema import (
    Answer,
    AnswerKind,
    Ask,
    AskEvent,
    DocumentState,
    Passages,
    PassageView,
    Search,
    StepTime,
)
from stoa.solutions.ask_docs.tables import DocumentRow

UNDERSTAND = Prompt(Path("prompts/understand.md"), twin=offline.understand)
ANSWER = Prompt(Path("prompts/answer.md"), twin=offline.answer)

_WORTH_READING = 0.05
"""Least relevance of a passage to be read for an answer. Far under the threshold of search: one
sentence may answer in a passage that is about something else."""
_WORTH_READING_WORDS = 0.5
"""The same by words: least share of the question's words in one sentence."""
_SHOWN = {"title", "heading", "page", "text"}
_REMEMBERED = 6
_TITLES = 5
_TITLES_READ = 50
"""Newest documents among which the titles are: several may bear the same."""


async def search(call: Call, request: Search) -> Passages:
    """Find passages for a query in the current documents you may read, best first."""
    scope = await call.platform.database.read(
        lambda session: find_scope(session, call.caller, request.collections, request.documents),
        workspace=call.caller.workspace_id,
    )
    found = await current_passages(call, request, scope)
    return Passages(passages=found)


async def ask(call: Call, request: Ask) -> Answer:
    """Ask a question; every sentence of the answer cites document, page and the exact words.

    With a conversation, follow-up questions are understood from what was said before. What the
    documents do not hold is answered with just that.
    """
    watch = _Stopwatch()
    scope, said = await call.platform.database.read(
        lambda session: _begin(session, call.caller, request), workspace=call.caller.workspace_id
    )
    async with watch.step("understand"):
        understood = await _understand(call, said)
    watch.book(understood)
    meaning = understood.output
    if meaning.kind != "question":
        kind = AnswerKind.GREETING if meaning.kind == "greeting" else AnswerKind.CLARIFY
        reply = _reply(request, kind, meaning.reply, watch)
        return await _remember(call, request, reply)
    question = meaning.standalone or request.question
    async with watch.step("retrieve"):
        passages = await retrieve(call, question, scope)
    await call.emit(AskEvent(kind="retrieved", passages=passages))
    answer = await _answer(call, question, passages, watch)
    answer = answer.model_copy(update={"conversation": request.conversation, "question": question})
    return await _remember(call, request, answer)


# --- understand ------------------------------------------------------------------------------


def _begin(session: Session, caller: Caller, request: Ask) -> tuple[Scope, UnderstandInputs]:
    """Where to look; the message, with the last exchanges before it and some titles to ask about."""
    scope = find_scope(session, caller, request.collections, request.documents)
    history: list[Exchange] = []
    if request.conversation:
        row = own_conversation(session, caller, request.conversation)
        turns = turns_of(session, caller, row.id)[-_REMEMBERED:]
        history = [Exchange(question=answer.question, answer=answer.text) for _, answer in turns]
    titles = session.scalars(
        select(DocumentRow.title)
        .where(DocumentRow.collection_id.in_(scope.collections))
        .where(DocumentRow.state == DocumentState.CURRENT)
        .order_by(DocumentRow.changed_at.desc())
        .limit(_TITLES_READ)
    )
    few = list(dict.fromkeys(titles))[:_TITLES]
    return scope, UnderstandInputs(message=request.question, history=history, titles=few)


async def _understand(call: Call, said: UnderstandInputs) -> Reply[Understanding]:
    """Rules first: a greeting, or a question with no conversation before it, needs no model."""
    plain = offline.understand(said)
    if plain.kind == "greeting" or (plain.kind == "question" and not said.history):
        return Reply(plain, OFFLINE)
    return await call.prompt(UNDERSTAND, said)


# --- answer and verify -----------------------------------------------------------------------


async def _answer(
    call: Call, question: str, passages: list[PassageView], watch: "_Stopwatch"
) -> Answer:
    """Draft and check; sentences are shown as soon as they are checked."""
    check = Check(call, question, passages)
    async with watch.step("answer"):
        reply = await _draft(call, question, passages, check)
    if reply is None:
        return _reply_to(question, AnswerKind.NOT_FOUND, passages, watch)
    watch.book(reply)
    async with watch.step("verify"):
        sentences = await check.all(reply.output.sentences)
    kind = AnswerKind.ANSWER if sentences else AnswerKind.NOT_FOUND
    answer = _reply_to(question, kind, passages, watch)
    return answer.model_copy(
        update={
            "sentences": sentences,
            "text": "\n".join(each.text for each in sentences) if sentences else answer.text,
            "held_back": check.held_back,
        }
    )


async def _draft(
    call: Call, question: str, passages: list[PassageView], check: Check
) -> Reply[DraftAnswer] | None:
    """A draft; None where no passage is worth reading for one."""
    models = call.platform.models
    offline_answers = OFFLINE in models.chain(ANSWER.head.role)
    close = any(passage.relevance >= _WORTH_READING for passage in passages)
    found: list[Candidate] = []
    if offline_answers or not close:
        texts = [Text(each.text, f"{each.title} {each.heading}") for each in passages]
        language = detect_language(question) or "en"
        found = await asyncio.to_thread(find_candidates, question, texts, language=language)
    if not close and not any(each.coverage >= _WORTH_READING_WORDS for each in found):
        return None
    if offline_answers:
        found = await _with_similarity(call, question, found)
    inputs = AnswerInputs(
        question=question,
        passages=[
            PassageInput(number=number, **each.model_dump(include=_SHOWN))
            for number, each in enumerate(passages, start=1)
        ],
        candidates=found,
    )
    return await models.run(
        ANSWER,
        inputs,
        caller=call.caller,
        run_id=call.run_id,
        on_partial=check.partial if call.is_followed else None,
    )


async def _with_similarity(call: Call, question: str, found: list[Candidate]) -> list[Candidate]:
    """The candidates with how close each is in meaning to the question, for the twin to choose by."""
    models, workspace = call.platform.models, call.caller.workspace_id
    if not found:
        return []
    asked = await models.embed([question], workspace=workspace, kind="query")
    given = await models.embed(
        [each.reading for each in found], workspace=workspace, kind="passage"
    )
    threshold = models.embedder.threshold
    return [
        replace(candidate, similarity=round(0.5 + float(cosine) - threshold, 4))
        for candidate, cosine in zip(found, given @ asked[0], strict=True)
    ]


# --- reply -----------------------------------------------------------------------------------


def _reply_to(
    question: str, kind: AnswerKind, passages: list[PassageView], watch: "_Stopwatch"
) -> Answer:
    language = detect_language(question)
    return Answer(
        conversation="",
        turn="",
        kind=kind,
        question=question,
        text=phrase("not_found", language),
        sentences=[],
        passages=passages,
        held_back=0,
        answered_by=watch.answered_by,
        steps=watch.steps,
        seconds=watch.seconds,
        input_tokens=watch.input_tokens,
        output_tokens=watch.output_tokens,
    )


def _reply(request: Ask, kind: AnswerKind, text: str, watch: "_Stopwatch") -> Answer:
    answer = _reply_to(request.question, kind, [], watch)
    return answer.model_copy(update={"text": text, "conversation": request.conversation})


async def _remember(call: Call, request: Ask, answer: Answer) -> Answer:
    return await call.platform.database.write(
        lambda session: remember(session, call.caller, request.question, answer),
        workspace=call.caller.workspace_id,
    )


class _Stopwatch:
    """How long each step takes, who answered, and what it took in tokens."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.steps: list[StepTime] = []
        self.answered_by = OFFLINE
        self.input_tokens = 0
        self.output_tokens = 0

    @property
    def seconds(self) -> float:
        """Since the question came in."""
        return round(time.perf_counter() - self._started, 4)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time a block."""
        started = time.perf_counter()
        with span(f"ask_docs.{name}"):
            yield
        taken = round(time.perf_counter() - started, 4)
        self.steps.append(StepTime.model_validate({"name": name, "seconds": taken}))

    def book(self, reply: Reply[Any]) -> None:
        """Count a prompt's tokens. Whoever answered last is who answered."""
        self.answered_by = reply.answered_by
        self.input_tokens += reply.input_tokens
        self.output_tokens += reply.output_tokens
