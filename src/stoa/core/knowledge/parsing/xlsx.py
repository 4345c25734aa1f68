"""XLSX: each sheet starts a page; rows become `a | b | c`; what the cells show, not their formulas."""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from stoa.core.knowledge.parsing import kinds, refusal
from stoa.core.knowledge.parsing.flowing import BREAK, Block, heading, opened, row
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import Opened

_MOST_COLUMNS = 500


def open_xlsx(path: Path, limits: Limits) -> Opened:
    """Raises InvalidInput for a file that openpyxl can't follow."""
    try:
        book = openpyxl.load_workbook(
            path.open("rb"), read_only=True, data_only=True, keep_links=False
        )
        title = book.properties.title or ""
    except (
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        BadZipFile,
        SyntaxError,  # what XML parsers raise
    ) as error:
        raise refusal.damaged("XLSX") from error
    return opened(kinds.XLSX.media_type, title, _blocks(book, limits), limits)


def _blocks(book: Any, limits: Limits) -> Iterator[Block]:
    for index, sheet in enumerate(book.worksheets):
        if index:
            yield BREAK
        yield heading(sheet.title, 1)
        sheet.reset_dimensions()
        wide = 0
        for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > limits.sheet_rows:
                yield Block("unread", f"sheet '{sheet.title}': rows after {limits.sheet_rows:,}")
                break
            wide += any(value is not None for value in values[_MOST_COLUMNS:])
            shown = [_shown(value) for value in values[:_MOST_COLUMNS]]
            if any(shown):
                yield row(shown)
        if wide:
            yield Block("unread", f"sheet '{sheet.title}': columns after {_MOST_COLUMNS}")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
