"""What a question means, over the tables of one catalogue: plain values that travel as JSON.

A follow-up changes a part of it; `building` turns it into SQL. Knows neither English nor SQL.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Operator = Literal[
    "eq", "ne", "gt", "ge", "lt", "le", "between", "in", "not_in", "starts", "ends", "contains",
    "null", "not_null", "true", "false",
]  # fmt: skip
Unit = Literal["day", "week", "month", "quarter", "year"]
Function = Literal["count", "sum", "avg", "min", "max"]
Value = str | int | float | bool


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnRef(_Part):
    """A column of a table, both by their exact names."""

    table: str
    column: str


class Condition(_Part):
    """A column against values. `between`: from the first value up to and with the second.

    `ignore_case`: the value was not seen in the database, so that capitals are free.
    """

    column: ColumnRef
    op: Operator
    values: tuple[Value, ...] = ()
    ignore_case: bool = False


Conditions = tuple[tuple[Condition, ...], ...]
"""All of the groups must hold; of each group, at least one condition."""


class Measure(_Part):
    """A number over rows: how many of `table`, or a function of a column."""

    function: Function
    table: str
    column: str | None = None
    times: str | None = None
    """Another column of the table that each value is multiplied with: price times quantity."""
    distinct: bool = False


class Key(_Part):
    """What rows are grouped by: a column, a date's unit, or (`column` None) each row of a table."""

    table: str
    column: str | None = None
    unit: Unit | None = None


class Related(_Part):
    """Rows of another table that must exist, must not, or of which a measure is compared."""

    table: str
    conditions: Conditions = ()
    negated: bool = False
    measure: Measure | None = None
    op: Operator = "gt"
    values: tuple[Value, ...] = ()


class Having(_Part):
    """A measure of each group against numbers."""

    measure: Measure
    op: Operator
    values: tuple[Value, ...]


class Order(_Part):
    """What the result is ordered by: one of the three."""

    measure: Measure | None = None
    key: Key | None = None
    column: ColumnRef | None = None
    descending: bool = False


class Share(_Part):
    """A part of the rows beside all of them (`percent`, `fraction`) or beside another part (`ratio`)."""

    kind: Literal["percent", "fraction", "ratio"]
    part: Conditions
    other: Conditions = ()


class Meaning(_Part):
    """One question. Without keys and measures it lists the rows of `base`."""

    base: str
    shown: tuple[ColumnRef, ...] = ()
    keys: tuple[Key, ...] = ()
    measures: tuple[Measure, ...] = ()
    conditions: Conditions = ()
    related: tuple[Related, ...] = ()
    having: tuple[Having, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    distinct: bool = False
    share: Share | None = None
