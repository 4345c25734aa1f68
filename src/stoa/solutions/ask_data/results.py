"""The rows of an answer as they travel and are shown: JSON values, a table's width, a value as text.

Knows no database driver's types but what Python has: what comes out is None, bool, int, float or str.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Cell = str | int | float | bool | None
_LONGEST_CELL = 10_000


def cell(value: Any) -> Cell:
    """A database's value as JSON holds it: dates as ISO 8601, bytes as hexadecimal text.

    A decimal becomes an integer where it is one, else the nearest float.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            # What adding up leaves behind the 15th digit is noise of the machine, not a figure.
            return float(f"{value:.15g}") if math.isfinite(value) else None
        case str():
            return value if len(value) <= _LONGEST_CELL else f"{value[:_LONGEST_CELL]}…"
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case bytes() | memoryview():
            return f"0x{bytes(value[:64]).hex()}"
    return cell(str(value))


def cells(rows: Sequence[Sequence[Any]]) -> list[list[Cell]]:
    """All values of all rows as JSON holds them."""
    return [[cell(value) for value in row] for row in rows]


def digest_of_rows(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Names this content: equal only for the same values in the same places."""
    content = json.dumps([columns, rows], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def told(value: Cell) -> str:
    """A value as a person writes it: `1,234.5`, `yes`, `2024-05-01`, `none`."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.4g}"
    return value.removesuffix(" 00:00:00")


def heading(column: str) -> str:
    """A column's name as words: `total_sales` and `TotalSales` become `total sales`."""
    words: list[str] = []
    for part in column.replace("_", " ").replace(".", " ").split():
        start = 0
        for place in range(1, len(part)):
            if part[place].isupper() and part[place - 1].islower():
                words.append(part[start:place])
                start = place
        words.append(part[start:])
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
