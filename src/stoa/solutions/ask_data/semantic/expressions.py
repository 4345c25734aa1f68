"""Names, values and conditions in SQL: what stands in a query apart from its joins.

Knows a catalogue and no English.
"""

from collections.abc import Iterable
from typing import Final

from sqlglot import exp

from stoa.core.tables.catalogue import Catalogue, Column, Table
from stoa.solutions.ask_data.semantic import dialects
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Condition, Operator, Value
from stoa.solutions.ask_data.semantic.stems import word_set

_COMPARE: Final[dict[Operator, type[exp.Binary]]] = {
    "eq": exp.EQ, "ne": exp.NEQ, "gt": exp.GT, "ge": exp.GTE, "lt": exp.LT, "le": exp.LTE,
}  # fmt: skip
_RESERVED: Final = word_set(
    """order group user table select from where join date time key index values case end check column
    default desc asc limit offset primary references rank row rows set to union when with by all and
    or not is in like on as left right full inner outer cross natural using having create drop grant
    position level language condition read write option function procedure usage schema year month
    day"""
)


class CannotBuild(Exception):
    """The meaning can't be said in SQL without a risk of a wrong answer."""


class Names:
    """What the tables and columns of one catalogue are called in SQL."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.dialect = catalogue.dialect

    def table(self, key: str) -> Table:
        """The table of that key. Raises CannotBuild: there is none."""
        table = self.catalogue.table(key)
        if table is None:
            raise CannotBuild(f"there is no table {key}")
        return table

    def source(self, key: str) -> exp.Table:
        """A table as it stands after FROM."""
        table = self.table(key)
        return exp.table_(table.name, db=table.schema_name, quoted=_quoted(table.name) or None)

    def column(self, ref: ColumnRef) -> Column:
        """The column itself. Raises CannotBuild: there is none."""
        column = self.table(ref.table).column(ref.column)
        if column is None:
            raise CannotBuild(f"{ref.table} has no {ref.column}")
        return column

    def named(self, table: str, column: str) -> exp.Column:
        """A column by its name and its table's."""
        found = self.table(table)
        return exp.column(
            exp.to_identifier(column, quoted=_quoted(column)),
            table=exp.to_identifier(found.name, quoted=_quoted(found.name)),
        )

    def value(self, ref: ColumnRef) -> exp.Expr:
        """What a row holds in a column, or the time between two dates of the row."""
        if ref.until is None:
            return self.named(ref.table, ref.column)
        end = ColumnRef(table=ref.table, column=ref.until)
        kinds = (self.column(ref).kind, self.column(end).kind)
        start = self.named(ref.table, ref.column)
        return dialects.span(start, self.named(ref.table, ref.until), ref.unit, kinds, self.dialect)

    def condition(self, condition: Condition) -> exp.Expr:
        """One condition, `than` apart."""
        column = self.value(condition.column)
        if condition.other is not None:
            return _COMPARE[condition.op](this=column, expression=self.value(condition.other))
        values = [literal(value) for value in condition.values]
        match condition.op:
            case "null" | "not_null":
                empty = exp.Is(this=column, expression=exp.null())
                return empty if condition.op == "null" else exp.Not(this=empty)
            case "true" | "false":
                if self.column(condition.column).kind != "boolean":
                    truth = exp.Literal.number(int(condition.op == "true"))
                    return exp.EQ(this=column, expression=truth)
                return column if condition.op == "true" else exp.Not(this=column)
            case "starts" | "ends" | "contains":
                before, after = condition.op != "starts", condition.op != "ends"
                pattern = f"{'%' * before}{_escaped(str(condition.values[0]).lower())}{'%' * after}"
                return exp.Like(this=exp.Lower(this=column), expression=exp.Literal.string(pattern))
            case "weekend" | "workday":
                day = dialects.weekday(column, self.dialect)
                free = exp.In(this=day, expressions=[literal(0), literal(6)])
                return free if condition.op == "weekend" else exp.Not(this=free)
        if condition.ignore_case:
            column = exp.Lower(this=column)
            values = [literal(str(value).lower()) for value in condition.values]
        return test(column, condition.op, values)


def literal(value: Value) -> exp.Expr:
    """A value as it stands in SQL."""
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, int | float):
        return exp.Literal.number(value)
    return exp.Literal.string(value)


def test(column: exp.Expr, op: Operator, values: list[exp.Expr]) -> exp.Expr:
    """A comparison with values."""
    match op:
        case "between":
            return exp.and_(
                exp.GTE(this=column, expression=values[0]),
                exp.LTE(this=column.copy(), expression=values[1]),
            )
        case "in" | "not_in":
            found = exp.In(this=column, expressions=values)
            return exp.Not(this=found) if op == "not_in" else found
    return _COMPARE[op](this=column, expression=values[0])


def compared(measure: exp.Expr, op: Operator, values: Iterable[Value]) -> exp.Expr:
    """A measure against numbers."""
    return test(measure, op, [literal(value) for value in values])


def over(top: exp.Expr, bottom: exp.Expr, factor: str) -> exp.Expr:
    """A quotient that is empty, and no error, where nothing is below the line."""
    scaled = exp.Mul(this=exp.Literal.number(factor), expression=top)
    return exp.Div(this=scaled, expression=exp.func("NULLIF", bottom, exp.Literal.number(0)))


def _quoted(name: str) -> bool:
    """Names with capitals or signs, and words that SQL keeps for itself, are quoted."""
    return not (name.isidentifier() and name == name.lower()) or name in _RESERVED


def _escaped(text: str) -> str:
    return text.replace("%", "").replace("_", "")
