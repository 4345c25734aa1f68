"""Which name in a tree means which table of the catalogue, as the database itself would decide.

PostgreSQL folds unquoted names to lower case; SQLite and DuckDB compare without case; MySQL's tables
have case and its columns have none. A name bound by WITH counts only where it is in scope. Folding is
ASCII, as the databases do it: letters that merely look alike stay different.
"""

import difflib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlglot import exp

from stoa.core.tables.catalogue import Catalogue, Dialect, Table
from stoa.core.tables.guarding.parsing import refused
from stoa.core.tables.policy import Policy

_USUAL_SCHEMA = {"sqlite": "main", "duckdb": "main", "postgresql": "public"}
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_KEPT = 64


def ascii_lower(name: str) -> str:
    """Lower case of A to Z only."""
    return name.translate(_UPPER)


def folded(identifier: exp.Identifier, dialect: Dialect) -> str:
    """A name as the database compares it, where names of columns and aliases are compared."""
    if dialect == "postgresql" and identifier.args.get("quoted"):
        return str(identifier.this)
    return ascii_lower(str(identifier.this))


def stored(name: str, dialect: Dialect) -> str:
    """A name of the catalogue in the same form."""
    return name if dialect == "postgresql" else ascii_lower(name)


@dataclass(frozen=True)
class Names:
    """The tables of a catalogue by the names a query may use. Made once for each catalogue."""

    catalogue: Catalogue
    tables: dict[tuple[str, str], Table]
    """(schema, name) in folded form; the default schema is ''."""
    bare: frozenset[str]
    """Every table's name, folded without case: no WITH may take one of them."""

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Names":
        """The names of this catalogue; kept for the last few catalogues."""
        with _lock:
            known = _names.get(id(catalogue))
            if known is not None:
                _names.move_to_end(id(catalogue))
                return known
        dialect = catalogue.dialect
        names = cls(
            catalogue,
            {
                (_form(t.schema_name or "", dialect), _form(t.name, dialect)): t
                for t in catalogue.tables
            },
            frozenset(ascii_lower(t.name) for t in catalogue.tables),
        )
        with _lock:
            _names[id(catalogue)] = names  # which holds the catalogue, so that its id stays its own
            if len(_names) > _KEPT:
                _names.popitem(last=False)
        return names

    def find(self, node: exp.Table, policy: Policy) -> Table:
        """The table that a node names. Raises Refused where there is none; its hint names none that
        the policy hides."""
        dialect = self.catalogue.dialect
        schema, name = node.args.get("db"), node.this
        key = (_written(schema, dialect) if schema else "", _written(name, dialect))
        found = self.tables.get(key)
        if found is None and schema is not None and key[0] == self._default():
            found = self.tables.get(("", key[1]))
        if found is None:
            raise self._unknown(node, policy)
        return found

    def _default(self) -> str:
        dialect = self.catalogue.dialect
        default = self.catalogue.default_schema or _USUAL_SCHEMA.get(dialect, "")
        return _form(default, dialect)

    def _unknown(self, node: exp.Table, policy: Policy) -> Exception:
        name = ".".join(part for part in (node.db, node.name) if part)
        shown = [t.key for t in self.catalogue.tables if policy.shows(t.key, is_view=t.is_view)]
        close = difflib.get_close_matches(name, shown, 1, 0.6)
        hint = f"Did you mean {close[0]}?" if close else "Use the tables of the catalogue."
        return refused(f"there is no table {name}", hint)


_names: OrderedDict[int, Names] = OrderedDict()
_lock = threading.Lock()
"""Statements are guarded in threads."""


def _form(name: str, dialect: Dialect) -> str:
    """A stored name as tables are compared: MySQL's have case."""
    return name if dialect in ("postgresql", "mysql") else ascii_lower(name)


def _written(identifier: exp.Identifier, dialect: Dialect) -> str:
    return str(identifier.this) if dialect == "mysql" else folded(identifier, dialect)


def physical_tables(tree: exp.Expr, names: Names, policy: Policy) -> list[tuple[exp.Table, Table]]:
    """Every node of the tree that reads a table of the database, and that table.

    Raises:
        Refused: a name that is neither a table of the catalogue nor bound by WITH where it stands; or
            a WITH that takes the name of a table, which databases scope differently.
    """
    dialect = names.catalogue.dialect
    for cte in tree.find_all(exp.CTE):
        if ascii_lower(cte.alias) in names.bare:
            raise refused(
                f"WITH {cte.alias} takes the name of a table", "Give the WITH query another name."
            )
    return [
        (node, names.find(node, policy))
        for node in tree.find_all(exp.Table)
        if node.args.get("db") is not None or not _is_bound(node, dialect)
    ]


def _is_bound(node: exp.Table, dialect: Dialect) -> bool:
    """Whether a WITH in scope gives this name: of an enclosing query, and if within a WITH, before."""
    name = _written(node.this, dialect)
    child: exp.Expr = node
    parent = node.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            position = next(i for i, cte in enumerate(parent.expressions) if cte is child)
            if _gives(parent.expressions[:position], name, dialect):
                return True
            child, parent = parent, parent.parent
            if parent is None:
                return False
        elif (clause := parent.args.get("with_")) is not None and _gives(
            clause.expressions, name, dialect
        ):
            return True
        child, parent = parent, parent.parent
    return False


def _gives(ctes: list[exp.CTE], name: str, dialect: Dialect) -> bool:
    return any(_written(cte.args["alias"].this, dialect) == name for cte in ctes)
