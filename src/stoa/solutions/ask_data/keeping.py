"""Answers that are kept: a line in the question log for good, the rows in the object store for a while.

Rows were read with the rights of one person, so only that person gets them back, and only while those
rights are the same: not by a key of a lesser role, nor after a policy was changed. When they expire, the
log keeps question, query and figures; nothing of what the database held.
"""

import asyncio
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.errors import NotFound
from stoa.contract import Call
from stoa.solutions.ask_data.knowing import Known, digest_of, policy_of
from stoa.solutions.ask_data.schema import Answer, Expire, Expired
from stoa.solutions.ask_data.tables import QuestionRow, StoredResultRow

_AT_ONCE = 500


async def keep_answer(call: Call, known: Known, answer: Answer, pair_id: str) -> None:
    """Write the log line, and the answer with its rows until it expires."""
    connection = known.connection
    rights = _rights(known.policy_digest)
    key = f"{call.caller.workspace_id}/ask_data/{connection.id}/{rights}/{answer.id}.json"
    content = await asyncio.to_thread(lambda: answer.model_dump_json().encode())
    await call.platform.objects.put(key, content)
    moment = now()
    line = QuestionRow(
        id=answer.id,
        connection_id=connection.id,
        user_id=call.caller.user_id,
        at=moment,
        question=answer.question,
        sql=answer.sql_code,
        pair_id=pair_id,
        problem=answer.problem,
        reused=answer.reuse.used,
        repairs=answer.repairs,
        answered_by=answer.answered_by,
        steps=_seconds_by_step(answer),
        seconds=answer.seconds,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        good=None,
        why="",
    )
    stored = StoredResultRow(
        id=answer.id,
        connection_id=connection.id,
        user_id=call.caller.user_id,
        object_key=key,
        expires_at=moment + timedelta(hours=call.platform.settings.result_hours),
    )

    try:
        await call.platform.database.write(
            lambda session: session.add_all([line, stored]), workspace=call.caller.workspace_id
        )
    except IntegrityError as error:  # disconnected while it was answered
        await call.platform.objects.delete(key)
        raise NotFound("The connection was removed meanwhile.", hint="Connect it again.") from error


async def stored_answer(call: Call, answer_id: str) -> tuple[Answer, StoredResultRow]:
    """One of the caller's own answers with its rows. Raises NotFound, also when it is expired."""

    def load(session: Session) -> tuple[StoredResultRow | None, str]:
        row = session.get(StoredResultRow, answer_id)
        policy = policy_of(session, row.connection_id if row else "", call.caller.role)
        return row, _rights(digest_of(policy))

    row, rights = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    if row is None or row.workspace_id != call.caller.workspace_id:
        raise _gone(answer_id)
    if row.user_id != call.caller.user_id or row.expires_at <= now():
        raise _gone(answer_id)
    if f"/{rights}/" not in row.object_key:
        raise _gone(answer_id)
    content = await call.platform.objects.get(row.object_key)
    return await asyncio.to_thread(Answer.model_validate_json, content), row


async def own_line(call: Call, answer_id: str) -> QuestionRow:
    """The log line of one of the caller's own answers; it outlives the rows. Raises NotFound."""

    def load(session: Session) -> QuestionRow | None:
        return session.scalar(sa.select(QuestionRow).where(QuestionRow.id == answer_id))

    row = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    if row is None or row.user_id != call.caller.user_id:
        raise _gone(answer_id)
    return row


async def expire(call: Call, request: Expire) -> Expired:
    """Remove the rows of answers whose time is over. Runs by itself every hour."""

    def due(session: Session) -> list[tuple[str, str]]:
        statement = (
            sa.select(StoredResultRow.id, StoredResultRow.object_key)
            .where(StoredResultRow.expires_at <= now())
            .limit(_AT_ONCE)
        )
        return [(each, key) for each, key in session.execute(statement)]

    workspace, removed = call.caller.workspace_id, 0
    while found := await call.platform.database.read(due, workspace=workspace):
        for _, key in found:
            await call.platform.objects.delete(key)
            for ending in ("csv", "parquet"):
                await call.platform.objects.delete(f"{key.removesuffix('json')}{ending}")
        ids = [each for each, _ in found]
        remove = sa.delete(StoredResultRow).where(StoredResultRow.id.in_(ids))
        await call.platform.database.write(
            lambda session, statement=remove: session.execute(statement),  # type: ignore[misc]
            workspace=workspace,
        )
        removed += len(ids)
    return Expired(removed=removed)


def _seconds_by_step(answer: Answer) -> dict[str, float]:
    """Repeated steps, as after a repair, count together."""
    seconds: dict[str, float] = {}
    for step in answer.steps:
        seconds[step.name] = round(seconds.get(step.name, 0.0) + step.seconds, 4)
    return seconds


def _rights(policy_digest: str) -> str:
    """The folder of results that were read with these rights."""
    return policy_digest[:32]


def _gone(answer_id: str) -> NotFound:
    return NotFound(
        f"There is no answer '{answer_id}' of yours any more.", hint="Ask the question again."
    )
