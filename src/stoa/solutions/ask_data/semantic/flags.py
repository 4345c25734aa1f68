"""Columns that hold yes or no, and dates that may be missing: what `inactive` and `unpaid` deny."""

from typing import Final

from stoa.solutions.ask_data.semantic.naming import Name, Naming
from stoa.solutions.ask_data.semantic.tokens import Token

_NEGATING: Final = ("in", "un", "non", "dis")


def denied(token: Token, naming: Naming) -> list[Name]:
    """Names of yes-or-no columns, or of dates, that `inactive` or `unpaid` denies."""
    for prefix in _NEGATING:
        if token.lower.startswith(prefix) and len(token.lower) > len(prefix) + 3:
            rest = token.lower[len(prefix) :]
            found = naming.names([Token(rest, "word", rest)])
            flags = [
                each
                for each in found
                if each.column and (is_flag(naming, each) or may_be_empty(naming, each))
            ]
            if flags:
                return flags
    return []


def is_flag(naming: Naming, name: Name) -> bool:
    """Whether a name is a column that holds yes or no."""
    table = naming.catalogue.table(name.table)
    column = table.column(name.column) if table and name.column else None
    if column is None:
        return False
    if column.kind == "boolean":
        return True
    return (
        column.kind == "integer"
        and column.minimum in (0, 1)
        and column.maximum == 1
        and column.distinct == 2
    )


def may_be_empty(naming: Naming, name: Name) -> bool:
    """Whether a name is a date that some rows do not have."""
    table = naming.catalogue.table(name.table)
    column = table.column(name.column) if table and name.column else None
    return column is not None and column.nullable and column.kind in ("date", "timestamp")
