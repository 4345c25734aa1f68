"""The guard: one read-only query over permitted tables and columns, or nothing.

    guarded = guard(sql, catalogue, policy, limit=1000)

The statement is parsed for the database's dialect, every part of it must be on a list of allowed
parts, every table and column is resolved against the catalogue, row policies and column masks are
written into it, and what comes out is printed again from the tree: no character of the given text is
passed on. It knows no driver: what it lets through runs on a locked-down connection besides.
"""

from dataclasses import dataclass

from sqlglot import exp

from stoa.base.errors import Refused
from stoa.core.tables.catalogue import Catalogue
from stoa.core.tables.guarding.names import Names, physical_tables
from stoa.core.tables.guarding.parsing import parse, print_sql, refused
from stoa.core.tables.guarding.policies import (
    Policy,
    check_names,
    check_policy,
    check_table,
    enforce,
)
from stoa.core.tables.guarding.resolving import resolve

__all__ = ["Guarded", "Policy", "Refused", "check_policy", "guard"]


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
    dialect = catalogue.dialect
    tree = parse(sql, dialect)
    if isinstance(tree, exp.Subquery) and tree.is_wrapper:
        tree = tree.unnest()
    check_names(policy, catalogue)
    tables = physical_tables(tree, Names.of(catalogue))
    for _, table in tables:
        check_table(table, policy)
    columns = resolve(tree, tables, dialect)
    for node, table in tables:
        enforce(node, table, policy, dialect)
    for column in tree.find_all(exp.Column):
        column.set("db", None)  # resolved, and the alias of a wrapped table has no schema
    most = _bound(tree, limit)
    keys = tuple(dict.fromkeys(table.key for _, table in tables))
    return Guarded(print_sql(tree, dialect), keys, columns, most)


def _bound(tree: exp.Query, limit: int) -> int:
    """Give the statement a LIMIT, or lower its own; return the rows it may give."""
    own = tree.args.get("limit")
    most = limit
    if isinstance(own, exp.Fetch):
        most = min(limit, _number(own.args.get("count") or exp.Literal.number(1)))
    elif own is not None and not _is_all(own.expression):
        most = min(limit, _number(own.expression))
    tree.set("limit", exp.Limit(expression=exp.Literal.number(most)))
    return most


def _number(value: exp.Expr) -> int:
    if not (isinstance(value, exp.Literal) and not value.is_string and value.this.isdigit()):
        raise refused("its LIMIT is not a plain number", "Write LIMIT with a number.")
    return int(value.this[:18])


def _is_all(value: exp.Expr) -> bool:
    return isinstance(value, exp.Null) or (
        isinstance(value, exp.Var) and value.name.upper() == "ALL"
    )
