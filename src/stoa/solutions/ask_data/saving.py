"""Saved questions, and people's judgement of answers. Rows are in neither: a saved query runs again."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import InvalidInput, NotFound
from stoa.base.identity.caller import EDITORS
from stoa.contract import Call
from stoa.solutions.ask_data.connections import find
from stoa.solutions.ask_data.keeping import own_line
from stoa.solutions.ask_data.reuse import judge
from stoa.solutions.ask_data.schema import (
    Done,
    Feedback,
    Forget,
    ListSaved,
    Save,
    Saved,
    SavedView,
)
from stoa.solutions.ask_data.tables import ConnectionRow, QuestionRow, SavedRow

_MOST = 1000


async def save(call: Call, request: Save) -> SavedView:
    """Keep a question with its query; it runs again within the rights of whoever runs it."""
    line = await own_line(call, request.answer)
    if line.problem or not line.sql:
        raise InvalidInput(
            "This question has no query to keep.", hint="Save one that was answered."
        )

    def keep(session: Session) -> SavedView:
        row = SavedRow(
            id=new_id("saved"),
            connection_id=line.connection_id,
            user_id=call.caller.user_id,
            name=request.name or line.question or "Query",
            question=line.question,
            sql=line.sql,
            shared=request.shared,
            at=now(),
        )
        session.add(row)
        session.flush()
        return _view(row, session.get(ConnectionRow, row.connection_id), call.caller.user_id)

    return await call.platform.database.write(keep, workspace=call.caller.workspace_id)


async def saved(call: Call, request: ListSaved) -> Saved:
    """List the questions you saved, and those that others share."""
    only = (await find(call, request.database)).id if request.database else ""

    def load(session: Session) -> Saved:
        statement = sa.select(SavedRow).where(
            sa.or_(SavedRow.user_id == call.caller.user_id, SavedRow.shared)
        )
        if only:
            statement = statement.where(SavedRow.connection_id == only)
        rows = session.scalars(statement.order_by(SavedRow.at.desc()).limit(_MOST)).all()
        names = {row.id: row for row in session.scalars(sa.select(ConnectionRow))}
        return Saved(
            saved=[_view(row, names.get(row.connection_id), call.caller.user_id) for row in rows]
        )

    return await call.platform.database.read(load, workspace=call.caller.workspace_id)


async def forget(call: Call, request: Forget) -> Done:
    """Remove a saved question: your own, or as an editor a shared one."""

    def remove(session: Session) -> Done:
        row = session.scalar(sa.select(SavedRow).where(SavedRow.id == request.id))
        mine = row is not None and row.user_id == call.caller.user_id
        if row is None or not (mine or (row.shared and call.caller.role in EDITORS)):
            raise NotFound(f"There is no saved question '{request.id}'.", hint="See `saved`.")
        session.delete(row)
        return Done(id=request.id)

    return await call.platform.database.write(remove, workspace=call.caller.workspace_id)


async def feedback(call: Call, request: Feedback) -> Done:
    """Say whether one of your answers was right, and why. A bad one is never reused."""
    line = await own_line(call, request.answer)

    def note(session: Session) -> Done:
        row = session.get(QuestionRow, line.id)
        if row is None:
            raise NotFound("The answer was removed meanwhile.", hint="Ask again.")
        row.good, row.why = request.good, request.why
        judge(session, row.pair_id, row.sql, good=request.good)
        return Done(id=row.id)

    return await call.platform.database.write(note, workspace=call.caller.workspace_id)


def _view(row: SavedRow, connection: ConnectionRow | None, user: str) -> SavedView:
    return SavedView(
        id=row.id,
        name=row.name,
        database=connection.name if connection else "",
        question=row.question,
        sql_code=row.sql,
        shared=row.shared,
        mine=row.user_id == user,
        saved_at=row.at,
    )
