"""A result as a file: CSV for people's tools, Parquet for programs. Knows nothing of where it goes."""

import csv
import io
import itertools
from typing import Any

from stoa.solutions.ask_data.results import Cell
from stoa.solutions.ask_data.schema import ResultTable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(table: ResultTable) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets read it right.

    Text that a spreadsheet would run as a formula gets an apostrophe before it (CWE-1236).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_inert(column.name) for column in table.columns])
    writer.writerows([_inert(value) for value in row] for row in table.rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_parquet(table: ResultTable) -> bytes:
    """Typed columns; a column of mixed kinds becomes text."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for this
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = [_typed([row[place] for row in table.rows]) for place in range(len(table.columns))]
    names = _unlike([column.name for column in table.columns])
    made = pa.table(dict(zip(names, (pa.array(each) for each in columns), strict=True)))
    buffer = io.BytesIO()
    pq.write_table(made, buffer)
    return buffer.getvalue()


def _typed(values: list[Cell]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and len(kinds) > 1:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1 or any(isinstance(v, int) and abs(v) >= 2**63 for v in values):
        return [None if value is None else str(value) for value in values]
    return list(values)


def _unlike(names: list[str]) -> list[str]:
    """Column names, each once: a second `name` becomes `name_2`."""
    unlike: dict[str, None] = {}
    for name in names:
        free = (f"{name}_{count}" for count in itertools.count(2))
        unlike[
            name if name not in unlike else next(each for each in free if each not in unlike)
        ] = None
    return list(unlike)


def _inert(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
