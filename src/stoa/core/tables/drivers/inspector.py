"""The structure of a database through SQLAlchemy's inspector, a handful of queries for all tables.

Knows no values: counts, samples and the like are read later, table by table, in `profiling.py`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector, ObjectKind

from stoa.core.tables.catalogue import Catalogue, Column, Dialect, ForeignKey, Table
from stoa.core.tables.kinds import kind_of

_SYSTEM = {"information_schema", "pg_catalog", "pg_toast", "mysql", "performance_schema", "sys"}
Facts = Mapping[tuple[str | None, str], Any]


def inspect_structure(connection: sa.Connection, dialect: Dialect) -> Catalogue:
    """Tables and views of all schemas that this login sees. Raises what the driver raises."""
    inspector = sa.inspect(connection)
    default = inspector.default_schema_name or ""
    tables: list[Table] = []
    for schema in _schemas(inspector, dialect, default):
        tables += _tables_of(connection, inspector, schema, dialect)
    return Catalogue(
        dialect=dialect,
        default_schema=default,
        tables=tuple(sorted(tables, key=lambda table: table.key)),
    )


def _schemas(inspector: Inspector, dialect: Dialect, default: str) -> list[str | None]:
    """None is the default schema. MySQL's other schemas are other databases: not connected."""
    if dialect != "postgresql":
        return [None]
    names = (name for name in inspector.get_schema_names() if not name.startswith("pg_"))
    return [None, *(name for name in names if name not in _SYSTEM and name != default)]


def _tables_of(
    connection: sa.Connection, inspector: Inspector, schema: str | None, dialect: Dialect
) -> Iterable[Table]:
    kinds = ObjectKind.ANY
    columns: Facts = inspector.get_multi_columns(schema=schema, kind=kinds)
    primary: Facts = inspector.get_multi_pk_constraint(schema=schema)
    foreign: Facts = inspector.get_multi_foreign_keys(schema=schema)
    unique: Facts = inspector.get_multi_unique_constraints(schema=schema)
    comments: Facts = (
        {} if dialect == "sqlite" else inspector.get_multi_table_comment(schema=schema, kind=kinds)
    )
    views = {*inspector.get_view_names(schema), *_materialized(inspector, schema, dialect)}
    parts = _partitions(connection, schema) if dialect == "postgresql" else set()
    for key, found in columns.items():
        if key[1] in parts:
            continue
        keys = set((primary.get(key) or {}).get("constrained_columns") or ())
        yield Table(
            name=key[1],
            schema_name=schema,
            is_view=key[1] in views,
            comment=(comments.get(key) or {}).get("text") or "",
            columns=tuple(_column(each, each["name"] in keys, dialect) for each in found),
            foreign_keys=tuple(_foreign_key(each, schema) for each in foreign.get(key) or ()),
            unique=tuple(tuple(each["column_names"]) for each in unique.get(key) or ()),
        )


def _partitions(connection: sa.Connection, schema: str | None) -> set[str]:
    """Parts of a partitioned table: read through the whole, or a policy on it could be passed by."""
    found = connection.execute(
        sa.text(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relispartition AND n.nspname = coalesce(:schema, current_schema())"
        ),
        {"schema": schema},
    )
    return set(found.scalars())


def _materialized(inspector: Inspector, schema: str | None, dialect: Dialect) -> list[str]:
    return inspector.get_materialized_view_names(schema) if dialect == "postgresql" else []


def _column(found: Mapping[str, Any], primary: bool, dialect: Dialect) -> Column:
    name = _type_name(found["type"])
    is_enum = isinstance(found["type"], sa.Enum)
    return Column(
        name=found["name"],
        type=name,
        kind="text" if is_enum else kind_of(name, dialect),
        nullable=bool(found.get("nullable", True)) and not primary,
        primary_key=primary,
        comment=found.get("comment") or "",
    )


def _type_name(kind: Any) -> str:
    """As the database writes it; an unknown or user-made type is text to us."""
    if isinstance(kind, sa.types.NullType):
        return ""
    if isinstance(kind, sa.Enum):
        return kind.name or "ENUM"
    try:
        return str(kind)
    except sa.exc.CompileError:
        return type(kind).__name__


def _foreign_key(found: Mapping[str, Any], schema: str | None) -> ForeignKey:
    target = found.get("referred_schema")
    table = found["referred_table"]
    return ForeignKey(
        columns=tuple(found["constrained_columns"]),
        to_table=f"{target}.{table}" if target else table,
        to_columns=tuple(found["referred_columns"]),
    )
