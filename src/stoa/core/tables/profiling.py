"""What stands in the tables: row counts, distinct values, smallest and largest, samples.

Few queries a table, each with its own time limit and all with one together; what takes too long is
left unknown, and the database is never asked to write. Columns and tables can be left alone.
"""
# ruff: noqa: S608 - names of the catalogue, quoted

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

from stoa.base.errors import QueryFailed
from stoa.core.tables.catalogue import Catalogue, Column, Dialect, Scalar, Table
from stoa.core.tables.drivers.driver import Rows
from stoa.core.tables.inferring import infer_keys
from stoa.core.tables.quoting import quoted, quoted_table

_COUNTED: Final = {"text", "integer", "number", "boolean", "date", "timestamp", "time"}
_RANGED: Final = {"integer", "number", "date", "timestamp"}
_LISTED: Final = {"text", "integer", "boolean"}
_LONGEST_VALUE: Final = 100
_SAMPLES: Final = 5
_SAMPLED_ROWS: Final = 50
_BYTES: Final = 2**20
_AT_ONCE: Final = 4


@dataclass(frozen=True)
class Profiling:
    """What is read of the values. Patterns are shell patterns over `table` and `table.column`."""

    hidden: tuple[str, ...] = ()
    """Tables and columns that do not appear in the catalogue at all."""
    unread: tuple[str, ...] = ()
    """Tables and columns that appear, but whose values are never read."""
    values: bool = True
    """False: the structure only."""
    most_values: int = 50
    """Columns with at most so many different values list them all."""
    seconds_per_query: float = 5.0
    seconds: float = 120.0
    """All queries together; what is not reached stays unknown."""
    infer: bool = True
    """Look for foreign keys that are not declared."""


class Runner(Protocol):
    """What runs the queries: `ReadOnlyDatabase`."""

    async def run(self, sql: str, *, seconds: float, rows: int, bytes: int) -> Rows:
        """Run one query."""
        ...


async def profile(runner: Runner, structure: Catalogue, profiling: Profiling) -> Catalogue:
    """The catalogue with values. Raises ProviderError where the database stops answering."""
    visible = hide(structure, profiling.hidden)
    if not profiling.values:
        return visible
    reader = _Reader(runner, visible.dialect, profiling)
    tables = await asyncio.gather(*(reader.read(table) for table in visible.tables))
    catalogue = visible.model_copy(update={"tables": tuple(tables)})
    if profiling.infer:
        catalogue = await infer_keys(reader.first, catalogue)
    return catalogue


def hide(catalogue: Catalogue, patterns: tuple[str, ...]) -> Catalogue:
    """Without the tables and columns that match."""
    if not patterns:
        return catalogue
    kept = []
    for table in catalogue.tables:
        if matches(table.key, patterns):
            continue
        columns = tuple(c for c in table.columns if not matches(f"{table.key}.{c.name}", patterns))
        names = {column.name for column in columns}
        keys = tuple(key for key in table.foreign_keys if names.issuperset(key.columns))
        kept.append(table.model_copy(update={"columns": columns, "foreign_keys": keys}))
    return Catalogue(
        dialect=catalogue.dialect,
        version=catalogue.version,
        default_schema=catalogue.default_schema,
        tables=tuple(kept),
    )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of the shell patterns, without case."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


