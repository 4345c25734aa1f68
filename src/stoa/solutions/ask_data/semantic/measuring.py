"""Numbers in a query: counts, sums, averages, and numbers made of two of them.

Where the joins would show a row several times it is counted once, or nothing is built. Knows no English.
"""

from sqlglot import exp

from stoa.solutions.ask_data.semantic import dialects
from stoa.solutions.ask_data.semantic.expressions import CannotBuild, over
from stoa.solutions.ask_data.semantic.joining import Joining
from stoa.solutions.ask_data.semantic.joins import Step
from stoa.solutions.ask_data.semantic.keys import single_key
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Combined, Measure, Number


class Measuring(Joining):
    """The numbers of one query."""

    def number(self, number: Number) -> exp.Expr:
        """A measure, or two of them made one. Raises CannotBuild: a join would multiply it."""
        if isinstance(number, Measure):
            return self.measure(number)
        return self._combine(number, self.measure(number.first), self.measure(number.second))

    def apart(self, combined: Combined) -> exp.Expr:
        """Two measures of tables that need not hang together, each over all of its rows."""
        if self.meaning.conditions or self.meaning.related:
            raise CannotBuild("two counts of different things, of which more is said")
        return self._combine(combined, self._alone(combined.first), self._alone(combined.second))

    def _combine(self, combined: Combined, first: exp.Expr, second: exp.Expr) -> exp.Expr:
        if combined.kind != "difference":
            return over(first, second, "100.0" if combined.kind == "percent" else "1.0")
        if combined.unit is None:
            return exp.Sub(this=first, expression=second)
        refs = [_dated(each) for each in (combined.second, combined.first)]
        kinds = self.names.column(refs[0]).kind, self.names.column(refs[1]).kind
        return dialects.span(second, first, combined.unit, kinds, self.names.dialect)

    def measure(self, measure: Measure) -> exp.Expr:
        if measure.column is None:
            return self._count(measure)
        ref = ColumnRef(
            table=measure.table, column=measure.column, until=measure.until, unit=measure.unit
        )
        column = self._chosen(measure, self.names.value(ref))
        if measure.function == "count":
            return exp.Count(
                this=exp.Distinct(expressions=[column]) if measure.distinct else column
            )
        if measure.function in ("sum", "avg") and not self._sums_safely(measure.table):
            raise CannotBuild(f"rows of {measure.table} would be counted more than once")
        if measure.times:
            column = exp.Mul(this=column, expression=self.names.named(measure.table, measure.times))
        return exp.func(measure.function.upper(), column)

    def _chosen(self, measure: Measure, value: exp.Expr) -> exp.Expr:
        """The value of those rows that go into the measure."""
        wanted = [self._any(group) for group in measure.where]
        wanted += [self._exists(each, measure.table) for each in measure.related]
        return exp.Case().when(exp.and_(*wanted), value) if wanted else value

    def _count(self, measure: Measure) -> exp.Expr:
        if measure.table == self.root and not self._below(measure.table):
            if not (measure.where or measure.related):
                return exp.Count(this=exp.Star())
            return exp.Count(this=self._chosen(measure, exp.Literal.number(1)))
        if measure.table in self.counted_by_key:
            step = self._way(self.root, measure.table)[0]
            refers = self.names.named(step.table, step.columns[0])
            return exp.Count(this=exp.Distinct(expressions=[refers]))
        own = single_key(self.names.table(measure.table))
        if own is None:
            raise CannotBuild(f"rows of {measure.table} can't be told apart")
        row = self._chosen(measure, self.names.named(measure.table, own.name))
        return exp.Count(this=exp.Distinct(expressions=[row]))

    def _sums_safely(self, table: str) -> bool:
        """A row may be summed in several groups, but not twice in one of them."""
        many = {each for each in self.there if not self._up(table, each)}
        if not many:
            return True
        keyed = {key.table for key in self.meaning.keys}
        along = {step.to_table for each in keyed for step in self._way(table, each)}
        entity = all(key.column is None for key in self.meaning.keys if key.table in many)
        return many <= along and entity and len(keyed & many) <= 1 and self._pairs(table, along)

    def _pairs(self, table: str, along: set[str]) -> bool:
        """Whether the way down is one table of pairs, each of which is there once."""
        down = [
            other
            for other in along
            if self.joins.distance(table, other) < 1.5 and not self._up(table, other)
        ]
        if len(down) != 1:
            return False
        columns = self.names.table(down[0]).columns
        return len(columns) == 2 or sum(column.primary_key for column in columns) == 2

    def _related_measure(self, measure: Measure, first: Step) -> exp.Expr:
        if measure.column is None:
            straight = (
                not first.up and measure.table == first.to_table and not self._below(measure.table)
            )
            if straight:
                return exp.Count(this=exp.Star())
            self.root = ""
            return self._count(measure)
        if self._below(measure.table):
            raise CannotBuild(f"rows of {measure.table} would be counted more than once")
        return self.measure(measure)


def _dated(measure: Measure) -> ColumnRef:
    if measure.column is None:
        raise CannotBuild("the time between what is no date")
    return ColumnRef(table=measure.table, column=measure.column)
