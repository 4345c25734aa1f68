"""The structure of a DuckDB database, from its own tables about tables."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from stoa.core.tables.catalogue import Catalogue, Column, ForeignKey, Table
from stoa.core.tables.kinds import kind_of

if TYPE_CHECKING:
    import duckdb

_MAIN: Final = "main"
_OWN: Final = "database_name = current_database() AND NOT internal"
_RELATIONS: Final = f"""
SELECT schema_name, table_name, comment, false FROM duckdb_tables() WHERE {_OWN}
UNION ALL SELECT schema_name, view_name, comment, true FROM duckdb_views() WHERE {_OWN}
ORDER BY 1, 2"""  # noqa: S608 - our own constant
_COLUMNS: Final = f"""
SELECT schema_name, table_name, column_name, data_type, is_nullable, comment
FROM duckdb_columns() WHERE {_OWN} ORDER BY schema_name, table_name, column_index"""  # noqa: S608
_CONSTRAINTS: Final = """
SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table,
       referenced_column_names
FROM duckdb_constraints() WHERE database_name = current_database()"""
Key = tuple[str, str]


def read_structure(cursor: "duckdb.DuckDBPyConnection") -> Catalogue:
    """Tables and views of all schemas, without values. Raises duckdb.Error."""
    columns: dict[Key, list[Any]] = defaultdict(list)
    for schema, table, *rest in cursor.execute(_COLUMNS).fetchall():
        columns[schema, table].append(rest)
    constraints: dict[Key, list[Any]] = defaultdict(list)
    for schema, table, *rest in cursor.execute(_CONSTRAINTS).fetchall():
        constraints[schema, table].append(rest)
    tables = [
        _table((schema, name), comment, is_view, columns[schema, name], constraints[schema, name])
        for schema, name, comment, is_view in cursor.execute(_RELATIONS).fetchall()
    ]
    return Catalogue(dialect="duckdb", default_schema=_MAIN, tables=tuple(tables))


def _table(
    key: Key, comment: str | None, is_view: bool, columns: list[Any], constraints: list[Any]
) -> Table:
    schema, name = key
    primary = {
        column for kind, names, *_ in constraints if kind == "PRIMARY KEY" for column in names
    }
    return Table(
        name=name,
        schema_name=None if schema == _MAIN else schema,
        is_view=bool(is_view),
        comment=comment or "",
        columns=tuple(_column(each, primary) for each in columns),
        foreign_keys=tuple(
            ForeignKey(
                columns=tuple(names),
                to_table=target if schema == _MAIN else f"{schema}.{target}",
                to_columns=tuple(targets),
            )
            for kind, names, target, targets in constraints
            if kind == "FOREIGN KEY"
        ),
        unique=tuple(tuple(names) for kind, names, *_ in constraints if kind == "UNIQUE"),
    )


def _column(found: list[Any], primary: set[str]) -> Column:
    name, kind, nullable, comment = found
    return Column(
        name=name,
        type=kind,
        kind=kind_of(kind, "duckdb"),
        nullable=bool(nullable),
        primary_key=name in primary,
        comment=comment or "",
    )
