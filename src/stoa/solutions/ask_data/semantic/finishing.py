"""A finished reading becomes one meaning: what is shown, grouped, ordered, and whether that is enough.

Knows neither words nor SQL.
"""

from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Conditions,
    Key,
    Meaning,
    Measure,
    Order,
    Related,
)
from stoa.solutions.ask_data.semantic.reading import Reader
from stoa.solutions.ask_data.semantic.resolving import Head, NotRead


def finish(reader: Reader) -> Meaning:
    """The meaning of what was read. Raises NotRead where something is still missing."""
    if reader.share is not None:
        return Meaning(
            base=_base(reader), conditions=_conditions(reader), share=reader.share,
        )  # fmt: skip
    if reader.negate:
        raise NotRead(["not"], "what is denied is not clear")
    if reader.pending is not None:
        raise NotRead([reader.pending.column], f"what about {reader.pending.column}?")
    if reader.rank is not None:
        raise NotRead(["top"], "top by what?", "ambiguous")
    if not reader.outputs and not reader.keys:
        _implied(reader)
    measures = tuple(each for each in reader.outputs if isinstance(each, Measure))
    if reader.shown_rank and reader.shown_rank not in measures:
        measures = (*measures, reader.shown_rank)
    heads = [each for each in reader.outputs if isinstance(each, Head)]
    ranked = any(order.measure for order in reader.order)
    if reader.keys and not measures and not ranked and len(heads) == 1 and heads[0].column is None:
        measures = (Measure(function="count", table=heads[0].table),)  # `orders per customer`
        reader.outputs = list(measures)
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
    return tuple(tuple(group) for group in reader.groups)


def _grouped(reader: Reader, measures: tuple[Measure, ...]) -> Meaning:
    keys = list(reader.keys)
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
    order = reader.order
    if any(each.column for each in order):
        order = [_order_in_groups(reader, each, keys) for each in order]
    limit = reader.limit
    if limit is not None and not order:
        raise NotRead([str(limit)], "the first by what?")
    return Meaning(
        base=_counted(reader, measures), keys=tuple(keys), measures=measures, conditions=_conditions(reader),
        related=_related(reader, measures), having=tuple(reader.having), order=tuple(order), limit=limit,
    )  # fmt: skip


def _related(reader: Reader, measures: tuple[Measure, ...]) -> tuple[Related, ...]:
    """What must exist beside: not what the query joins and counts anyway."""
    ranked = [order.measure.table for order in reader.order if order.measure]
    joined = {*(m.table for m in measures), *ranked, *(h.measure.table for h in reader.having)}
    return tuple(
        each for each in reader.finished_related()
        if each.negated or each.measure or each.conditions or each.table not in joined
    )  # fmt: skip


def _counted(reader: Reader, measures: tuple[Measure, ...]) -> str:
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
            names: tuple[str, ...] = (head.column,)
        else:
            names = reader.naming.display(reader.resolve.table(head.table))
        shown += [ColumnRef(table=head.table, column=name) for name in names]
    whole = any(
        head.column is None and not reader.naming.display(reader.resolve.table(head.table))
        for head in heads
    )
    if whole and len(heads) > 1:
        raise NotRead([], "a row that has no name, beside other things")
    shown = [] if whole else list(dict.fromkeys(shown))
    return Meaning(
        base=base, shown=tuple(shown), conditions=_conditions(reader), related=reader.finished_related(),
        order=tuple(reader.order), limit=reader.limit, distinct=reader.distinct or _repeats(reader, shown, heads),
    )  # fmt: skip


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
