"""Policies: which tables, rows and columns of a database a role may see. The guard writes them into
every query; the catalogue that prompts and people are shown is cut to them."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id
from stoa.base.errors import InvalidInput, StoaError
from stoa.contract import Call
from stoa.core.tables.catalogue import Catalogue
from stoa.core.tables.guard import Policy, guard
from stoa.solutions.ask_data.catalogues import seen_table
from stoa.solutions.ask_data.connections import find, opened
from stoa.solutions.ask_data.knowing import described
from stoa.solutions.ask_data.schema import Policies, PolicyView, SetPolicy, ShowPolicies
from stoa.solutions.ask_data.tables import ConnectionRow, PolicyRow


async def policies(call: Call, request: ShowPolicies) -> Policies:
    """Show what each role may see of a database."""
    row = await find(call, request.database)
    return await call.platform.database.read(
        lambda session: _all(session, row.id), workspace=call.caller.workspace_id
    )


async def policy(call: Call, request: SetPolicy) -> Policies:
    """Set which tables, rows and columns of a database a role may see.

    A predicate is tried on the database before it is kept. It holds on every way to the data:
    questions, edited queries, saved ones, the catalogue and its sample values.
    """
    row = await find(call, request.database)
    catalogue = await call.platform.database.read(
        lambda session: described(session, row), workspace=call.caller.workspace_id
    )
    _check_names(catalogue, request)
    for table, predicate in (request.rows or {}).items():
        await _try_predicate(call, row, catalogue, table, predicate)
    return await call.platform.database.write(
        lambda session: _keep(session, row.id, request), workspace=call.caller.workspace_id
    )


def _check_names(catalogue: Catalogue, request: SetPolicy) -> None:
    for key in [*(request.tables or []), *(request.rows or {}), *(request.masked or {})]:
        seen_table(catalogue, key)
        if catalogue.table(key) is None:
            raise InvalidInput(f"The table '{key}' is spelled otherwise.", hint="Mind the case.")
    for key, columns in (request.masked or {}).items():
        table = seen_table(catalogue, key)
        for column in columns:
            if table.column(column) is None:
                raise InvalidInput(
                    f"'{key}' has no column '{column}'.", hint="See `catalogue` for its columns."
                )


async def _try_predicate(
    call: Call, row: ConnectionRow, catalogue: Catalogue, key: str, predicate: str
) -> None:
    table = seen_table(catalogue, key)
    name = f'"{table.name}"' if catalogue.dialect != "mysql" else f"`{table.name}`"
    qualified = f'"{table.schema_name}".{name}' if table.schema_name else name
    try:
        statement = f"SELECT COUNT(*) AS n FROM {qualified}"  # noqa: S608 - a name of the catalogue
        guarded = guard(statement, catalogue, Policy(rows={key: predicate}), limit=1)
        async with opened(call, row) as database:
            await database.explain(guarded.sql)
    except StoaError as error:
        raise InvalidInput(
            f"The predicate for '{key}' can't be used: {error.message}", hint=error.hint
        ) from error


def _keep(session: Session, connection_id: str, request: SetPolicy) -> Policies:
    row = session.scalar(
        sa.select(PolicyRow).where(
            PolicyRow.connection_id == connection_id, PolicyRow.role == request.role
        )
    )
    if request.clear:
        if row is not None:
            session.delete(row)
            session.flush()
        return _all(session, connection_id)
    if row is None:
        row = PolicyRow(
            id=new_id("policy"),
            connection_id=connection_id,
            role=request.role,
            tables=None,
            rows={},
            masked={},
        )
        session.add(row)
    if request.tables is not None:
        row.tables = list(request.tables)
    if request.rows is not None:
        row.rows = dict(request.rows)
    if request.masked is not None:
        row.masked = {table: list(columns) for table, columns in request.masked.items()}
    session.flush()
    return _all(session, connection_id)


def _all(session: Session, connection_id: str) -> Policies:
    rows = session.scalars(
        sa.select(PolicyRow)
        .where(PolicyRow.connection_id == connection_id)
        .order_by(PolicyRow.role)
    )
    return Policies(
        database=connection_id,
        policies=[
            PolicyView(role=row.role, tables=row.tables, rows=row.rows, masked=row.masked)
            for row in rows
        ],
    )
