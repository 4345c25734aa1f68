"""Names of the catalogue as identifiers of SQL."""

from stoa.core.tables.catalogue import Dialect, Table


def quoted(name: str, dialect: Dialect) -> str:
    """A name as an identifier."""
    mark = "`" if dialect == "mysql" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def quoted_table(table: Table, dialect: Dialect) -> str:
    """A table's name as an identifier, with its schema."""
    parts = [table.schema_name, table.name] if table.schema_name else [table.name]
    return ".".join(quoted(part, dialect) for part in parts)
