"""What a database's type is to us: `numeric(10,2)` is a number, `timestamptz` a timestamp.

Also the kind of a result column that has no declared type (SQLite), told from its values.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from stoa.core.tables.catalogue import Dialect, Kind

_PATTERNS: tuple[tuple[str, Kind], ...] = (
    (r"\[\]|^(struct|map|union|list|array)\b|range$", "other"),
    (r"^(bool|boolean|tinyint\(1\))$", "boolean"),
    (r"^(timestamp|datetime|smalldatetime)", "timestamp"),
    (r"^date", "date"),
    (r"^time", "time"),
    (r"^interval|^point|^polygon|^geo|^json|^xml|^vector", "other"),
    (r"int|^(big|small)?serial|^year|^oid$", "integer"),
    (r"^(dec|num|real|float|double|money|fixed)", "number"),
    (r"^(.*blob|bytea|binary|varbinary|bit|bytes)", "bytes"),
    (r"char|text|clob|string|enum|^set\b|uuid|^name$|inet|cidr|macaddr", "text"),
)
_PATTERN = [(re.compile(pattern), kind) for pattern, kind in _PATTERNS]
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")


def kind_of(type_name: str, dialect: Dialect) -> Kind:
    """The kind of a declared type; `other` where it is none we know."""
    name = type_name.strip().lower()
    if dialect == "mysql" and name == "bit(1)":
        return "boolean"
    for pattern, kind in _PATTERN:
        if pattern.search(name):
            return kind
    return "other"


def kind_of_values(values: Iterable[Any]) -> Kind:
    """The kind that all values but NULL share; `other` where there are none or they differ."""
    kinds = {_kind(value) for value in values if value is not None}
    if kinds <= {"integer", "number"} and kinds:
        return "number" if "number" in kinds else "integer"
    if kinds and kinds <= {"text", "date", "timestamp"} and len(kinds) > 1:
        return "text"
    return kinds.pop() if len(kinds) == 1 else "other"


def _kind(value: Any) -> Kind:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float() | Decimal():
            return "number"
        case datetime():
            return "timestamp"
        case date():
            return "date"
        case time():
            return "time"
        case bytes():
            return "bytes"
        case str():
            if _DATE.fullmatch(value):
                return "date"
            return "timestamp" if _TIMESTAMP.fullmatch(value) else "text"
    return "other"
