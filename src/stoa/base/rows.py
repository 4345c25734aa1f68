"""All rows of the database as JSON lines, out of and into one transaction, on SQLite and PostgreSQL.

The tables are those that are there: declared ones with their own types, others (of the engine that
runs durable work) as the database describes them. A table is named `schema.table`, or `table` where it
is in the default schema; on the way in a table that changed its schema is found by its bare name, so
rows move from SQLite to PostgreSQL and back.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

import sqlalchemy as sa

from stoa.base.database import Database, Row
from stoa.base.errors import Bug, Conflict, SetupError

VERSIONS: Final = "alembic_version"
_BATCH = 500
_COMPARED = 1000
_SYSTEM_SCHEMAS = {"information_schema", "pg_catalog", "pg_toast"}


def export_rows(database: Database, folder: Path, ignored: tuple[str, ...]) -> dict[str, int]:
    """Write `{table}.jsonl` for every table into `folder`, all of one moment; return row counts.

    Args:
        database: read in one transaction, so that writers neither wait nor show through.
        folder: exists and is empty.
        ignored: patterns of table names that are left out.
    """
    counts = {}
    with _snapshot(database) as connection:
        for name, table in _tables(connection, ignored).items():
            query = sa.select(table).order_by(*table.primary_key.columns)
            rows = connection.execution_options(yield_per=_BATCH).execute(query).mappings()
            with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
                counts[name] = 0
                for row in rows:
                    file.write(json.dumps({key: _encode(value) for key, value in row.items()}))
                    file.write("\n")
                    counts[name] += 1
    return counts


@contextmanager
def _snapshot(database: Database) -> Iterator[sa.Connection]:
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("BEGIN")
            yield connection
        else:
            yield connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )


def _tables(connection: sa.Connection, ignored: tuple[str, ...]) -> dict[str, sa.Table]:
    """Every table by name, referred ones before those that refer to them."""
    inspector = sa.inspect(connection)
    default = inspector.default_schema_name
    reflected = sa.MetaData()
    for schema in inspector.get_schema_names():
        if schema in _SYSTEM_SCHEMAS or schema.startswith("pg_"):
            continue
        reflected.reflect(
            connection,
            schema=None if schema == default else schema,
            only=lambda name, _: not any(fnmatch(name, pattern) for pattern in ignored),
        )
    return {
        table.key: Row.metadata.tables.get(table.key, table) for table in reflected.sorted_tables
    }


class RowImport:
    """Takes tables in, all within one transaction of an empty database.

    A table that holds exactly the given rows already (such as the versions of the migrations) stays.
    """

    def __init__(self, connection: sa.Connection, ignored: tuple[str, ...]) -> None:
        self._connection = connection
        self._tables = _tables(connection, ignored)

    def order(self, counts: Mapping[str, int]) -> list[str]:
        """The tables of the backup so that referred rows come first.

        Args:
            counts: rows by table. A table without rows may be absent here: libraries keep other
                tables on another database.

        Raises:
            SetupError: a table with rows is not here.
        """
        places = {key: place for place, key in enumerate(self._tables)}
        kept = [name for name, count in counts.items() if count or self._find(name) is not None]
        return sorted(kept, key=lambda name: places[self._target(name).key])

    def take(self, name: str, lines: IO[bytes]) -> int:
        """Insert the rows of one table; return how many.

        Raises:
            Conflict: the table holds other rows already.
            SetupError: the table does not exist here, or comes from another version of Stoa.
        """
        table = self._target(name)
        rows = ({key: _decode(value) for key, value in json.loads(line).items()} for line in lines)
        present = self._present(table)
        if present:
            if present == list(islice(rows, _COMPARED + 1)):
                return len(present)
            raise _clash(table)
        count = 0
        for batch in _batches(rows):
            self._connection.execute(sa.insert(table), batch)
            count += len(batch)
        self._advance_sequences(table)
        return count

    def _target(self, name: str) -> sa.Table:
        found = self._find(name)
        if found is None:
            raise SetupError(
                f"The backup holds a table '{name}' that is not here.",
                hint="Restore with the version of Stoa that made the backup.",
            )
        return found

    def _find(self, name: str) -> sa.Table | None:
        if name in self._tables:
            return self._tables[name]
        bare = name.rsplit(".", maxsplit=1)[-1]
        same = [table for table in self._tables.values() if table.name == bare]
        return same[0] if len(same) == 1 else None

    def _present(self, table: sa.Table) -> list[dict[str, Any]]:
        query = sa.select(table).order_by(*table.primary_key.columns).limit(_COMPARED)
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def _advance_sequences(self, table: sa.Table) -> None:
        """PostgreSQL counts on after the ids that came in."""
        if self._connection.dialect.name != "postgresql":
            return
        quote = self._connection.dialect.identifier_preparer.format_table
        for column in table.primary_key.columns:
            if not isinstance(column.type, sa.Integer):
                continue
            sequence = self._connection.scalar(
                sa.select(sa.func.pg_get_serial_sequence(quote(table), column.name))
            )
            if sequence is not None:
                highest = self._connection.scalar(sa.select(sa.func.max(column)))
                if highest is not None:
                    self._connection.execute(sa.select(sa.func.setval(sequence, highest)))


@contextmanager
def importing(database: Database, ignored: tuple[str, ...]) -> Iterator[RowImport]:
    """One transaction that takes rows in: all of them, or none where it raises."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        yield RowImport(connection, ignored)
        connection.commit()


def _clash(table: sa.Table) -> Exception:
    if table.name == VERSIONS:
        return SetupError(
            "The backup was made by another version of Stoa.",
            hint="Restore with that version, then update.",
        )
    return Conflict(
        f"There is data already: table '{table.name}' is not empty.",
        hint="Restore into an empty data folder and an empty database.",
    )


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _encode(value: Any) -> Any:
    """Plain values as they are; others as a pair of kind and text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes() | memoryview():
            return ["bytes", base64.b64encode(bytes(value)).decode()]
        case datetime():
            return ["datetime", value.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case time():
            return ["time", value.isoformat()]
        case timedelta():
            return ["seconds", value.total_seconds()]
        case Decimal():
            return ["decimal", str(value)]
        case UUID():
            return ["uuid", str(value)]
        case dict() | list():
            return ["json", value]
    raise Bug(f"a backup can't hold a {type(value).__name__}")


def _decode(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, content = value
    match kind:
        case "bytes":
            return base64.b64decode(content)
        case "datetime":
            return datetime.fromisoformat(content)
        case "date":
            return date.fromisoformat(content)
        case "time":
            return time.fromisoformat(content)
        case "seconds":
            return timedelta(seconds=content)
        case "decimal":
            return Decimal(content)
        case "uuid":
            return UUID(content)
        case "json":
            return content
    raise Bug(f"unknown kind of value in a backup: {kind}")
