"""What a question means, over the tables of one catalogue: plain values that travel as JSON.

A follow-up changes a part of it; `building` turns it into SQL. Knows neither English nor SQL.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Operator = Literal[
    "eq", "ne", "gt", "ge", "lt", "le", "between", "in", "not_in", "starts", "ends", "contains",
    "null", "not_null", "true", "false", "weekend", "workday",
]  # fmt: skip
Unit = Literal["day", "week", "month", "quarter", "year", "weekday", "hour"]
SpanUnit = Literal["second", "minute", "hour", "day", "week"]
Function = Literal["count", "sum", "avg", "min", "max"]
Value = str | int | float | bool


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnRef(_Part):
    """A column of a table, both by their exact names; or the time from it to another date of the row."""

    table: str
    column: str
    until: str | None = None
    unit: SpanUnit = "day"
    """What the time until then is counted in."""


class Condition(_Part):
    """A column against values. `between`: from the first value up to and with the second.

    `ignore_case`: the value was not seen in the database, so that capitals are free.
    """

    column: ColumnRef
    op: Operator
    values: tuple[Value, ...] = ()
    ignore_case: bool = False
    other: ColumnRef | None = None
    """In place of values: another column that it is compared with."""
    than: "Measure | None" = None
    """In place of values: a number made of all rows, such as the average."""


Conditions = tuple[tuple[Condition, ...], ...]
"""All of the groups must hold; of each group, at least one condition."""


class Related(_Part):
    """Rows of another table that must exist, must not, or of which a measure is compared."""

    table: str
    conditions: Conditions = ()
    negated: bool = False
    measure: "Measure | None" = None
    op: Operator = "gt"
    values: tuple[Value, ...] = ()


class Measure(_Part):
    """A number over rows: how many of `table`, or a function of a column."""

    function: Function
    table: str
    column: str | None = None
    times: str | None = None
    """Another column of the table that each value is multiplied with: price times quantity."""
    distinct: bool = False
    until: str | None = None
    """The function is of the time from `column` to this date, in `unit`."""
    unit: SpanUnit = "day"
    where: Conditions = ()
    """Only the rows that fulfil these go into it, where others go into what stands beside it."""
    related: tuple[Related, ...] = ()
    """As `where`: rows of other tables that must exist or must not."""


class Combined(_Part):
    """Two measures made one number: a part of a whole, one beside another, or what lies between them."""

    kind: Literal["percent", "fraction", "ratio", "difference"]
    first: Measure
    second: Measure
    unit: SpanUnit | None = None
    """Of a difference between two dates: what it is counted in."""

    @property
    def table(self) -> str:
        """The table whose rows make the first number."""
        return self.first.table


Number = Measure | Combined


class Key(_Part):
    """What rows are grouped by: a column, a date's unit, or (`column` None) each row of a table."""

    table: str
    column: str | None = None
    unit: Unit | None = None


class Having(_Part):
    """A measure of each group against numbers."""

    measure: Number
    op: Operator
    values: tuple[Value, ...]


class Order(_Part):
    """What the result is ordered by: one of the three."""

    measure: Number | None = None
    key: Key | None = None
    column: ColumnRef | None = None
    descending: bool = False


class Meaning(_Part):
    """One question. Without keys and measures it lists the rows of `base`."""

    base: str
    shown: tuple[ColumnRef, ...] = ()
    keys: tuple[Key, ...] = ()
    measures: tuple[Number, ...] = ()
    conditions: Conditions = ()
    related: tuple[Related, ...] = ()
    having: tuple[Having, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    distinct: bool = False
    each: tuple[Key, ...] = ()
    """The limit holds within each of these: the two dearest rooms of each hotel."""
    outer: Function | None = None
    """The result is a function of the one measure over all groups: the average number of rooms per hotel."""


for _part in (Condition, Related):
    _part.model_rebuild()
