"""The catalogue: shown, described by people, imported, exported, refreshed. Versions grow, words stay."""

import csv
import io
import json

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.contract import Call
from stoa.core.tables.catalogue import Catalogue, Table
from stoa.solutions.ask_data.cards import without_values
from stoa.solutions.ask_data.connections import find, opened
from stoa.solutions.ask_data.knowing import know, reflected, words_of
from stoa.solutions.ask_data.schema import (
    CatalogueView,
    DatabaseRequest,
    Describe,
    Done,
    Export,
    ImportDescriptions,
    Imported,
    Refreshed,
    ShowCatalogue,
)
from stoa.solutions.ask_data.tables import CatalogueRow, ConnectionRow, DescriptionRow

_LONGEST_FILE = 4 * 2**20
_LONGEST_DESCRIPTION = 2000
_VERSIONS_KEPT = 10


async def catalogue(call: Call, request: ShowCatalogue) -> CatalogueView:
    """Show the tables of a database as you may see them: columns, keys, values, descriptions."""
    known = await know(call, request.database)
    tables = known.seen.tables
    if request.table:
        tables = (seen_table(known.seen, request.table),)
    if request.text:
        wanted = request.text.lower()
        tables = tuple(each for each in tables if wanted in f"{each.key} {words_of(each)}".lower())
    page = tables[request.offset : request.offset + request.limit]
    return CatalogueView(
        database=known.connection.id,
        name=known.connection.name,
        catalogue=known.seen.model_copy(update={"tables": page}),
        total=len(tables),
    )


async def describe(call: Call, request: Describe) -> Done:
    """Say what a table or a column means. Questions are understood better, and refreshes keep it.

    An empty description takes your words away; the drafted ones come back.
    """
    known = await know(call, request.database)
    table = seen_table(known.seen, request.table)
    if request.column and table.column(request.column) is None:
        names = ", ".join(column.name for column in table.columns[:20])
        raise NotFound(
            f"'{request.table}' has no column '{request.column}'.", hint=f"It has: {names}."
        )
    key = (request.table, request.column)
    await call.platform.database.write(
        lambda session: write_descriptions(
            session, call.caller, known.connection.id, {key: request.description}
        ),
        workspace=call.caller.workspace_id,
    )
    return Done(id=known.connection.id)


async def import_descriptions(call: Call, request: ImportDescriptions) -> Imported:
    """Take descriptions over from a CSV file with the columns table, description and maybe column."""
    known = await know(call, request.database)
    lines = _lines(await _content(call, request))
    names = {table.key.lower(): table for table in known.seen.tables}
    texts: dict[tuple[str, str], str] = {}
    unknown: list[str] = []
    for table_name, column_name, text in lines:
        table = names.get(table_name.lower())
        columns = {} if table is None else {each.name.lower(): each.name for each in table.columns}
        if table is None or (column_name and column_name.lower() not in columns):
            unknown.append(f"{table_name}.{column_name}" if column_name else table_name)
            continue
        texts[table.key, columns.get(column_name.lower(), "")] = text
    version = await call.platform.database.write(
        lambda session: write_descriptions(session, call.caller, known.connection.id, texts),
        workspace=call.caller.workspace_id,
    )
    return Imported(described=len(texts), unknown=unknown[:1000], version=version)


async def _content(call: Call, request: ImportDescriptions) -> bytes:
    if bool(request.file) == bool(request.text):
        raise InvalidInput("Give a file or the text.", hint="One of the two.")
    if request.file is None:
        return request.text.encode()
    file = await call.platform.files.get(call.caller, request.file)
    if file.size > _LONGEST_FILE:
        raise InvalidInput("The file is larger than 4 MiB.", hint="Send the descriptions only.")
    return await call.platform.objects.get(file.object_key)


async def export(call: Call, request: DatabaseRequest) -> Export:
    """Export the catalogue as you may see it as schema.json."""
    known = await know(call, request.database)
    content = known.seen.model_dump(mode="json")
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return Export(name="schema.json", media_type="application/json", text=text)


async def refresh(call: Call, request: DatabaseRequest) -> Refreshed:
    """Read the database's tables anew. What people wrote stays, also for a table that comes back."""
    row = await find(call, request.database)
    await call.progress("Reading tables, columns and values")
    async with opened(call, row) as database:
        fresh = await database.reflect()
    found = await call.platform.database.write(
        lambda session: _refresh(session, row.id, fresh), workspace=call.caller.workspace_id
    )
    policy = (await know(call, row.id)).policy
    views = {table.key for table in fresh.tables if table.is_view}

    def shown(keys: list[str]) -> list[str]:
        return [key for key in keys if policy.shows(key, is_view=key in views)]

    told = {"added": shown(found.added), "removed": shown(found.removed)}
    return found.model_copy(update={**told, "changed": shown(found.changed)})


