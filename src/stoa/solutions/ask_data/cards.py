"""A table as the SQL prompt shows it: name, description, columns with keys, values and ranges.

What is shown is what the caller may see: `visible` takes away tables, columns and values that a policy
hides, before anything is written into a prompt or read by the offline parser. Knows no model.
"""

from collections.abc import Sequence

from stoa.core.models.limits import tokens_of
from stoa.core.tables.catalogue import Catalogue, Column, Table
from stoa.core.tables.guard import Policy

_VALUES_SHOWN, _SAMPLES_SHOWN, _LONGEST_VALUE = 12, 3, 40


def visible(catalogue: Catalogue, policy: Policy) -> Catalogue:
    """The catalogue without what a policy hides.

    Masked columns are left out, and views that the guard would refuse. Where only some rows of a table may be seen, its values, ranges and
    counts are left out too: they may stem from the other rows.
    """
    if policy.is_open:
        return catalogue
    shown = [
        _visible_table(table, policy)
        for table in catalogue.tables
        if policy.shows(table.key, is_view=table.is_view)
    ]
    keys = {table.key for table in shown}
    kept = [
        table.model_copy(
            update={
                "foreign_keys": tuple(key for key in table.foreign_keys if key.to_table in keys)
            }
        )
        for table in shown
    ]
    return catalogue.model_copy(update={"tables": tuple(kept)})


def _visible_table(table: Table, policy: Policy) -> Table:
    masked = policy.masked.get(table.key, frozenset())
    columns = [column for column in table.columns if column.name not in masked]
    update: dict[str, object] = {}
    if table.key in policy.rows:
        columns = [without_values(column) for column in columns]
        update["rows"] = None
    keys = [key for key in table.foreign_keys if not masked.intersection(key.columns)]
    return table.model_copy(
        update={**update, "columns": tuple(columns), "foreign_keys": tuple(keys)}
    )


def without_values(column: Column) -> Column:
    """The column's structure, without what was read of its values."""
    nothing = {"distinct": None, "values": None, "minimum": None, "maximum": None, "samples": ()}
    return column.model_copy(update=nothing)


def card(table: Table, *, brief: bool = False) -> str:
    """The description of one table. `brief`: without values and comments of columns."""
    kind = "view" if table.is_view else "table"
    size = f", {table.rows:,} rows" if table.rows is not None else ""
    about = " ".join(part for part in (table.description, table.comment) if part)
    lines = [f"{kind} {table.key}{size}{f': {about}' if about else ''}"]
    refers = {key.columns[0]: key for key in table.foreign_keys if len(key.columns) == 1}
    for column in table.columns:
        line = f"  {column.name} {column.type}"
        if column.primary_key:
            line += ", primary key"
        if (key := refers.get(column.name)) is not None:
            line += f", refers to {key.to_table}.{key.to_columns[0]}"
        lines.append(line if brief else line + _more(column))
    for key in table.foreign_keys:
        if len(key.columns) > 1:
            pair = f"({', '.join(key.columns)}) refers to {key.to_table}"
            lines.append(f"  {pair}({', '.join(key.to_columns)})")
    return "\n".join(lines)


def _more(column: Column) -> str:
    about = " ".join(part for part in (column.description, column.comment) if part)
    parts = [about] if about else []
    if column.values is not None and len(column.values) <= _VALUES_SHOWN:
        parts.append(f"values: {_listed(column.values)}")
    elif column.kind in {"integer", "number", "date", "timestamp"} and column.minimum is not None:
        parts.append(f"from {column.minimum} to {column.maximum}")
    elif column.samples:
        parts.append(f"such as {_listed(column.samples[:_SAMPLES_SHOWN])}")
    return f" ({'; '.join(parts)})" if parts else ""


def _listed(values: Sequence[object]) -> str:
    texts = [str(value) for value in values]
    return ", ".join(each if len(each) <= _LONGEST_VALUE else f"{each[:40]}…" for each in texts)


def within_budget(tables: Sequence[Table], budget: int) -> list[str]:
    """Cards of the first tables, as many as fit `budget` tokens; brief ones where that lets more in.

    At least one table is described, however large it is.
    """
    whole = [card(table) for table in tables]
    if sum(_tokens(each) for each in whole) <= budget:
        return whole
    kept: list[str] = []
    left = budget
    for table, full in zip(tables, whole, strict=True):
        chosen = full if _tokens(full) <= left // 2 else card(table, brief=True)
        if kept and _tokens(chosen) > left:
            continue
        kept.append(chosen)
        left -= _tokens(chosen)
    return kept


def _tokens(text: str) -> int:
    return tokens_of(len(text)).tokens
