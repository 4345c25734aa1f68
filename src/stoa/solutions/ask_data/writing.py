"""An English answer written from the rows alone: it copies values and counts rows, nothing else.

It is the twin of the English prompt, and what a model's answer is replaced by where it says something
that the rows do not hold.
"""

from collections.abc import Sequence

from stoa.core.tables.catalogue import Column
from stoa.solutions.ask_data.results import Cell, cell, heading, told

_NOTHING = "No records match the question."
_LISTED = 5
_TOLD_COLUMNS = 8
_NAMING = {"year", "period", "id", "code", "zip"}
"""Last words of columns whose numbers name something: 2024 is a year, 2,024 would be a quantity."""


def write(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], total: int, *, truncated: bool = False
) -> str:
    """One to three sentences. `rows` are the first of `total`."""
    if not rows or not columns:
        return _NOTHING
    if total == 1:
        return _one(columns, rows[0])
    shown = [_item(columns, row) for row in rows[:_LISTED]]
    amount = f"more than {total:,}" if truncated else f"{total:,}"
    if total <= len(shown):
        return f"There are {amount} results: {_joined(shown)}."
    return f"There are {amount} results. The first {len(shown)} are {_joined(shown)}."


def write_nothing(beyond: Sequence[Column]) -> str:
    """That there are no rows, with the ranges of the columns that were asked for `beyond` them."""
    sentences = [_NOTHING]
    for column in beyond:
        name = _capital(heading(column.name))
        least, most = (_told_bound(bound) for bound in (column.minimum, column.maximum))
        sentences.append(f"{name} goes from {least} to {most}.")
    return " ".join(sentences)


def _told_bound(bound: str | int | float | None) -> str:
    return told(cell(bound.replace("T", " ") if isinstance(bound, str) else bound))


def _one(columns: Sequence[str], row: Sequence[Cell]) -> str:
    if all(value is None for value in row):
        return "No value is recorded for this."
    pairs = list(zip(columns, row, strict=False))[:_TOLD_COLUMNS]
    if len(pairs) == 1:
        name, text = heading(columns[0]), _told(*pairs[0])
        return f"{_capital(name)}: {text}." if _is_word(name) else f"It is {text}."
    return (
        f"{_capital(', '.join(f'{heading(name)}: {_told(name, value)}' for name, value in pairs))}."
    )


def _item(columns: Sequence[str], row: Sequence[Cell]) -> str:
    """`Iron Maiden (tracks sold 19)`."""
    pairs = [pair for pair in zip(columns, row, strict=False) if pair[1] is not None]
    if not pairs:
        return told(None)
    first, *rest = pairs[:_TOLD_COLUMNS]
    if not rest:
        return _told(*first)
    if len(rest) == 1:
        return f"{_told(*first)} ({_told(*rest[0])})"
    return f"{_told(*first)} ({', '.join(f'{heading(n)} {_told(n, v)}' for n, v in rest)})"


def _told(column: str, value: Cell) -> str:
    words = heading(column).lower().split()
    if type(value) is int and words and words[-1] in _NAMING:
        return str(value)
    return told(value)


def _joined(items: Sequence[str]) -> str:
    mark = "; " if any(", " in item for item in items) else ", "
    if len(items) == 1:
        return items[0]
    return f"{mark.join(items[:-1])}{mark if mark == '; ' else ' '}and {items[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _is_word(name: str) -> bool:
    """Whether a column's name says something to a person, unlike `count(*)`, `?column?` or `f0_`."""
    return name.replace(" ", "").isalpha() and len(name) > 2
