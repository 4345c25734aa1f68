"""Which chart suits a result, read from its shape: kinds of columns, how many rows, one value a name.

It suggests; whoever draws decides. Knows no library that draws.
"""

import re
from collections.abc import Sequence

from stoa.solutions.ask_data.results import Cell
from stoa.solutions.ask_data.schema import Chart, ResultColumn

_NUMBERS = {"integer", "number"}
_TIMES = {"date", "timestamp"}
_PERIOD = re.compile(r"^\d{4}(-\d\d(-\d\d)?([ T].*)?|-?[QW]\d\d?)?$")
_PERIOD_NAME = re.compile(
    r"(^|_|\b)(period|year|month|quarter|week|day|date|hour)s?(_|\b|$)", re.IGNORECASE
)
_IDENTIFIER = re.compile(r"(^|_)id$|Id$|^(zip|postal_?code|phone|code)$", re.IGNORECASE)
_MOST_BARS, _MOST_POINTS = 30, 400


def suggest(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Cell]]) -> Chart | None:
    """A chart for these rows; None where a table says it better (one row, no numbers, too many)."""
    if not 2 <= len(rows) <= _MOST_POINTS:
        return None
    names = [column.name for column in columns]
    numbers = [
        place
        for place, column in enumerate(columns)
        if _is_number(column, rows, place) and not _IDENTIFIER.search(column.name)
    ]
    times = [place for place in range(len(columns)) if _is_time(columns[place], rows, place)]
    if times:
        figures = [place for place in numbers if place != times[0]]
        if figures and _different(rows, times[0]):
            return Chart(kind="line", label=names[times[0]], value=names[figures[0]])
    labels = [
        place
        for place, column in enumerate(columns)
        if place not in numbers and column.kind in {"text", "boolean", "date", "timestamp", "other"}
    ]
    if not labels or not numbers or len(rows) > _MOST_BARS or not _different(rows, labels[0]):
        return None
    values = [row[numbers[0]] for row in rows]
    if any(isinstance(each, int | float) and each < 0 for each in values):
        return None
    return Chart(kind="bar", label=names[labels[0]], value=names[numbers[0]])


def _is_number(column: ResultColumn, rows: Sequence[Sequence[Cell]], place: int) -> bool:
    values = [row[place] for row in rows if row[place] is not None]
    plain = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
    return bool(values) and plain and column.kind != "boolean"


def _is_time(column: ResultColumn, rows: Sequence[Sequence[Cell]], place: int) -> bool:
    if column.kind in _TIMES:
        return True
    if not _PERIOD_NAME.search(column.name):
        return False
    return all(row[place] is not None and _PERIOD.match(str(row[place])) for row in rows)


def _different(rows: Sequence[Sequence[Cell]], place: int) -> bool:
    return len({row[place] for row in rows}) == len(rows)
