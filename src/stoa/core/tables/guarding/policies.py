"""What a caller may see, written into the tree.

A table with a row predicate or masked columns is replaced, wherever it stands, by a query of its own:

    orders AS o   →   (SELECT id, CASE WHEN 1 = 0 THEN price END AS price
                       FROM orders WHERE (region = 'north')) AS o

so nothing outside can reach other rows or the masked values: not by alias, subquery, UNION, correlation
or a whole-row reference. The CASE is NULL of the column's own type.
"""

from functools import lru_cache

from sqlglot import exp

from stoa.core.tables.catalogue import Catalogue, Dialect, Table
from stoa.core.tables.guarding.allowed import PREDICATE_NODES
from stoa.core.tables.guarding.names import ascii_lower, folded, stored
from stoa.core.tables.guarding.parsing import check_parts, parse_predicate, print_sql, refused
from stoa.core.tables.policy import Policy


def check_policy(policy: Policy, catalogue: Catalogue) -> None:
    """Look whether every name and predicate of a policy fits the catalogue.

    Raises:
        Refused: a table or column that does not exist, or a predicate that is not a plain condition
            over the table's own columns.
    """
    for key in {*policy.rows, *policy.masked, *(policy.tables or ())}:
        if catalogue.table(key) is None:
            raise _unfit(f"there is no table {key}")
    for key in {*policy.rows, *policy.masked}:
        table = catalogue.table(key)
        if table is not None:
            wrapped(table, policy, catalogue.dialect)


def check_table(table: Table, policy: Policy) -> None:
    """Raise Refused where the policy does not permit a table."""
    if policy.tables is not None and table.key not in policy.tables:
        raise refused(f"there is no table {table.key}", "Use the tables of the catalogue.")
    if not policy.shows(table.key, is_view=table.is_view):
        raise refused(
            f"the view {table.key} may show what your role does not",
            "Use the tables; an owner may permit the view by naming it.",
        )


def check_names(policy: Policy, catalogue: Catalogue) -> None:
    """Raise Refused where rows or masks name a table that is not there: a slip must not open one."""
    for key in (*policy.rows, *policy.masked):
        if catalogue.table(key) is None:
            raise _unfit(f"there is no table {key}")


def enforce(node: exp.Table, table: Table, policy: Policy, dialect: Dialect) -> None:
    """Replace one table node by what the policy leaves of the table; nothing where it leaves all."""
    if table.key not in policy.rows and table.key not in policy.masked:
        return
    inner = wrapped(table, policy, dialect)
    if _stands_in(node, inner, dialect):
        return
    alias = node.args.get("alias")
    if alias is None:
        alias = exp.TableAlias(this=node.this.copy())
    subquery = exp.Subquery(this=inner, alias=alias, joins=node.args.get("joins"))
    node.replace(subquery)


def wrapped(table: Table, policy: Policy, dialect: Dialect) -> exp.Select:
    """The query that stands for a table. Raises Refused where the policy does not fit it."""
    hidden = {ascii_lower(name) for name in policy.masked.get(table.key, ())}
    present = {ascii_lower(column.name) for column in table.columns}
    if not hidden <= present:
        raise _unfit(f"{table.key} has no column {min(hidden - present)}")
    fields = [_field(column.name, ascii_lower(column.name) in hidden) for column in table.columns]
    schema = exp.to_identifier(table.schema_name, quoted=True) if table.schema_name else None
    source = exp.Table(this=exp.to_identifier(table.name, quoted=True), db=schema)
    query = exp.Select(expressions=fields, from_=exp.From(this=source))
    predicate = policy.rows.get(table.key)
    if predicate is not None:
        condition = _condition(predicate, dialect)
        _check_columns(condition, table, dialect)
        query.set("where", exp.Where(this=exp.Paren(this=condition.copy())))
        _fence(query, dialect)
    return query


def _fence(query: exp.Select, dialect: Dialect) -> None:
    """Keep the database from testing outer conditions on hidden rows first: a division by zero or a
    failed cast there would tell what they hold. None of the four moves a condition past these."""
    most = {"sqlite": "-1", "mysql": "18446744073709551615"}
    if dialect in most:
        query.set("limit", exp.Limit(expression=exp.Literal.number(most[dialect])))
    query.set("offset", exp.Offset(expression=exp.Literal.number(0)))


def _field(name: str, hidden: bool) -> exp.Expr:
    column = exp.Column(this=exp.to_identifier(name, quoted=True))
    if not hidden:
        return column
    never = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    nothing = exp.Case(ifs=[exp.If(this=never, true=column)])
    return exp.Alias(this=nothing, alias=exp.to_identifier(name, quoted=True))


@lru_cache(512)
def _condition(predicate: str, dialect: Dialect) -> exp.Expr:
    condition = parse_predicate(predicate, dialect)
    check_parts(condition, dialect, PREDICATE_NODES)
    return condition


def _check_columns(condition: exp.Expr, table: Table, dialect: Dialect) -> None:
    """All columns are the table's own, and lose the table's name that they may carry."""
    present = {stored(column.name, dialect) for column in table.columns}
    for column in condition.find_all(exp.Column):
        if folded(column.this, dialect) not in present or column.table:
            raise _unfit(f"{table.key} has no column {column.sql()}")


def _stands_in(node: exp.Table, inner: exp.Select, dialect: Dialect) -> bool:
    """Whether the table is the one inside of exactly this wrapping already."""
    select = node.parent_select
    return (
        select is not None
        and isinstance(select.parent, exp.Subquery)
        and not node.args.get("joins")
        and print_sql(select, dialect) == print_sql(inner, dialect)
    )


def _unfit(what: str) -> Exception:
    return refused(
        f"its policy does not fit the database ({what})", "An owner has to mend the policy."
    )
