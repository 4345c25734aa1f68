"""Dates in SQL, where every dialect has words of its own: months, weekdays, the time between two dates.

Knows expressions and no catalogue.
"""

from typing import Final

from sqlglot import exp

from stoa.core.tables.catalogue import Dialect, Kind
from stoa.solutions.ask_data.semantic.meaning import SpanUnit, Unit

SQLGLOT: Final[dict[Dialect, str]] = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "duckdb": "duckdb",
    "mysql": "mysql",
}
"""What the library that writes SQL calls each dialect."""
_SECONDS: Final[dict[SpanUnit, int]] = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
}
_STRFTIME: Final[dict[Unit, str]] = {"month": "%Y-%m", "week": "%Y-%W"}
_DATE_FORMAT: Final[dict[Unit, str]] = {"month": "%Y-%m", "week": "%x-%v"}


def by_unit(column: exp.Expr, unit: Unit, dialect: Dialect) -> exp.Expr:
    """The day, month, year … of a date, as what rows are grouped by."""
    match unit:
        case "year":
            return exp.cast(_part(column, "YEAR", "%Y", dialect), "INT")
        case "hour":
            return exp.cast(_part(column, "HOUR", "%H", dialect), "INT")
        case "weekday":
            return weekday(column, dialect)
        case "day":
            return _day(column, dialect)
        case "quarter":
            return _quarter(column, dialect)
    if dialect == "sqlite":
        return _call("STRFTIME", exp.Literal.string(_STRFTIME[unit]), column)
    if dialect == "mysql":
        return _call("DATE_FORMAT", column, exp.Literal.string(_DATE_FORMAT[unit]))
    return _call("DATE_TRUNC", exp.Literal.string(unit), column)


def weekday(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    """The day of the week as a number, Sunday being 0."""
    if dialect == "sqlite":
        return exp.cast(_part(column, "", "%w", dialect), "INT")
    if dialect == "mysql":
        return exp.Sub(this=_call("DAYOFWEEK", column), expression=exp.Literal.number(1))
    return exp.cast(exp.Extract(this=exp.var("DOW"), expression=column), "INT")


def span(
    start: exp.Expr, end: exp.Expr, unit: SpanUnit, kinds: tuple[Kind, Kind], dialect: Dialect
) -> exp.Expr:
    """The time between two dates as a number; whole days where either of them is only a day."""
    if "date" in kinds and unit in ("day", "week"):
        days = _days(_as_day(start, kinds[0], dialect), _as_day(end, kinds[1], dialect), dialect)
        return _over(days, 7) if unit == "week" else days
    if dialect == "sqlite":
        days = _days(start, end, dialect)
        per_day = 86400 // _SECONDS[unit]
        if per_day == 1:
            return days
        return exp.Mul(this=exp.paren(days), expression=exp.Literal.number(per_day)) if per_day else _over(days, 7)  # fmt: skip
    if dialect == "mysql":
        seconds = _call("TIMESTAMPDIFF", exp.var("SECOND"), start, end)
    else:
        moments = [exp.cast(each, "TIMESTAMP") for each in (end, start)]
        between = exp.Sub(this=moments[0], expression=moments[1])
        seconds = exp.Extract(this=exp.var("EPOCH"), expression=exp.paren(between))
    return _over(seconds, _SECONDS[unit])


def _days(start: exp.Expr, end: exp.Expr, dialect: Dialect) -> exp.Expr:
    if dialect == "sqlite":
        return exp.Sub(this=_call("JULIANDAY", end), expression=_call("JULIANDAY", start))
    if dialect == "mysql":
        return _call("DATEDIFF", end, start)
    return exp.paren(exp.Sub(this=end, expression=start))


def _as_day(column: exp.Expr, kind: Kind, dialect: Dialect) -> exp.Expr:
    return column if kind == "date" else _day(column, dialect)


def _day(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    return _call("DATE", column) if dialect in ("sqlite", "mysql") else exp.cast(column, "DATE")


def _quarter(column: exp.Expr, dialect: Dialect) -> exp.Expr:
    if dialect in ("postgresql", "duckdb"):
        return _call("DATE_TRUNC", exp.Literal.string("quarter"), column)
    year = exp.cast(_part(column, "YEAR", "%Y", dialect), "CHAR" if dialect == "mysql" else "TEXT")
    if dialect == "mysql":
        return _call("CONCAT", year, exp.Literal.string("-Q"), _call("QUARTER", column.copy()))
    month = exp.cast(_part(column.copy(), "MONTH", "%m", dialect), "INT")
    third = exp.Div(
        this=exp.paren(exp.Add(this=month, expression=exp.Literal.number(2))),
        expression=exp.Literal.number(3),
        typed=True,
    )
    start = exp.DPipe(this=year, expression=exp.Literal.string("-Q"))
    return exp.DPipe(this=start, expression=exp.paren(third))


def _part(column: exp.Expr, name: str, pattern: str, dialect: Dialect) -> exp.Expr:
    if dialect == "sqlite":
        return _call("STRFTIME", exp.Literal.string(pattern), column)
    return exp.Extract(this=exp.var(name), expression=column)


def _over(number: exp.Expr, by: int) -> exp.Expr:
    return exp.Div(this=exp.paren(number), expression=exp.Literal.number(f"{by}.0"))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function by the very name it has there, untouched by the library's translations."""
    return exp.Anonymous(this=name, expressions=list(arguments))
