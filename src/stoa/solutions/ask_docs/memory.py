"""What ask_docs remembers of conversations, for whom and for how long.

A conversation belongs to one person: for everybody else, owners too, it does not exist. It is
forgotten when nothing was asked for the idle time, or when its owner deletes it. Words of a document
that was deleted, or that its reader may no longer read, are taken out of remembered answers.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import NotFound
from stoa.base.identity.caller import Caller
from stoa.solutions.ask_docs.access import may_read, may_see
from stoa.solutions.ask_docs.schema import Answer, AnswerKind, Memory
from stoa.solutions.ask_docs.tables import (
    CollectionRow,
    ConversationRow,
    DocumentRow,
    MemoryRow,
    QuestionRow,
    TurnDocumentRow,
    TurnRow,
)

DEFAULT = Memory(idle_minutes=24 * 60, log_days=180)
REMOVED = "[A sentence was removed: its document is no longer there for you.]"
_TITLE_LENGTH = 80


def memory_of(session: Session) -> Memory:
    """How long this workspace keeps things."""
    row = session.scalars(select(MemoryRow)).first()
    if row is None:
        return DEFAULT
    return Memory(idle_minutes=row.idle_minutes, log_days=row.log_days)


def own_conversation(session: Session, caller: Caller, conversation_id: str) -> ConversationRow:
    """The caller's conversation of that id. Raises NotFound for anybody else's and a forgotten one."""
    row = session.get(ConversationRow, conversation_id)
    if row is None or row.user_id != caller.user_id or _is_idle(session, row):
        raise NotFound(
            f"There is no conversation '{conversation_id}'.",
            hint="It may have ended after its idle time; start a new one.",
        )
    return row


def turns_of(
    session: Session, caller: Caller, conversation_id: str
) -> list[tuple[TurnRow, Answer]]:
    """The turns of a conversation in order, with what its reader may still read of the answers."""
    rows = session.scalars(
        select(TurnRow)
        .where(TurnRow.conversation_id == conversation_id)
        .order_by(TurnRow.at, TurnRow.id)
    ).all()
    answers = [Answer.model_validate(row.answer) for row in rows]
    cited = {passage.document for answer in answers for passage in answer.passages}
    gone = cited - readable_documents(session, caller, cited)
    return [
        (row, without_documents(answer, gone)) for row, answer in zip(rows, answers, strict=True)
    ]


def readable_documents(session: Session, caller: Caller, documents: Iterable[str]) -> set[str]:
    """Those of the documents that the caller may read, current or not."""
    found = session.execute(
        select(DocumentRow, CollectionRow)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .where(DocumentRow.id.in_(list(documents)))
    )
    return {
        document.id
        for document, collection in found
        if may_read(caller, collection)
        and (may_see(caller, document) or document.state == "superseded")
    }


def remember(session: Session, caller: Caller, asked: str, answer: Answer) -> Answer:
    """Add a turn to the caller's conversation, or to a new one; returns the answer with their ids.

    Documents that were deleted while the answer was made are left out of it.
    """
    documents = {passage.document for passage in answer.passages}
    there = session.scalars(
        select(DocumentRow.id)
        .where(DocumentRow.id.in_(documents), DocumentRow.state != "deleted")
        .with_for_update(read=True)
    )
    answer = without_documents(answer, documents - set(there))
    moment = now()
    if answer.conversation:
        conversation = own_conversation(session, caller, answer.conversation)
        conversation.last_at = moment
    else:
        conversation = ConversationRow(
            id=new_id("conv"),
            user_id=caller.user_id,
            title=asked[:_TITLE_LENGTH],
            started_at=moment,
            last_at=moment,
        )
        session.add(conversation)
        session.flush()
    answer = answer.model_copy(update={"conversation": conversation.id, "turn": new_id("turn")})
    session.add(
        TurnRow(
            id=answer.turn,
            conversation_id=conversation.id,
            at=moment,
            question=asked,
            answer=answer.model_dump(mode="json"),
        )
    )
    session.flush()
    for document in {passage.document for passage in answer.passages}:
        session.add(TurnDocumentRow(turn_id=answer.turn, document_id=document))
    session.add(_log(caller, asked, answer))
    return answer


def forget_conversation(session: Session, conversation_id: str, *, text_too: bool) -> None:
    """Delete a conversation and its turns; with `text_too` also its questions in the log."""
    turns = select(TurnRow.id).where(TurnRow.conversation_id == conversation_id)
    ids = list(session.scalars(turns))
    if text_too:
        session.execute(update(QuestionRow).where(QuestionRow.id.in_(ids)).values(text="", note=""))
    session.execute(delete(TurnDocumentRow).where(TurnDocumentRow.turn_id.in_(ids)))
    session.execute(delete(TurnRow).where(TurnRow.conversation_id == conversation_id))
    session.execute(delete(ConversationRow).where(ConversationRow.id == conversation_id))


def forget_document(session: Session, document_id: str) -> None:
    """Take a document's words out of every remembered answer."""
    holding = select(TurnDocumentRow.turn_id).where(TurnDocumentRow.document_id == document_id)
    for row in session.scalars(select(TurnRow).where(TurnRow.id.in_(holding))):
        answer = without_documents(Answer.model_validate(row.answer), {document_id})
        row.answer = answer.model_dump(mode="json")
    session.execute(delete(TurnDocumentRow).where(TurnDocumentRow.document_id == document_id))


def forget_idle(session: Session) -> int:
    """Delete conversations past the idle time and log entries past theirs. Returns conversations."""
    memory = memory_of(session)
    idle_since = now() - timedelta(minutes=memory.idle_minutes)
    idle = select(ConversationRow.id).where(ConversationRow.last_at < idle_since)
    ids = list(session.scalars(idle))
    for conversation_id in ids:
        forget_conversation(session, conversation_id, text_too=False)
    logged_since = now() - timedelta(days=memory.log_days)
    session.execute(delete(QuestionRow).where(QuestionRow.at < logged_since))
    return len(ids)


def without_documents(answer: Answer, gone: set[str]) -> Answer:
    """The answer without passages of these documents and without sentences that rest on them."""
    if gone.isdisjoint(passage.document for passage in answer.passages):
        return answer
    kept = [
        sentence
        for sentence in answer.sentences
        if gone.isdisjoint(citation.document for citation in sentence.citations)
    ]
    removed = len(answer.sentences) - len(kept)
    text = answer.text
    if answer.kind is AnswerKind.ANSWER and removed:
        text = "\n".join([*(sentence.text for sentence in kept), REMOVED])
    return answer.model_copy(
        update={
            "sentences": kept,
            "passages": [each for each in answer.passages if each.document not in gone],
            "text": text,
        }
    )


def remark_on(answer: Answer) -> str:
    """What to say below the sentences that are left of an answer; empty where all are."""
    return REMOVED if answer.sentences and answer.text.endswith(REMOVED) else ""


def _is_idle(session: Session, row: ConversationRow) -> bool:
    return row.last_at < now() - timedelta(minutes=memory_of(session).idle_minutes)


def _log(caller: Caller, asked: str, answer: Answer) -> QuestionRow:
    """A line of the log: the words typed, not how they were understood, which is made of answers."""
    return QuestionRow(
        id=answer.turn,
        user_id=caller.user_id,
        user_name=caller.name,
        at=now(),
        text=asked,
        kind=answer.kind,
        answered_by=answer.answered_by,
        steps={step.name: step.seconds for step in answer.steps},
        seconds=answer.seconds,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
    )
