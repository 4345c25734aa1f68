"""Conversations of the caller: list, show, export, delete; feedback; how long they are kept."""

import json
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import NotFound
from stoa.base.identity.caller import Caller
from stoa.contract import Call
from stoa.solutions.ask_docs.memory import (
    forget_conversation,
    memory_of,
    own_conversation,
    remark_on,
    turns_of,
)
from stoa.solutions.ask_docs.schema import (
    AnswerSentence,
    Conversation,
    ConversationRequest,
    Conversations,
    ConversationView,
    Done,
    Export,
    ExportConversation,
    Feedback,
    ListConversations,
    Memory,
    SetMemory,
    Turn,
)
from stoa.solutions.ask_docs.tables import ConversationRow, MemoryRow, QuestionRow, TurnRow


async def conversations(call: Call, request: ListConversations) -> Conversations:
    """List your own conversations, latest first."""

    def load(session: Session) -> Conversations:
        idle = timedelta(minutes=memory_of(session).idle_minutes)
        rows = session.execute(
            select(ConversationRow, func.count(TurnRow.id))
            .outerjoin(TurnRow, TurnRow.conversation_id == ConversationRow.id)
            .where(ConversationRow.user_id == call.caller.user_id)
            .where(ConversationRow.last_at >= now() - idle)
            .group_by(ConversationRow.id)
            .order_by(ConversationRow.last_at.desc(), ConversationRow.id.desc())
            .limit(request.limit)
        )
        views = [_view(row, turns, idle) for row, turns in rows]
        return Conversations(conversations=views)

    return await call.platform.database.read(load, workspace=call.caller.workspace_id)


async def conversation(call: Call, request: ConversationRequest) -> Conversation:
    """Show one of your own conversations with every question, answer and citation."""
    return await call.platform.database.read(
        lambda session: _load(session, call.caller, request.conversation),
        workspace=call.caller.workspace_id,
    )


async def conversation_export(call: Call, request: ExportConversation) -> Export:
    """Export one of your own conversations as Markdown or JSON, citations included."""
    found = await conversation(call, ConversationRequest(conversation=request.conversation))
    stem = f"conversation-{found.conversation.started_at:%Y-%m-%d}"
    if request.format == "json":
        text = json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=2)
        return Export(name=f"{stem}.json", media_type="application/json", text=text)
    return Export(name=f"{stem}.md", media_type="text/markdown", text=_markdown(found))


async def conversation_delete(call: Call, request: ConversationRequest) -> Done:
    """Delete one of your own conversations: its questions, its answers, and its text in the log."""

    def remove(session: Session) -> Done:
        row = own_conversation(session, call.caller, request.conversation)
        forget_conversation(session, row.id, text_too=True)
        return Done(id=request.conversation)

    return await call.platform.database.write(remove, workspace=call.caller.workspace_id)


async def feedback(call: Call, request: Feedback) -> Done:
    """Say whether one of your own answers helped, and why."""

    def note(session: Session) -> Done:
        row = session.get(QuestionRow, request.turn)
        if row is None or row.user_id != call.caller.user_id:
            raise NotFound(f"There is no answer '{request.turn}'.", hint="Give one of your turns.")
        row.helpful, row.note = request.helpful, request.note
        return Done(id=row.id)

    return await call.platform.database.write(note, workspace=call.caller.workspace_id)


async def memory(call: Call, request: SetMemory) -> Memory:
    """Show or change how long conversations and the question log are kept in this workspace."""
    changes = request.model_dump(exclude_none=True)

    def change(session: Session) -> Memory:
        kept = memory_of(session).model_copy(update=changes)
        if not changes:
            return kept
        row = session.scalars(select(MemoryRow)).first()
        if row is None:
            row = MemoryRow(id=new_id("mem"), **kept.model_dump())
            session.add(row)
        row.idle_minutes, row.log_days = kept.idle_minutes, kept.log_days
        call.platform.audit.record(
            session, call.caller, "memory.changed", call.caller.workspace_id, **changes
        )
        return kept

    return await call.platform.database.write(change, workspace=call.caller.workspace_id)


def _load(session: Session, caller: Caller, conversation_id: str) -> Conversation:
    row = own_conversation(session, caller, conversation_id)
    found = turns_of(session, caller, row.id)
    logged = {
        each.id: each
        for each in session.scalars(
            select(QuestionRow).where(QuestionRow.id.in_([turn.id for turn, _ in found]))
        )
    }
    turns = [
        Turn(
            id=turn.id,
            at=turn.at,
            question=turn.question,
            answer=answer,
            helpful=logged[turn.id].helpful if turn.id in logged else None,
            note=logged[turn.id].note if turn.id in logged else "",
        )
        for turn, answer in found
    ]
    idle = timedelta(minutes=memory_of(session).idle_minutes)
    return Conversation(conversation=_view(row, len(turns), idle), turns=turns)


def _view(row: ConversationRow, turns: int, idle: timedelta) -> ConversationView:
    return ConversationView(
        id=row.id,
        title=row.title,
        turns=turns,
        started_at=row.started_at,
        last_at=row.last_at,
        ends_at=row.last_at + idle,
    )


def _markdown(found: Conversation) -> str:
    lines = [f"# {found.conversation.title}", ""]
    for turn in found.turns:
        lines += [f"## {turn.question}", "", f"*{turn.at:%Y-%m-%d %H:%M} UTC*", ""]
        if not turn.answer.sentences:
            lines += [turn.answer.text, ""]
        for sentence in turn.answer.sentences:
            lines += [sentence.text, "", *_quotes(sentence), ""]
        if remark := remark_on(turn.answer):
            lines += [remark, ""]
        lines += [f"Answered by: {turn.answer.answered_by}", ""]
    return "\n".join(lines)


def _quotes(sentence: AnswerSentence) -> list[str]:
    return [
        f"> {' '.join(each.quote.split())} — {each.title}, page {each.page}"
        + (f" ({each.reference})" if each.reference else "")
        for each in sentence.citations
    ]
