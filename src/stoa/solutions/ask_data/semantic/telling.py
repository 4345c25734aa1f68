"""A meaning in plain English, so that people see what was understood. Knows no SQL."""

from typing import Final

from stoa.solutions.ask_data.semantic.meaning import (
    Condition,
    Conditions,
    Key,
    Meaning,
    Measure,
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
}  # fmt: skip
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
    parts += [
        ("without " if each.negated else "with ") + _related(each) for each in meaning.related
    ]
    parts += [
        f"where {_measure(each.measure)} {_OPS[each.op]} {_values(each.values)}"
        for each in meaning.having
    ]
    if meaning.order:
        parts.append("ordered by " + ", ".join(map(_order, meaning.order)))
    if meaning.limit is not None:
        parts.append("only the first" if meaning.limit == 1 else f"only the first {meaning.limit}")
    return ", ".join(parts) + "."


def _words(name: str) -> str:
    return " ".join(split_name(name.rpartition(".")[2]))


def _shown(meaning: Meaning) -> str:
    if meaning.share is not None:
        kind = {"percent": "Percentage", "fraction": "Share", "ratio": "Ratio"}[meaning.share.kind]
        text = f"{kind} of {_words(meaning.base)} where {_conditions(meaning.share.part)}"
        return text + (
            f" to those where {_conditions(meaning.share.other)}" if meaning.share.other else ""
        )
    said = [_measure(each) for each in meaning.measures] or [_key(each) for each in meaning.keys]
    said = said or [f"{_words(ref.column)} of {_words(ref.table)}" for ref in meaning.shown]
    text = " and ".join(said) or f"all of {_words(meaning.base)}"
    return text[:1].upper() + text[1:]


def _measure(measure: Measure) -> str:
    if measure.column is None:
        return f"the number of {_words(measure.table)} rows"
    if measure.function == "count":
        return f"the number of different {_words(measure.column)}"
    times = f" times {_words(measure.times)}" if measure.times else ""
    return (
        f"{_FUNCTIONS[measure.function]} {_words(measure.column)}{times} of {_words(measure.table)}"
    )


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
    subject = f"{_words(condition.column.column)} of {_words(condition.column.table)}"
    return f"{subject} {_OPS[condition.op]} {_values(condition.values)}".rstrip()


def _values(values: tuple[object, ...]) -> str:
    return " and ".join(map(str, values))


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
    return f"{_words(order.column.column)} of {_words(order.column.table)}" + way