def seen_table(seen: Catalogue, key: str) -> Table:
    """The table of that key, in any case. Raises NotFound."""
    table = seen.table(key)
    if table is None:
        table = next((each for each in seen.tables if each.key.lower() == key.lower()), None)
    if table is None:
        raise NotFound(f"There is no table '{key}'.", hint="See `catalogue` for those there are.")
    return table


def _refresh(session: Session, connection_id: str, fresh: Catalogue) -> Refreshed:
    connection = session.get(ConnectionRow, connection_id)
    if connection is None:
        raise NotFound("The connection was removed meanwhile.", hint="Connect it again.")
    before = reflected(session, connection_id)
    old = {table.key: table for table in Catalogue.model_validate_json(before.content).tables}
    new = {table.key: table for table in fresh.tables}
    result = Refreshed(
        version=connection.version,
        added=[key for key in new if key not in old],
        removed=[key for key in old if key not in new],
        changed=[key for key in new if key in old and _shape(new[key]) != _shape(old[key])],
    )
    connection.refreshed_at = now()
    connection.tables = len(new)
    if result.added or result.removed or result.changed:
        connection.version += 1
        result.version = connection.version
        session.add(
            CatalogueRow(
                id=new_id("cat"),
                connection_id=connection_id,
                version=connection.version,
                content=fresh.model_dump_json(),
                reflected_at=now(),
            )
        )
        _forget_old(session, connection_id)
    else:  # the same tables: only counts and values moved on
        before.content, before.reflected_at = fresh.model_dump_json(), now()
    return result


def _forget_old(session: Session, connection_id: str) -> None:
    session.flush()
    rows = session.scalars(
        sa.select(CatalogueRow)
        .where(CatalogueRow.connection_id == connection_id)
        .order_by(CatalogueRow.version.desc())
        .offset(_VERSIONS_KEPT)
    )
    for row in rows:
        session.delete(row)


def _shape(table: Table) -> Table:
    """What makes a table another one when it changes: not its rows, values and drafted words."""
    columns = [
        without_values(each).model_copy(update={"description": ""}) for each in table.columns
    ]
    return table.model_copy(update={"rows": None, "description": "", "columns": tuple(columns)})


def write_descriptions(
    session: Session,
    caller: Caller,
    connection_id: str,
    texts: dict[tuple[str, str], str],
    *,
    new_only: bool = False,
) -> int:
    """Write descriptions by (table key, column), an empty one takes away; the version after it.

    `new_only`: what somebody described already stays as it is.
    """
    connection = session.get(ConnectionRow, connection_id)
    if connection is None:
        raise NotFound("The connection was removed meanwhile.", hint="Connect it again.")
    statement = sa.select(DescriptionRow).where(DescriptionRow.connection_id == connection_id)
    rows = {(each.table_key, each.column): each for each in session.scalars(statement)}
    changed = False
    for (table, column), text in texts.items():
        row = rows.get((table, column))
        if row is not None and new_only:
            continue
        if row is not None and not text:
            session.delete(row)
        elif row is not None:
            changed = changed or row.text != text
            row.text, row.by, row.at = text, caller.user_id, now()
            continue
        elif text:
            row = DescriptionRow(
                id=new_id("words"),
                connection_id=connection_id,
                table_key=table,
                column=column,
                text=text,
                by=caller.user_id,
                at=now(),
            )
            session.add(row)
        changed = changed or row is not None
    if changed:
        connection.version += 1
    return connection.version


def _lines(content: bytes) -> list[tuple[str, str, str]]:
    """(table, column, description) of each line. Raises InvalidInput."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("The file is no UTF-8 text.", hint="Save it as CSV (UTF-8).") from error
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise InvalidInput(
            f"The file can't be read as CSV: {error}.", hint="Check its quotes."
        ) from error
    head = [name.strip().lower() for name in rows[0]] if rows else []
    places = [_place(head, "table", "table_name"), _place(head, "description", "table_description")]
    if None in places:
        raise InvalidInput(
            "The first line must name the columns 'table' and 'description'.",
            hint="A third one, 'column', describes columns.",
        )
    column = _place(head, "column", "column_name")
    found = []
    for row in rows[1:]:
        values = [value.strip() for value in row] + [""] * len(head)
        table, words = values[places[0] or 0], values[places[1] or 0]
        if table and words:
            name = values[column] if column is not None else ""
            found.append((table, name, words[:_LONGEST_DESCRIPTION]))
    return found


def _place(head: list[str], *names: str) -> int | None:
    return next((head.index(name) for name in names if name in head), None)
