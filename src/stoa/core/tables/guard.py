"""The guard: one read-only query over permitted tables and columns, or nothing.

    guarded = guard(sql, catalogue, policy, limit=1000)

The statement is parsed for the database's dialect, every part of it must be on a list of allowed
parts, every table and column is resolved against the catalogue, row policies and column masks are
written into it, and what comes out is printed again from the tree: no character of the given text is
passed on. It knows no driver: what it lets through runs on a locked-down connection besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stoa.base.errors import UserError
from stoa.core.tables.catalogue import Catalogue


class Refused(UserError):
    """A statement that is not one read-only query over what the caller may see."""

    code = "query_refused"
    status = 422


@dataclass(frozen=True)
class Policy:
    """What a caller may see of a database."""

    tables: frozenset[str] | None = None
    """Keys of the permitted tables; None: all."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Table key → SQL predicate over its own columns; only rows that fulfil it exist."""
    masked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Table key → columns that read as NULL."""


@dataclass(frozen=True)
class Guarded:
    """A statement that may run."""

    sql: str
    tables: tuple[str, ...]
    """Keys of the tables it reads."""
    columns: tuple[tuple[str, str], ...]
    """(table key, column) of the columns it reads."""
    limit: int
    """Most rows it gives."""


def guard(sql: str, catalogue: Catalogue, policy: Policy, *, limit: int) -> Guarded:
    """Check one statement and rewrite it so that it stays within the policy.

    Args:
        sql: what a model or a person wrote, in the catalogue's dialect.
        limit: most rows the statement may give; a smaller LIMIT of its own stays.

    Raises:
        Refused: not one read-only query over permitted tables, columns and functions; the hint
            names the part.
    """
    raise NotImplementedError
