"""Which conditions of a query lie beyond all that their columns hold: why it finds no rows.

Looked at are plain conditions that must all hold (AND in WHERE and ON), on a column of a table or on the
year of it, against literals. Whatever is more than that is passed over: nothing is said rather than
something wrong.
"""

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from stoa.base.errors import Refused
from stoa.core.tables.catalogue import Catalogue, Column, Dialect, Table
from stoa.core.tables.guarding.names import Names, folded, stored
from stoa.core.tables.guarding.parsing import parse
from stoa.core.tables.policy import Policy

Bound = str | float
_RANGED: Final = {"integer", "number", "date", "timestamp"}
_MIRRORED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE, exp.EQ: exp.EQ,
}  # fmt: skip


def beyond(sql: str, catalogue: Catalogue) -> list[Column]:
    """The columns that `sql` compares with values beyond all they hold.

    Args:
        sql: a statement that the guard has let through.
        catalogue: what may be told: columns without a known range are passed over.
    """
    found: dict[tuple[str, str], Column] = {}
    names = Names.of(catalogue)
    for select in parse(sql, catalogue.dialect).find_all(exp.Select):
        sources = _sources(select, names)
        for condition in _conditions(select):
            left, right = _compared(condition)
            inner = _dated(left) or left
            if not isinstance(inner, exp.Column):
                continue
            for table, column in _resolved(inner, sources, catalogue.dialect):
                if _misses(right, column, by_year=inner is not left):
                    found[table.key, column.name] = column
    return list(found.values())


def _sources(select: exp.Select, names: Names) -> dict[str, Table]:
    """The tables that this SELECT reads itself, by the name it has for each."""
    dialect, found = names.catalogue.dialect, {}
    first = select.args.get("from_")
    joins = select.args.get("joins") or []
    for node in [each.this for each in [first, *joins] if each is not None]:
        if isinstance(node, exp.Table):
            try:
                table = names.find(node, Policy())
            except Refused:
                continue  # a name bound by WITH
            alias = node.args.get("alias")
            found[folded(alias.this if alias is not None else node.this, dialect)] = table
    return found


def _conditions(select: exp.Select) -> Iterator[exp.Expr]:
    where = select.args.get("where")
    whole = [where.this] if where is not None else []
    whole += [
        join.args["on"]
        for join in select.args.get("joins") or []
        if join.args.get("on") is not None and not join.side
    ]
    for condition in whole:
        yield from condition.flatten() if isinstance(condition, exp.And) else [condition]


def _compared(condition: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """(what is compared, the comparison with it on the left)."""
    node = condition.unnest()
    turned = _MIRRORED.get(type(node))
    if turned is not None and isinstance(node.this, exp.Literal):
        node = turned(this=node.expression, expression=node.this)
    left = node.this
    return (left.unnest() if isinstance(left, exp.Expr) else node), node


def _dated(node: exp.Expr) -> exp.Column | None:
    """The column whose year `node` is; None where it is nothing of the kind."""
    while isinstance(node, exp.Cast):
        node = node.this
    is_year = (
        isinstance(node, exp.Year)
        or (isinstance(node, exp.Extract) and node.name.upper() == "YEAR")
        or (isinstance(node, exp.TimeToStr) and node.text("format") == "%Y")
    )
    columns = list(node.find_all(exp.Column)) if is_year else []
    return columns[0] if len(columns) == 1 else None


def _resolved(
    node: exp.Column, sources: dict[str, Table], dialect: Dialect
) -> list[tuple[Table, Column]]:
    """The one column that is meant, or none."""
    qualifier = node.args.get("table")
    named = folded(qualifier, dialect) if qualifier is not None else None
    hits = [
        (table, column)
        for name, table in sources.items()
        if named in (None, name)
        for column in table.columns
        if stored(column.name, dialect) == folded(node.this, dialect)
    ]
    return hits if len(hits) == 1 else []


def _misses(node: exp.Expr, column: Column, *, by_year: bool) -> bool:
    if column.kind not in _RANGED or column.minimum is None or column.maximum is None:
        return False
    least, most = _bound(column.minimum, by_year), _bound(column.maximum, by_year)
    as_number = by_year or column.kind in {"integer", "number"}
    match node:
        case exp.Between():
            low, high = (_value(node.args[name], as_number) for name in ("low", "high"))
            return _before(most, low) or _before(high, least)
        case exp.In():
            values = [_value(each, as_number) for each in node.expressions]
            return bool(values) and all(_before(v, least) or _before(most, v) for v in values)
        case exp.EQ():
            value = _value(node.expression, as_number)
            return _before(value, least) or _before(most, value)
        case exp.GT() | exp.GTE():
            return _before(most, _value(node.expression, as_number))
        case exp.LT() | exp.LTE():
            return _before(_value(node.expression, as_number), least)
    return False


def _bound(value: str | float, by_year: bool) -> Bound:
    return float(str(value)[:4]) if by_year else value


def _value(node: exp.Expr, as_number: bool) -> Bound | None:
    """A literal, as the catalogue writes the column's range; None for anything else."""
    while isinstance(node, exp.Cast | exp.Paren | exp.Date | exp.Timestamp):
        node = node.this
    negative = isinstance(node, exp.Neg)
    literal = node.this if negative else node
    if not isinstance(literal, exp.Literal):
        return None
    try:
        number = float(literal.this) * (-1 if negative else 1)
    except ValueError:
        number = None
    if as_number:
        return number
    return str(literal.this) if literal.is_string else None


def _before(one: Bound | None, other: Bound | None) -> bool:
    """Whether `one` surely lies before `other`: a day does not lie before an hour of that day."""
    if one is None or other is None:
        return False
    if isinstance(one, str) or isinstance(other, str):
        left, right = str(one).replace("T", " "), str(other).replace("T", " ")
        length = min(len(left), len(right))
        return left[:length] < right[:length]
    return one < other
