"""Which tables a query reads, from which of them it starts, and how the others are joined to it.

Joins never multiply what is counted or summed: a condition on rows of which there may be many becomes a
subquery. Knows no English.
"""

from collections.abc import Iterable
from typing import Final, Self

from sqlglot import exp

from stoa.solutions.ask_data.semantic.expressions import CannotBuild, Names, compared, test
from stoa.solutions.ask_data.semantic.joins import Joins, Step
from stoa.solutions.ask_data.semantic.meaning import (
    Combined,
    Condition,
    Conditions,
    Meaning,
    Measure,
    Number,
    Operator,
    Related,
)

_OPPOSITE: Final[dict[Operator, Operator]] = {"lt": "ge", "le": "gt"}


class Joining:
    """The tables of one query."""

    def __init__(self, meaning: Meaning, names: Names, joins: Joins) -> None:
        self.meaning, self.names, self.joins = meaning, names, joins
        self.read: set[str] = set()
        self.needed = self._needed()
        self.from_above = self._from_above()
        self.root = meaning.keys[0].table if self.from_above else self._root()
        plain, below = self._split(meaning.conditions)
        self.where: list[exp.Expr] = []
        read = {*tables_of(plain), *self._needed(counted=False)}
        self.counted_by_key = {
            table for table in self.needed if table not in read and self._refers(table)
        }
        joined = [table for table in self.needed if table not in self.counted_by_key]
        self.joined = self._join(self.root, [*joined, *tables_of(plain)])
        self.where += [self._any(group) for group in plain]
        if below:
            self.where.append(
                self._exists(Related(table=below[0][0].column.table, conditions=below), self.root)
            )
        self.where += [self._exists(each, self._anchor(each)) for each in meaning.related]

    @classmethod
    def of(cls, meaning: Meaning, names: Names, joins: Joins) -> Self:
        """Another query over the same catalogue."""
        return cls(meaning, names, joins)

    # --- which tables ------------------------------------------------------------------------

    def _needed(self, *, counted: bool = True) -> list[str]:
        """All tables that something is read of; without those whose rows are only counted."""
        meaning = self.meaning
        found = [ref.table for ref in meaning.shown]
        for number in self.numbers():
            for measure in parts_of(number):
                plain = measure.column is None and not (measure.where or measure.related)
                found += [measure.table] if counted or not plain else []
                found += tables_of(measure.where)
        found += [key.table for key in (*meaning.keys, *meaning.each)]
        found += [
            each.table for order in meaning.order for each in (order.key, order.column) if each
        ]
        return list(dict.fromkeys([*found, meaning.base]))

    def numbers(self) -> list[Number]:
        """All numbers that the query makes, shown or not."""
        ordered = [order.measure for order in self.meaning.order if order.measure]
        return [*self.meaning.measures, *ordered, *(each.measure for each in self.meaning.having)]

    def _root(self) -> str:
        """The table that each row of the result's groups comes from: all others are found from it."""
        lowest = [
            table for table in self.needed if all(self._up(table, other) for other in self.needed)
        ]
        if self.meaning.base in lowest:
            return self.meaning.base
        if lowest:
            return lowest[0]
        measured = [number.table for number in self.numbers()]
        return measured[0] if measured else self.meaning.base

    def _from_above(self) -> bool:
        """Whether groups without any row count as well, so that the query starts at what it groups by.

        The plan with the fewest members may be one that has none.
        """
        meaning = self.meaning
        ranked = meaning.order[0] if meaning.order and meaning.limit else None
        fewest = (
            ranked is not None
            and isinstance(ranked.measure, Measure)
            and ranked.measure.function == "count"
            and not ranked.descending
            and len(meaning.keys) == 1
            and meaning.keys[0].column is None
        )
        beside = bool(meaning.keys) and any(
            isinstance(number, Combined) and number.first.table != number.second.table
            for number in self.numbers()
        )
        if not (fewest or beside):
            return False
        counts = all(
            part.function == "count" and (part.column is None or part.distinct)
            for number in self.numbers()
            for part in parts_of(number)
        )
        return counts and not (meaning.conditions or meaning.related)

    def _up(self, table: str, other: str) -> bool:
        return table == other or self.joins.is_up(table, other)

    def _split(self, conditions: Conditions) -> tuple[list[tuple[Condition, ...]], Conditions]:
        """Conditions on rows that belong to one row of the root, and those on many."""
        plain: list[tuple[Condition, ...]] = []
        below: list[tuple[Condition, ...]] = []
        along = {step.to_table for table in self.needed for step in self._way(self.root, table)}
        for group in conditions:
            tables = {condition.column.table for condition in group}
            near = all(table in along or self._up(self.root, table) for table in tables)
            if not near and len(tables) > 1:
                raise CannotBuild(
                    "a choice between different things that may each be there many times"
                )
            (plain if near else below).append(group)
        return plain, tuple(below)

    def _refers(self, table: str) -> bool:
        """Whether each row of the root refers to the table by one column, which can be counted instead."""
        way = self._way(self.root, table)
        return len(way) == 1 and way[0].up and len(way[0].columns) == 1 and not self.from_above

    def _below(self, table: str) -> bool:
        """Whether the joins may show a row of this table more than once."""
        return any(not self._up(table, other) for other in self.there)

    # --- joins -------------------------------------------------------------------------------

    def _way(self, start: str, end: str) -> list[Step]:
        way = [] if start == end else self.joins.way(start, end)
        if way is None:
            raise CannotBuild(f"{start} and {end} are not connected")
        return way

    def _join(self, root: str, tables: Iterable[str]) -> exp.Select:
        query = exp.select().from_(self._source(root))
        there = {root}
        multiplied = False
        for table in dict.fromkeys(tables):
            for step in self._way(root, table):
                if step.to_table in there:
                    continue
                there.add(step.to_table)
                multiplied = multiplied or not step.up
                side = "left" if self.from_above else ""
                query = query.join(
                    self._source(step.to_table), on=self._on(step), join_type=side, copy=False
                )
        self.there, self.multiplied = there, multiplied
        return query

    def _on(self, step: Step) -> exp.Expr:
        pairs = zip(step.columns, step.to_columns, strict=True)
        return exp.and_(
            *(
                exp.EQ(
                    this=self.names.named(step.table, here),
                    expression=self.names.named(step.to_table, there),
                )
                for here, there in pairs
            )
        )

    def _source(self, key: str) -> exp.Table:
        self.read.add(key)
        return self.names.source(key)

    # --- conditions --------------------------------------------------------------------------

    def _any(self, group: tuple[Condition, ...]) -> exp.Expr:
        return exp.or_(*(self._condition(each) for each in group))

    def _condition(self, condition: Condition) -> exp.Expr:
        if condition.than is None:
            return self.names.condition(condition)
        whole = self._alone(condition.than)
        return test(self.names.value(condition.column), condition.op, [whole])

    def _alone(self, measure: Measure) -> exp.Expr:
        """A measure of all rows of its table, whatever else the query asks."""
        inner = self.of(Meaning(base=measure.table, measures=(measure,)), self.names, self.joins)
        self.read |= inner.read
        return exp.Subquery(this=inner.joined.select(inner.measure(measure)))

    def _anchor(self, related: Related) -> str:
        """The table whose rows are chosen by what is related to them."""
        base = self.meaning.base
        return base if base in self.there else self.root

    def _exists(self, related: Related, start: str) -> exp.Expr:
        way = self._way(start, related.table)
        if not way:
            raise CannotBuild(f"{related.table} can't be related to itself")
        first = way[0]
        if len(first.columns) != 1:
            raise CannotBuild(f"{first.table} and {first.to_table} are joined by several columns")
        inner = self.of(Meaning(base=first.to_table), self.names, self.joins)
        query = inner._join(first.to_table, [related.table, *tables_of(related.conditions)])
        outer = self.names.named(first.table, first.columns[0])
        column = self.names.named(first.to_table, first.to_columns[0])
        where = [inner._any(group) for group in related.conditions]
        op, negated = related.op, related.negated
        if negated or op in _OPPOSITE:
            where.append(exp.Not(this=exp.Is(this=column.copy(), expression=exp.null())))
        query = query.select(column)
        if where:
            query = query.where(*where)
        if related.measure is not None:
            if related.measure.function == "count" and op in _OPPOSITE:
                op, negated = _OPPOSITE[op], not negated
            inner.meaning = Meaning(base=first.to_table, keys=())
            number = inner._related_measure(related.measure, first)
            query = query.group_by(column.copy()).having(compared(number, op, related.values))
        self.read |= inner.read
        found: exp.Expr = exp.In(this=outer, query=exp.Subquery(this=query))
        if negated and first.up:  # none is named at all
            empty = exp.Is(this=outer.copy(), expression=exp.null())
            return exp.paren(exp.or_(exp.Not(this=found), empty))
        return exp.Not(this=found) if negated else found

    # --- numbers, which `measuring` makes ----------------------------------------------------

    def measure(self, measure: Measure) -> exp.Expr:
        """A measure over the joined rows."""
        raise NotImplementedError

    def _related_measure(self, measure: Measure, first: Step) -> exp.Expr:
        raise NotImplementedError


def parts_of(number: Number) -> list[Measure]:
    """The measures that a number is made of."""
    return [number.first, number.second] if isinstance(number, Combined) else [number]


def tables_of(conditions: Iterable[tuple[Condition, ...]]) -> list[str]:
    """The tables that conditions speak of."""
    groups = list(conditions)
    others = [each.other.table for group in groups for each in group if each.other]
    return [each.column.table for group in groups for each in group] + others
