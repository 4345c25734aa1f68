"""What is known of a database: its tables, columns, keys, values, and what people say about them.

Plain frozen values that travel as JSON. This file knows no database and no SQL.
"""

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "text", "integer", "number", "boolean", "date", "timestamp", "time", "bytes", "other"
]
Dialect = Literal["sqlite", "postgresql", "duckdb", "mysql"]
Scalar = str | int | float | bool


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One column. `type` is what the database calls it, `kind` what it is to us."""

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    primary_key: bool = False
    comment: str = ""
    """The database's own words."""
    description: str = ""
    """Drafted here or written by people."""
    distinct: int | None = None
    """How many different values it holds; None where they were not counted."""
    values: tuple[Scalar, ...] | None = None
    """All different values, where they are few."""
    minimum: str | int | float | None = None
    """Smallest value; dates and times as ISO 8601 text."""
    maximum: str | int | float | None = None
    samples: tuple[Scalar, ...] = ()
    """A few values, most frequent first."""


class ForeignKey(_Frozen):
    """Columns whose values are those of another table's columns."""

    columns: tuple[str, ...]
    to_table: str
    """`Table.key` of the other table."""
    to_columns: tuple[str, ...]
    inferred: bool = False
    """Found by names, types and values, and not declared by the database."""


class Table(_Frozen):
    """One table or view. `schema_name` is None in the default schema."""

    name: str
    schema_name: str | None = None
    is_view: bool = False
    comment: str = ""
    description: str = ""
    rows: int | None = None
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    """Sets of columns whose values never repeat, beside the primary key."""

    @property
    def key(self) -> str:
        """`schema.name`, or `name` in the default schema: what names this table everywhere."""
        return f"{self.schema_name}.{self.name}" if self.schema_name else self.name

    @cached_property
    def _columns(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column | None:
        """The column of exactly that name, or None."""
        return self._columns.get(name)


class Catalogue(_Frozen):
    """All tables of one database, as they were at one moment."""

    dialect: Dialect
    version: int = 0
    default_schema: str = ""
    """What the database calls the schema of tables without one; empty: its usual name."""
    tables: tuple[Table, ...]

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {table.key: table for table in self.tables}

    def table(self, key: str) -> Table | None:
        """The table of exactly that key, or None."""
        return self._tables.get(key)
