"""Whether a query's result is right, by the result of a gold query: execution accuracy.

Rows are compared as a bag: their order is free, and so is the order and the name of the columns.
Numbers compare within rounding, dates and their ISO text are the same, and where a gold query cuts a
ranking off in the middle of a tie, any choice among the tied rows is right. A gold file may leave the
choice of columns open: `SELECT {name, id}, count(*) … GROUP BY {}` accepts any of them, and several
gold queries may stand one after the other. Knows no database: whoever compares has run the queries.

The notation, and comparing by results instead of by text, are those of Defog's sql-eval.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import combinations, islice
from typing import Any, Literal, cast

import sqlglot
from sqlglot import exp

Row = Sequence[Any]
Verdict = Literal["equal", "more_columns", "different"]

_CLOSE = 1e-6
_MOST_COLUMNS = 30
_MOST_ORDERS = 2_000
"""Ways to match columns that are tried; only columns of equal values are exchangeable."""
_TIE = "stoa_tie_"
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d+)?")
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(:00(\.0+)?)?(\+00:?00|Z)?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(\.\d+)?(\+00:?00|Z)?")


# --- gold queries ----------------------------------------------------------------------------


def gold_queries(text: str) -> list[str]:
    """Every query that a gold entry accepts: alternatives apart, `{a, b}` spelled out.

    >>> gold_queries("SELECT {a, b}, count(*) FROM t GROUP BY {}")[0]
    'SELECT a, count(*) FROM t GROUP BY a'
    """
    return [query for part in _statements(text) for query in _spelled_out(part)]


def _statements(text: str) -> Iterator[str]:
    """The parts between semicolons that stand outside of quotes."""
    part: list[str] = []
    quote = ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character == ";":
            if joined := "".join(part).strip():
                yield joined
            part = []
            continue
        part.append(character)
    if joined := "".join(part).strip():
        yield joined


def _spelled_out(query: str) -> Iterator[str]:
    found = re.search(r"\{([^{}]+)\}", query)
    if found is None:
        yield query
        return
    columns = [each.strip() for each in found.group(1).split(",")]
    for size in range(1, len(columns) + 1):
        for chosen in combinations(columns, size):
            grouped = [re.split(r"\s+as\s+", each, flags=re.IGNORECASE)[0] for each in chosen]
            filled = query.replace(found.group(0), ", ".join(chosen), 1)
            yield from _spelled_out(filled.replace("{}", ", ".join(grouped)))


# --- ties ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranking:
    """A gold query that keeps the first rows of an order, made ready to see who was tied."""

    sql: str
    """The same query without its limit; its last `keys` columns are what it is ordered by."""
    keys: int
    limit: int
    offset: int

    def accepts(self, rows: Sequence[Row], found: Sequence[Row]) -> Verdict:
        """Compare `found` with any choice among the rows of `self.sql` that the order allows."""
        split = len(rows[0]) - self.keys if rows else 0
        kept = rows[self.offset : self.offset + self.limit]
        if len(found) != len(kept) or not kept:
            return compare([row[:split] for row in kept], found)

        def key(row: Row) -> tuple[Any, ...]:
            return tuple(map(_plain, row[split:]))

        tied = {key(kept[0]), key(kept[-1])} if self.offset else {key(kept[-1])}
        sure = [row[:split] for row in kept if key(row) not in tied]
        open_ = [row[:split] for row in rows if key(row) in tied]
        return _compare(sure, open_, found)


def ranking_of(sql: str, dialect: str) -> Ranking | None:
    """The ranking in a gold query; None where it has no limit or is no plain ranking."""
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except sqlglot.errors.SqlglotError:
        return None
    order, limit = tree.args.get("order"), tree.args.get("limit")
    if not isinstance(tree, exp.Select) or order is None or not isinstance(limit, exp.Limit):
        return None
    size, skipped = _whole(limit.expression), _whole(tree.args.get("offset"))
    if size is None or skipped is None or tree.args.get("distinct"):
        return None
    keys = [_spelled(each.this, tree) for each in order.expressions]
    tree.set("limit", None)
    tree.set("offset", None)
    for number, each in enumerate(keys):
        tree.select(exp.alias_(each, f"{_TIE}{number}"), copy=False)
    return Ranking(tree.sql(dialect=dialect), len(keys), size, skipped)


def _whole(node: exp.Expression | None) -> int | None:
    if node is None:
        return 0
    inner = node.expression if isinstance(node, exp.Offset) else node
    return int(inner.name) if isinstance(inner, exp.Literal) and inner.name.isdigit() else None


def _spelled(key: exp.Expression, tree: exp.Select) -> exp.Expression:
    """What a key of an ORDER BY stands for: a column's number or alias becomes its expression."""
    if isinstance(key, exp.Literal) and key.name.isdigit():
        place = int(key.name) - 1
        return tree.expressions[place].unalias().copy() if place < len(tree.expressions) else key
    aliases = {each.alias.lower(): each.this for each in tree.expressions if each.alias}

    def fill(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
            return cast("exp.Expression", aliases[node.name.lower()].copy())
        return node

    return key.copy().transform(fill)


# --- results ---------------------------------------------------------------------------------


def compare(gold: Sequence[Row], found: Sequence[Row]) -> Verdict:
    """Whether `found` holds the rows of `gold`: the same columns, or those and more.

    `more_columns`: every gold column is there with its values in place, beside others.
    """
    if len(gold) != len(found):
        return "different"
    return _compare(gold, [], found) if gold else "equal"


def _compare(sure: Sequence[Row], open_: Sequence[Row], found: Sequence[Row]) -> Verdict:
    """`found` must be all of `sure` and otherwise rows of `open_`, each as often as it is there."""
    wide = len(next(iter([*sure, *open_])))
    having = [[_plain(value) for value in row] for row in found]
    offered = len(having[0])
    if wide > offered or offered > _MOST_COLUMNS:
        return "different"
    must = [[_plain(value) for value in row] for row in sure]
    may = [[_plain(value) for value in row] for row in open_]
    for chosen in islice(_columns(must, may, having, wide), _MOST_ORDERS):
        projected = [[row[column] for column in chosen] for row in having]
        if _holds(must, may, projected):
            return "equal" if wide == offered else "more_columns"
    return "different"


def _columns(
    must: list[list[Any]], may: list[list[Any]], having: list[list[Any]], wide: int
) -> Iterator[list[int]]:
    """Every way to take `wide` different columns of `having` whose values fit gold's columns."""
    offered = range(len(having[0]))
    fitting: list[list[int]] = []
    for place in range(wide):
        sure = [[row[place]] for row in must]
        free = [[row[place]] for row in may]
        fitting.append(
            [each for each in offered if _holds(sure, free, [[row[each]] for row in having])]
        )

    def choose(place: int, taken: list[int]) -> Iterator[list[int]]:
        if place == wide:
            yield taken
            return
        for each in fitting[place]:
            if each not in taken:
                yield from choose(place + 1, [*taken, each])

    return choose(0, [])


def _holds(must: list[list[Any]], may: list[list[Any]], having: list[list[Any]]) -> bool:
    if not may:
        return len(must) == len(having) and all(
            _alike(one, other)
            for one, other in zip(sorted(must, key=_rank), sorted(having, key=_rank), strict=True)
        )
    left = list(having)
    for row in must:
        place = next((i for i, each in enumerate(left) if _alike(row, each)), None)
        if place is None:
            return False
        del left[place]
    free = list(may)
    for row in left:
        place = next((i for i, each in enumerate(free) if _alike(row, each)), None)
        if place is None:
            return False
        del free[place]
    return True


def _alike(one: Row, other: Row) -> bool:
    return all(_same(a, b) for a, b in zip(one, other, strict=True))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-9)
    return bool(one == other)


def _rank(row: Row) -> list[tuple[int, Any]]:
    """An order over rows of mixed values; numbers that are alike sort alike."""
    return [
        (0, 0) if value is None else (1, float(f"{value:.9g}")) if isinstance(value, float) else
        (2, str(value)) for value in row
    ]  # fmt: skip


def _plain(value: Any) -> Any:
    """One spelling for what databases say differently: None, float, or text."""
    match value:
        case None:
            return None
        case bool() | int() | float() | Decimal():
            number = float(value)
            return None if math.isnan(number) else number
        case datetime():
            return _plain(value.isoformat(sep=" "))
        case date() | time():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if midnight := _MIDNIGHT.fullmatch(text):
        return midnight.group(1)
    if moment := _MOMENT.fullmatch(text):
        day, minute, second, _, _ = moment.groups()
        return f"{day} {minute}{second or ':00'}"
    return text
