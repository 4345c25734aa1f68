"""A meaning in plain English, so that people see what was understood. Knows no SQL."""

from typing import Final

from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Combined,
    Condition,
    Conditions,
    Key,
    Meaning,
    Measure,
    Number,
    Order,
    Related,
)
from stoa.solutions.ask_data.semantic.naming import Naming
from stoa.solutions.ask_data.semantic.splitting import split_name

_OPS: Final = {
    "eq": "is", "ne": "is not", "gt": "is more than", "ge": "is at least", "lt": "is less than",
    "le": "is at most", "in": "is one of", "not_in": "is none of", "starts": "starts with",
    "ends": "ends with", "contains": "contains", "null": "is empty", "not_null": "is filled in",
    "true": "holds", "false": "does not hold", "between": "is between",
    "weekend": "is on a weekend", "workday": "is on a working day",
}  # fmt: skip
_COMBINED: Final = {
    "percent": "the percentage of", "fraction": "the share of", "ratio": "the ratio of",
    "difference": "the difference between",
}  # fmt: skip
_LINKS: Final = {"percent": "in", "fraction": "in", "ratio": "to", "difference": "and"}
_FUNCTIONS: Final = {
    "sum": "the total",
    "avg": "the average",
    "min": "the lowest",
    "max": "the highest",
}


def told(meaning: Meaning, naming: Naming) -> str:
    """One sentence or two: what is shown, of which rows, in which order."""
    parts = [_shown(meaning)]
    if meaning.keys and meaning.measures:
        parts.append("for each " + " and ".join(map(_key, meaning.keys)))
    if meaning.conditions:
        parts.append("where " + _conditions(meaning.conditions))
    parts += [_beside(each) for each in meaning.related]
    parts += [
        f"where {_measure(each.measure)} {_OPS[each.op]} {_values(each.values)}"
        for each in meaning.having
    ]
    if meaning.order:
        parts.append("ordered by " + ", ".join(map(_order, meaning.order)))
    if meaning.limit is not None:
        parts.append("only the first" if meaning.limit == 1 else f"only the first {meaning.limit}")
    if meaning.each:
        parts.append("within each " + " and ".join(map(_key, meaning.each)))
    return ", ".join(parts) + "."


def _words(name: str) -> str:
    return " ".join(split_name(name.rpartition(".")[2]))


def _shown(meaning: Meaning) -> str:
    said = [_measure(each) for each in meaning.measures] or [_key(each) for each in meaning.keys]
    said = said or [f"{_column(ref)} of {_words(ref.table)}" for ref in meaning.shown]
    if meaning.outer is not None:
        said = [f"{_FUNCTIONS[meaning.outer]} of {each}" for each in said]
    text = " and ".join(said) or f"all of {_words(meaning.base)}"
    return text[:1].upper() + text[1:]


def _measure(number: Number) -> str:
    if isinstance(number, Combined):
        return f"{_COMBINED[number.kind]} {_one(number.first)} {_LINKS[number.kind]} {_one(number.second)}"
    return _one(number)


def _one(measure: Measure) -> str:
    said = _all_of(measure)
    if measure.where:
        said += f" where {_conditions(measure.where)}"
    return said + "".join(f" {_beside(each)}" for each in measure.related)


def _all_of(measure: Measure) -> str:
    if measure.column is None:
        return f"the number of {_words(measure.table)} rows"
    column = _column(ColumnRef(table=measure.table, column=measure.column, until=measure.until))
    if measure.function == "count":
        return f"the number of different {column}"
    times = f" times {_words(measure.times)}" if measure.times else ""
    return f"{_FUNCTIONS[measure.function]} {column}{times} of {_words(measure.table)}"


def _column(ref: ColumnRef) -> str:
    if ref.until is not None:
        return f"time from {_words(ref.column)} until {_words(ref.until)}"
    return _words(ref.column)


def _key(key: Key) -> str:
    if key.column is None:
        return _words(key.table)
    return (
        f"{key.unit} of {_words(key.column)}"
        if key.unit
        else f"{_words(key.column)} of {_words(key.table)}"
    )


def _conditions(conditions: Conditions) -> str:
    return " and ".join(" or ".join(map(_condition, group)) for group in conditions)


def _condition(condition: Condition) -> str:
    subject = f"{_column(condition.column)} of {_words(condition.column.table)}"
    if condition.than is not None:
        return f"{subject} {_OPS[condition.op]} {_one(condition.than)}"
    if condition.other is not None:
        return f"{subject} {_OPS[condition.op]} {_column(condition.other)}"
    return f"{subject} {_OPS[condition.op]} {_values(condition.values)}".rstrip()


def _values(values: tuple[object, ...]) -> str:
    return " and ".join(map(str, values))


def _beside(related: Related) -> str:
    return ("without " if related.negated else "with ") + _related(related)


def _related(related: Related) -> str:
    text = _words(related.table)
    if related.conditions:
        text += " where " + _conditions(related.conditions)
    if related.measure is not None:
        text += (
            f" of which {_measure(related.measure)} {_OPS[related.op]} {_values(related.values)}"
        )
    return text


def _order(order: Order) -> str:
    way = ", highest first" if order.descending else ""
    if order.measure is not None:
        return _measure(order.measure) + way
    if order.key is not None:
        return _key(order.key) + way
    assert order.column is not None
    return f"{_column(order.column)} of {_words(order.column.table)}" + way
