"""A finished reading becomes one meaning: what is shown, grouped, ordered, and whether that is enough.

Knows neither words nor SQL.
"""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Combined,
    Conditions,
    Function,
    Key,
    Meaning,
    Measure,
    Number,
    Order,
    Related,
)
from stoa.solutions.ask_data.semantic.reading import Reader


def finish(reader: Reader) -> Meaning:
    """The meaning of what was read. Raises NotRead where something is still missing."""
    if reader.negate:
        raise NotRead(["not"], "what is denied is not clear")
    if reader.pending is not None:
        raise NotRead([reader.pending.column], f"what about {reader.pending.column}?")
    if reader.rank is not None:
        raise NotRead(["top"], "top by what?", "ambiguous")
    if not reader.outputs and not reader.keys:
        _implied(reader)
    measures = tuple(reader.numbers())
    if reader.shown_rank and reader.shown_rank not in measures:
        measures = (*measures, reader.shown_rank)
    heads = [each for each in reader.outputs if isinstance(each, Head)]
    ranked = any(order.measure for order in reader.order)
    alone = len(heads) == 1 and heads[0].column is None and not reader.order
    if reader.keys and not measures and not ranked and alone:
        measures = (Measure(function="count", table=heads[0].table),)  # `orders per customer`
        reader.outputs = list(measures)
    if reader.keys and heads and not measures and reader.limit and reader.order and not ranked:
        return _best_of_each(reader)
    plain = not (measures or ranked or reader.having)
    if plain and any(
        key.table != head.table for key in reader.keys for head in heads if head.column
    ):
        raise NotRead([], "grouped, but nothing is counted")
    if reader.keys and heads and plain:
        reader.outputs = [*(Head(key.table, key.column) for key in reader.keys), *heads]
        return _listed(reader)  # `for each vessel, its name and its capacity`
    if measures or ranked or reader.having or reader.keys:
        return _grouped(reader, measures)
    return _listed(reader)


def _implied(reader: Reader) -> None:
    if reader.base is None:
        raise NotRead([], "I see no table or column that is asked for")
    reader.outputs.append(Head(reader.base, None))


def _base(reader: Reader) -> str:
    if reader.base is None:
        raise NotRead([], "I see no table that is asked for")
    return reader.base


def _conditions(reader: Reader) -> Conditions:
    """What must hold of the rows; also what was said of others by which these are grouped."""
    said = [*reader.groups]
    for place in _grouped_by(reader):
        said += reader.related_conditions.get(place, [])
    return tuple(tuple(group) for group in said)


def _grouped_by(reader: Reader) -> list[int]:
    """`who played in each month of 2023`: the plays are grouped, so that all said of them holds there."""
    keyed = {key.table for key in reader.keys if key.column is not None}
    return [
        place for place, each in enumerate(reader.related)
        if each.table in keyed and not each.negated and each.measure is None
    ]  # fmt: skip


def _grouped(reader: Reader, measures: tuple[Number, ...]) -> Meaning:
    keys = [key for key in reader.keys if not _row_of(reader, key, measures)]
    heads = [each for each in reader.outputs if isinstance(each, Head)]
    before = [each for each in reader.before_return if isinstance(each, Head)]
    for head in heads:
        key = _key(reader, head)
        whole = Key(table=head.table)
        if whole in keys and head.column in reader.naming.display(reader.resolve.table(head.table)):
            continue
        if key not in keys:
            keys.append(key)
    for head in before:  # the thing itself, of which `return` shows a part
        if head.column is None and not any(key.table == head.table for key in keys):
            keys.append(_key(reader, head))
    ranked = any(order.measure for order in reader.order)
    if not measures and not ranked and not reader.having:
        raise NotRead([], "grouped, but nothing is counted")
    if reader.keys and not measures and not ranked:
        raise NotRead([], "grouped, but nothing is counted")
    if reader.common and _of_many(reader):
        raise NotRead(["popular"], "the most common by which rows?", "ambiguous")
    if any(isinstance(each, Combined) and not _hang_together(reader, each) for each in measures):
        raise NotRead(["ratio"], "two things that are not counted within the same groups")
    order = reader.order
    if any(each.column for each in order):
        order = [_order_in_groups(reader, each, keys) for each in order]
    limit = reader.limit
    if limit is not None and not order:
        raise NotRead([str(limit)], "the first by what?")
    return Meaning(
        base=_counted(reader, measures), keys=tuple(keys), measures=measures, conditions=_conditions(reader),
        related=_related(reader, measures), having=tuple(reader.having), order=tuple(order), limit=limit,
        each=_within(reader, heads, order), outer=_outer(reader, keys),
    )  # fmt: skip


def _best_of_each(reader: Reader) -> Meaning:
    """`the most expensive room in each hotel`: the first rows within each group."""
    each = tuple(reader.keys)
    if any(key.unit for key in each):
        raise NotRead([], "the best of each stretch of time")
    reader.outputs = [*(Head(key.table, key.column) for key in each), *reader.outputs]
    return _listed(reader).model_copy(update={"each": each, "limit": reader.limit or 1})


def _row_of(reader: Reader, key: Key, measures: tuple[Number, ...]) -> bool:
    """`the average number of minutes per session`: each session has one, so that nothing is grouped."""
    own = reader.resolve.key_of(key.table)
    whole = key.column is None or (own is not None and own.name == key.column)
    return whole and any(
        isinstance(each, Measure) and each.function == "avg" and each.column and each.table == key.table
        for each in measures
    )  # fmt: skip


def _outer(reader: Reader, keys: list[Key]) -> Function | None:
    """The function over all groups, which must be those of one thing."""
    if reader.outer is not None and (len(keys) != 1 or reader.order or reader.having):
        raise NotRead([reader.outer], "a number of numbers, and more")
    return reader.outer


