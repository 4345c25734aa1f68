"""One statement through the guard: parse, resolve, restrict, bound, print. `guard.py` is its door."""

from sqlglot import exp

from stoa.core.tables.catalogue import Catalogue
from stoa.core.tables.guarding.names import Names, physical_tables
from stoa.core.tables.guarding.parsing import parse, print_sql, refused
from stoa.core.tables.guarding.policies import check_names, check_policy, check_table, enforce
from stoa.core.tables.guarding.ranges import beyond
from stoa.core.tables.guarding.resolving import resolve
from stoa.core.tables.policy import Policy

__all__ = ["beyond", "check_policy", "checked"]
Checked = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...], int]


def checked(sql: str, catalogue: Catalogue, policy: Policy, limit: int) -> Checked:
    """(SQL, table keys, columns, most rows) of a statement. Raises Refused as `guard`."""
    dialect = catalogue.dialect
    tree = _unwrapped(parse(sql, dialect))
    check_names(policy, catalogue)
    tables = physical_tables(tree, Names.of(catalogue), policy)
    for _, table in tables:
        check_table(table, policy)
    columns = resolve(tree, tables, dialect)
    for node, table in tables:
        enforce(node, table, policy, dialect)
    for column in tree.find_all(exp.Column):
        column.set("db", None)  # resolved, and the alias of a wrapped table has no schema
    if dialect == "mysql":
        _speak_mariadb(tree)
    most = _bound(tree, limit)
    keys = tuple(dict.fromkeys(table.key for _, table in tables))
    return print_sql(tree, dialect), keys, columns, most


def _speak_mariadb(tree: exp.Query) -> None:
    """`a REGEXP b` would be printed as a function that MariaDB lacks; both know this one."""
    for node in list(tree.find_all(exp.RegexpLike)):
        found = exp.Anonymous(this="REGEXP_INSTR", expressions=[node.this, node.expression])
        node.replace(exp.Paren(this=exp.GT(this=found, expression=exp.Literal.number(0))))


def _unwrapped(tree: exp.Query) -> exp.Query:
    """Without parentheses around the whole: not every database takes them."""
    inner = tree.unnest() if isinstance(tree, exp.Subquery) and tree.is_wrapper else tree
    return inner if isinstance(inner, exp.Query) else tree


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
