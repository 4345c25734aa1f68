"""The one column that tells the rows of a table apart, declared or counted. Knows one table at a time."""

from typing import Final

from stoa.core.tables.catalogue import Column, Table
from stoa.solutions.ask_data.semantic.splitting import name_words

KEY_WORDS: Final = frozenset({"id", "key", "code", "no", "number", "nr", "uuid"})


def single_key(table: Table) -> Column | None:
    """The one column that tells rows apart: the key, or one that is counted to repeat nowhere."""
    keys = [column for column in table.columns if column.primary_key]
    if len(keys) == 1:
        return keys[0]
    if keys or not table.rows:
        return None
    for names in table.unique:
        if len(names) == 1 and (column := table.column(names[0])):
            return column
    once = [
        column
        for column in table.columns
        if column.distinct == table.rows and column.kind in ("text", "integer")
    ]
    named = [column for column in once if _like_a_key(column)]
    if all(_like_a_key(column) for column in table.columns):
        return None  # a table of pairs: that one side repeats nowhere is chance
    initial = [column for column in named if column.name[0].lower() == table.name[0].lower()]
    chosen = initial or named or once
    return chosen[0] if chosen else None


def _like_a_key(column: Column) -> bool:
    """`id`, `customer_id`, and short ones such as `cid`."""
    last = name_words(column.name)[-1]
    return last in KEY_WORDS or (
        column.kind == "integer" and last.endswith("id") and len(last) <= 5
    )