def _of_many(reader: Reader) -> bool:
    """Whether something is said of rows that there may be many of for each row of the base."""
    said = [each.column.table for group in reader.groups for each in group]
    beside = [each.table for each in reader.related if not each.negated]
    return any(not reader.joins.is_up(_base(reader), table) for table in (*said, *beside))


def _hang_together(reader: Reader, combined: Combined) -> bool:
    """Whether the groups mean the same for both numbers, and not a property of one of them alone."""
    one, other = combined.first.table, combined.second.table
    near = reader.joins.is_up(one, other) or reader.joins.is_up(other, one)
    return near or all(key.table not in (one, other) for key in reader.keys)


def _within(reader: Reader, heads: list[Head], order: list[Order]) -> tuple[Key, ...]:
    """The groups that a limit holds within: `the top 3 products by sales in each category`."""
    ranked = any(each.measure for each in order) and reader.limit is not None
    return tuple(reader.keys) if ranked and heads and reader.keys else ()


def _related(reader: Reader, measures: tuple[Number, ...]) -> tuple[Related, ...]:
    """What must exist beside: not what the query joins and counts anyway."""
    ranked = [order.measure.table for order in reader.order if order.measure]
    joined = {*(m.table for m in measures), *ranked, *(h.measure.table for h in reader.having)}
    there = _grouped_by(reader)
    return tuple(
        each for place, each in enumerate(reader.finished_related())
        if place not in there and (each.negated or each.measure or each.conditions or each.table not in joined)
    )  # fmt: skip


def _counted(reader: Reader, measures: tuple[Number, ...]) -> str:
    ranked = [order.measure for order in reader.order if order.measure]
    chosen = [*measures, *ranked, *(each.measure for each in reader.having)]
    entity = {key.table for key in reader.keys if key.column is None}
    outputs = [each.table for each in reader.outputs if isinstance(each, Head)]
    if reader.base and reader.base in outputs and chosen and chosen[0].table != reader.base:
        return chosen[0].table if not reader.related else reader.base
    if reader.base and reader.base not in entity:
        return reader.base
    return chosen[0].table if chosen else _base(reader)


def _key(reader: Reader, head: Head) -> Key:
    if head.column is not None:
        return Key(table=head.table, column=head.column)
    if reader.naming.display(reader.resolve.table(head.table)):
        return Key(table=head.table)
    own = reader.resolve.key_of(head.table)
    if own is None:
        raise NotRead([], f"rows of {head.table} have no name to group by")
    return Key(table=head.table, column=own.name)


def _order_in_groups(reader: Reader, order: Order, keys: list[Key]) -> Order:
    ref = order.column
    if ref is None:
        return order
    for key in keys:
        if (key.table, key.column) == (ref.table, ref.column):
            return Order(key=key, descending=order.descending)
        if key.table == ref.table and key.column is None:
            return order
    raise NotRead([ref.column], f"ordered by {ref.column}, which each group has many of")


def _listed(reader: Reader) -> Meaning:
    heads = [each for each in reader.outputs if isinstance(each, Head)]
    base = heads[0].table if reader.base is None else reader.base
    for head in heads:
        if head.table != base and not reader.joins.is_up(base, head.table):
            if reader.joins.is_up(head.table, base):
                base = head.table
            else:
                raise NotRead([], f"{base} beside {head.table}: for each of which?", "ambiguous")
    shown: list[ColumnRef] = []
    for head in heads:
        if head.column is not None:
            shown.append(head.ref)
        else:
            names = _known_by(reader, head.table, alone=len(heads) == 1)
            shown += [ColumnRef(table=head.table, column=name) for name in names]
    if shown and not reader.returning and ((reader.limit or 1) > 1 or reader.keys):
        shown += [order.column for order in reader.order if order.column]  # what they rank by
    repeats = _repeats(reader, shown, heads)
    if repeats and _denied(reader, base, shown):
        raise NotRead(["not"], "not of any, or not of all?", "ambiguous")
    whole = len(heads) == 1 and heads[0].column is None and not _known_by(reader, base, alone=True)
    shown = [] if whole else list(dict.fromkeys(shown))
    return Meaning(
        base=base, shown=tuple(shown), conditions=_conditions(reader), related=reader.finished_related(),
        order=tuple(reader.order), limit=reader.limit, distinct=reader.distinct or repeats,
    )  # fmt: skip


def _denied(reader: Reader, base: str, shown: list[ColumnRef]) -> bool:
    """`which room types are not in the old wing`: of all rows of a type, or of some?"""
    rows = any((name := item.table()) is not None and name.table == base for item in reader.items)
    own = {ref.column for ref in shown if ref.table == base}
    return not rows and any(
        condition.op in ("ne", "not_in", "false") and condition.column.column not in own
        for group in reader.groups
        for condition in group
    )


def _known_by(reader: Reader, table: str, *, alone: bool) -> tuple[str, ...]:
    """The columns that a row is shown by; beside others, its key where it has no name."""
    names = reader.naming.display(reader.resolve.table(table))
    if names or alone:
        return names
    own = reader.resolve.key_of(table)
    if own is None:
        raise NotRead([], "a row that has no name, beside other things")
    return (own.name,)


def _repeats(reader: Reader, shown: list[ColumnRef], heads: list[Head]) -> bool:
    """A property that many rows share, asked for on its own: each is said once."""
    if len(shown) != 1 or reader.order or heads[0].column is None:
        return False
    ref = shown[0]
    table = reader.resolve.table(ref.table)
    column = reader.resolve.column(ref)
    own = reader.resolve.key_of(ref.table)
    if ref.column in reader.naming.display(table) or (own and own.name == ref.column):
        return False
    return column.kind == "text" and column.values is not None
