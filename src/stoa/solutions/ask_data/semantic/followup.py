"""Follow-ups: a fragment that changes one part of the question before it.

`and in 2013?`, `what about Canada?`, `only the top 3`, `by country instead`, `sort by name`. What the
fragment says replaces what the meaning said about the same columns, groups or order; the rest stays.
Knows no SQL.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.joins import Joins
from stoa.solutions.ask_data.semantic.meaning import (
    Combined,
    Condition,
    Conditions,
    Meaning,
    Number,
    Order,
)
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.naming import Naming
from stoa.solutions.ask_data.semantic.reading import Reader

_LEADS: Final = (
    "and what about", "and how about", "what about", "how about", "what of", "and", "now", "then", "but",
    "also", "ok", "same for", "the same for", "what if", "only", "just", "show only", "show me only",
    "instead", "do the same for", "for", "again",
)  # fmt: skip
_LIMITS: Final = frozenset({"top", "first", "bottom", "last"})


def changed(
    items: Sequence[Item], naming: Naming, joins: Joins, previous: Meaning, today: date
) -> Meaning:
    """The meaning before with what the fragment changes.

    Raises NotRead: the fragment is a question of its own, or not understood.
    """
    fragment, led = _without_lead(list(items))
    instead = any(item.text.lower() == "instead" for item in items)
    limited = _limit(fragment, previous)
    if limited is not None:
        return limited
    if not led and not instead and not _clause(fragment):
        raise NotRead([], "a question of its own")
    reader = Reader(fragment, naming, joins, base=previous.base, today=today)
    reader.outputs = [*previous.measures]
    reader.resolve.context += [key.table for key in previous.keys] + [
        ref.table for ref in previous.shown
    ]
    reader.filtering = True
    asked = len(reader.outputs)
    reader.keys = []
    reader.read()
    fresh = [each for each in reader.outputs[asked:] if not isinstance(each, Head)]
    if any(isinstance(each, Head) for each in reader.outputs[asked:]) or (fresh and not led):
        raise NotRead([], "a question of its own")
    if (
        reader.rank is not None
        or any(isinstance(each, Combined) for each in fresh)
        or reader.negate
        or reader.pending
    ):
        raise NotRead([], "a question of its own")
    return _merged(previous, reader, fresh)


def _without_lead(items: list[Item]) -> tuple[list[Item], bool]:
    kept = [
        item
        for item in items
        if item.text.lower() not in ("instead", ",", "too", "as well", "again", "please")
    ]
    led = len(kept) < len(items)
    while kept:
        words = [item.text.lower() for item in kept]
        for lead in sorted(_LEADS, key=len, reverse=True):
            size = next((n for n in range(1, 5) if " ".join(words[:n]) == lead), 0)
            if size and len(kept) > size:
                kept, led = kept[size:], True
                break
        else:
            break
    return kept, led


def _clause(items: list[Item]) -> bool:
    """Whether the fragment begins like a clause and not like a question."""
    if not items:
        return False
    ops = set(items[0].ops)
    starts = ops & {
        "group",
        "order",
        "in",
        "without",
        "with",
        "not",
        "before",
        "after",
        "asc",
        "desc",
        "from",
        "between",
    }
    return bool(starts) or bool(items[0].period) or (bool(items[0].values) and len(items) == 1)


def _limit(items: list[Item], previous: Meaning) -> Meaning | None:
    """`only the top 3`: the first of the same order."""
    words = [
        item
        for item in items
        if not (item.filler and not item.ops and item.number is None) and "only" not in item.ops
    ]
    words = [
        item
        for item in words
        if item.ops
        or item.tokens[0].lower not in ("show", "list", "give", "give me", "show me", "the", "me")
    ]
    if len(words) != 2 or words[1].number is None or not set(words[0].ops) & _LIMITS:
        return None
    descending = bool(set(words[0].ops) & {"top", "first"})
    order = previous.order
    if not order and previous.measures and previous.keys:
        order = (Order(measure=previous.measures[-1], descending=descending),)
    elif order and set(words[0].ops) & {"bottom", "last"}:
        order = (order[0].model_copy(update={"descending": not order[0].descending}), *order[1:])
    if not order:
        raise NotRead(["top"], "top by what?", "ambiguous")
    return previous.model_copy(update={"order": order, "limit": int(words[1].number)})


def _merged(previous: Meaning, reader: Reader, fresh: list[Number]) -> Meaning:
    conditions = _replaced(previous.conditions, tuple(tuple(group) for group in reader.groups))
    changes: dict[str, object] = {"conditions": conditions}
    if reader.related:
        kept = tuple(
            each for each in previous.related if each.table not in {r.table for r in reader.related}
        )
        changes["related"] = (*kept, *reader.finished_related())
    if reader.keys:
        if not previous.measures:
            raise NotRead([], "nothing is counted that could be grouped")
        changes["keys"] = tuple(reader.keys)
        changes["order"] = tuple(each for each in previous.order if each.measure)
    if fresh:
        changes["measures"] = tuple(fresh)
        changes["order"] = ()
        changes["limit"] = None
    if reader.having:
        changes["having"] = tuple(reader.having)
    if reader.order:
        changes["order"] = tuple(reader.order)
        if reader.limit is not None:
            changes["limit"] = reader.limit
    if len(changes) == 1 and conditions == previous.conditions:
        raise NotRead([], "I see nothing that changes")
    return previous.model_copy(update=changes)


def _replaced(old: Conditions, new: tuple[tuple[Condition, ...], ...]) -> Conditions:
    columns = {(each.column.table, each.column.column) for group in new for each in group}
    kept = tuple(
        group for group in old
        if not any((each.column.table, each.column.column) in columns for each in group)
    )  # fmt: skip
    return (*kept, *new)
