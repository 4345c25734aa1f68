"""The guard: one read-only query over permitted tables and columns, or nothing.

    guarded = guard(sql, catalogue, policy, limit=1000)

The statement is parsed for the database's dialect, every part of it must be on a list of allowed
parts, every table and column is resolved against the catalogue, row policies and column masks are
written into it, and what comes out is printed again from the tree: no character of the given text is
passed on. It knows no driver: what it lets through runs on a locked-down connection besides.
"""

from dataclasses import dataclass
from types import ModuleType

from stoa.base.errors import Refused, SetupError
from stoa.core.tables.catalogue import Catalogue, Column
from stoa.core.tables.policy import Policy

__all__ = ["Guarded", "Policy", "Refused", "beyond", "check_policy", "guard"]


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
    return Guarded(*_parts().checked(sql, catalogue, policy, limit))


def check_policy(policy: Policy, catalogue: Catalogue) -> None:
    """Look whether every name and predicate of a policy fits the catalogue.

    Raises:
        Refused: a table or column that does not exist, or a predicate that is not a plain condition
            over the table's own columns.
    """
    _parts().check_policy(policy, catalogue)


def beyond(sql: str, catalogue: Catalogue) -> list[Column]:
    """The columns that a guarded statement compares with values beyond all they hold.

    Says why a query found nothing. `catalogue` is the one that may be told from: columns without a
    known range are passed over, and so is every condition that is more than plain.
    """
    found: list[Column] = _parts().beyond(sql, catalogue)
    return found


def _parts() -> ModuleType:
    """The parser's part, read when it is first needed: it is an optional part, and not small."""
    try:
        from stoa.core.tables.guarding import statement  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(
            "The SQL parser is not installed here.", hint="pip install stoa[tables]."
        ) from error
    return statement
