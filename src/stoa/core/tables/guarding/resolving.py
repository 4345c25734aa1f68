"""Every column of a tree traced to the table it comes from, or the statement is refused.

The tracing runs on a copy in which names are folded and tables carry their catalogue keys, so that it
needs no rules of any one database. The tree itself stays as it was written.
"""

import difflib
import re

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from stoa.core.tables.catalogue import Dialect, Table
from stoa.core.tables.guarding.names import ascii_lower, folded, stored
from stoa.core.tables.guarding.parsing import refused

_GRAMMAR = {"postgresql": "postgres"}
_MISSING = re.compile(r"Column '\"?([^'\"]+)\"?' could not be resolved|Unknown column: (\w+)")


def resolve(
    tree: exp.Query, tables: list[tuple[exp.Table, Table]], dialect: Dialect
) -> tuple[tuple[str, str], ...]:
    """The (table key, column) that a query reads, in order of their names.

    Raises:
        Refused: a column that none of the tables has, or that several have.
    """
    copy, used = _folded_copy(tree, tables, dialect)
    grammar = _GRAMMAR.get(dialect, dialect)
    fields: dict[str, object] = {
        flat: {stored(column.name, dialect): "text" for column in table.columns}
        for flat, table in used.items()
    }
    try:
        analysed = qualify(
            copy,
            dialect=grammar,
            schema=MappingSchema(fields, normalize=False),
            quote_identifiers=False,
            identify=False,
        )
        return _columns(analysed, used, dialect)
    except SqlglotError as error:
        raise _unresolved(error, [table for _, table in tables]) from error
    except (RecursionError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise refused("its tables and columns can't be told", "Write it more simply.") from error


def _folded_copy(
    tree: exp.Query, tables: list[tuple[exp.Table, Table]], dialect: Dialect
) -> tuple[exp.Query, dict[str, Table]]:
    copy = tree.copy()
    meant = {id(node): table for node, table in tables}
    pairs = zip(list(tree.find_all(exp.Table)), list(copy.find_all(exp.Table)), strict=True)
    renamed = [(twin, meant[id(node)]) for node, twin in pairs if id(node) in meant]
    for identifier in copy.find_all(exp.Identifier):
        identifier.set("this", folded(identifier, dialect))
        identifier.set("quoted", True)
    used = {}
    places = {table.key: place for place, (_, table) in enumerate(renamed)}
    for twin, table in renamed:
        flat = f"table {places[table.key]}"
        used[flat] = table
        if not twin.args.get("alias"):
            twin.set("alias", exp.TableAlias(this=twin.this.copy()))
        twin.set("this", exp.to_identifier(flat, quoted=True))
        twin.set("db", None)
    for column in copy.find_all(exp.Column):
        column.set("db", None)
    return copy, used


def _columns(
    analysed: exp.Expr, used: dict[str, Table], dialect: Dialect
) -> tuple[tuple[str, str], ...]:
    found = set()
    traced = set()
    for scope in traverse_scope(analysed):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if source is None:
                continue
            traced.add(id(column))
            if isinstance(source, exp.Table) and (table := used.get(source.name)) is not None:
                found.add((table.key, _real_name(table, column.name, dialect)))
    for node in analysed.walk():
        if isinstance(node, exp.TableColumn):
            raise refused(f"{node.name} names a whole row", "Name its columns.")
        if isinstance(node, exp.Column) and node.table and id(node) not in traced:
            raise refused(f"there is no column {node.sql()}", "Name columns of the tables in FROM.")
    return tuple(sorted(found))


def _real_name(table: Table, name: str, dialect: Dialect) -> str:
    if dialect == "postgresql":
        return name
    return next((c.name for c in table.columns if ascii_lower(c.name) == name), name)


def _unresolved(error: SqlglotError, tables: list[Table]) -> Exception:
    text = str(error).split("\n", 1)[0]
    named = _MISSING.search(text)
    if named is None:
        return refused(
            text.split(". Line", 1)[0].rstrip(". "), "Name columns of the tables in FROM."
        )
    name = named[1] or named[2]
    columns = [column.name for table in tables for column in table.columns]
    close = difflib.get_close_matches(name, columns, 1, 0.6)
    hint = (
        f"Did you mean {close[0]}?"
        if close
        else "Text stands in single quotes; columns must exist."
    )
    return refused(f"there is no column {name}", hint)