class _Reader:
    """Reads one table after another, a few at once, until the time is used up."""

    def __init__(self, runner: Runner, dialect: Dialect, profiling: Profiling) -> None:
        self._runner = runner
        self._dialect = dialect
        self._profiling = profiling
        self._deadline = time.monotonic() + profiling.seconds
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def first(self, sql: str, rows: int = 1) -> list[tuple[Any, ...]] | None:
        """The first rows; None where the query fails, takes too long or comes too late."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return None
        seconds = min(self._profiling.seconds_per_query, left)
        try:
            found = await self._runner.run(sql, seconds=seconds, rows=rows, bytes=_BYTES)
        except QueryFailed:
            return None
        return found.rows

    async def read(self, table: Table) -> Table:
        """The table with counts and values."""
        async with self._slots:
            if matches(table.key, self._profiling.unread):
                return table
            open_ = [
                column
                for column in table.columns
                if column.kind in _COUNTED
                and not matches(f"{table.key}.{column.name}", self._profiling.unread)
            ]
            source = quoted_table(table, self._dialect)
            facts = await self._facts(source, open_)
            if facts is None:
                counted = await self.first(f"SELECT COUNT(*) FROM {source}")
                rows = int(counted[0][0]) if counted else None
                return table.model_copy(update={"rows": rows})
            known = {name: found for name, found in facts.items() if name is not None}
            samples = await self._samples(source, open_)
            columns = tuple(
                [
                    await self._column(column, source, known[column.name], samples)
                    if column.name in known
                    else column
                    for column in table.columns
                ]
            )
            return table.model_copy(update={"rows": facts[None]["rows"], "columns": columns})

    async def _facts(
        self, source: str, columns: list[Column]
    ) -> dict[str | None, dict[str, Any]] | None:
        """Row count (under None) and the facts of each column, in one pass over the table."""
        parts = ["COUNT(*)"]
        asked: list[tuple[str, str]] = []
        for column in columns:
            name = quoted(column.name, self._dialect)
            asked.append((column.name, "distinct"))
            parts.append(f"COUNT(DISTINCT {name})")
            if column.kind in _RANGED:
                asked += [(column.name, "minimum"), (column.name, "maximum")]
                parts += [f"MIN({name})", f"MAX({name})"]
        found = await self.first(f"SELECT {', '.join(parts)} FROM {source}")
        if not found:
            return None
        facts: dict[str | None, dict[str, Any]] = {None: {"rows": int(found[0][0])}}
        for (name, fact), value in zip(asked, found[0][1:], strict=True):
            facts.setdefault(name, {})[fact] = value
        return facts

    async def _samples(self, source: str, columns: list[Column]) -> dict[str, tuple[Scalar, ...]]:
        """A few different values of each column, from the first rows."""
        if not columns:
            return {}
        names = ", ".join(quoted(column.name, self._dialect) for column in columns)
        rows = await self.first(
            f"SELECT {names} FROM {source} LIMIT {_SAMPLED_ROWS}", _SAMPLED_ROWS
        )
        found = {}
        for place, column in enumerate(columns):
            values = (scalar(row[place]) for row in rows or ())
            short = [v for v in values if v is not None and len(str(v)) <= _LONGEST_VALUE]
            found[column.name] = tuple(dict.fromkeys(short))[:_SAMPLES]
        return found

    async def _column(
        self, column: Column, source: str, facts: dict[str, Any], samples: dict[str, Any]
    ) -> Column:
        distinct = int(facts["distinct"])
        update: dict[str, Any] = {
            "distinct": distinct,
            "minimum": scalar(facts.get("minimum")),
            "maximum": scalar(facts.get("maximum")),
            "samples": samples.get(column.name, ()),
        }
        if column.kind in _LISTED and 0 < distinct <= self._profiling.most_values:
            values = await self._values(column, source)
            if values is not None:
                update |= {"values": values, "samples": values[:_SAMPLES]}
        return column.model_copy(update=update)

    async def _values(self, column: Column, source: str) -> tuple[Scalar, ...] | None:
        """All values, most frequent first; None where one is too long to list."""
        name = quoted(column.name, self._dialect)
        most = self._profiling.most_values
        rows = await self.first(
            f"SELECT {name}, COUNT(*) FROM {source} WHERE {name} IS NOT NULL"
            f" GROUP BY {name} ORDER BY 2 DESC, 1 LIMIT {most + 1}",
            most + 1,
        )
        if rows is None or len(rows) > most:
            return None
        values = tuple(scalar(row[0]) for row in rows)
        if any(value is None or len(str(value)) > _LONGEST_VALUE for value in values):
            return None
        return tuple(value for value in values if value is not None)


def scalar(value: Any) -> Scalar | None:
    """A value as JSON has it: decimals as numbers, dates and times as ISO text; bytes are left out."""
    match value:
        case None | bytes():
            return None
        case bool() | int() | str():
            return value
        case float():
            return value if value - value == 0 else None  # NaN and infinity are no JSON
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | clock():
            return value.isoformat()
    return str(value)
