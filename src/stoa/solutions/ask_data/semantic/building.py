"""A meaning becomes SQL: what is shown, grouped, ordered and cut off, in any dialect. Knows no English."""

from typing import Final

from sqlglot import exp

from stoa.solutions.ask_data.semantic import dialects
from stoa.solutions.ask_data.semantic.expressions import CannotBuild, Names, compared
from stoa.solutions.ask_data.semantic.joins import Joins
from stoa.solutions.ask_data.semantic.keys import single_key
from stoa.solutions.ask_data.semantic.meaning import (
    Combined,
    Key,
    Meaning,
    Number,
    Order,
)
from stoa.solutions.ask_data.semantic.measuring import Measuring
from stoa.solutions.ask_data.semantic.naming import Naming

_RANKED, _PLACE, _GROUPS, _NUMBER = "ranked", "place", "groups_", "number"
_ALIASES: Final = {"count": _NUMBER, "sum": "total", "avg": "average", "min": "minimum", "max": "maximum"}  # fmt: skip


def sql_of(meaning: Meaning, naming: Naming, joins: Joins) -> tuple[str, tuple[str, ...]]:
    """The query in the catalogue's dialect, and the tables it reads.

    Raises CannotBuild (tables that do not hang together, sums that a join would multiply) and
    `joins.Ambiguous`.
    """
    query = _Query.of(meaning, Names(naming.catalogue), joins)
    query.naming = naming
    tree = query.tree()
    dialect = dialects.SQLGLOT[naming.catalogue.dialect]
    return tree.sql(dialect=dialect), tuple(sorted(query.read))


class _Query(Measuring):
    naming: Naming

    def tree(self) -> exp.Select:
        """The whole query."""
        meaning = self.meaning
        if meaning.each:
            return self._best_of_each()
        query = self._ordered(self._plain(self._outputs()))
        if meaning.limit is not None:
            query = query.limit(meaning.limit, copy=False)
        if meaning.outer is not None:
            return self._over_groups(query)
        repeats = not meaning.keys and not meaning.measures and self.multiplied
        return query.distinct() if (meaning.distinct or repeats) and not meaning.order else query

    def _plain(self, outputs: list[exp.Expr]) -> exp.Select:
        """The query without its order: outputs, filters, groups."""
        if self._apart():
            return exp.select(*outputs)
        query = self._filtered(self.joined.select(*outputs, copy=False))
        grouped = [each for key in self.meaning.keys for each in self._grouped(key)]
        if grouped:
            query = query.group_by(*grouped, copy=False)
        for having in self.meaning.having:
            condition = compared(self.number(having.measure), having.op, having.values)
            query = query.having(condition, copy=False)
        return query

    def _ordered(self, query: exp.Select) -> exp.Select:
        for order in self.meaning.order:
            query = query.order_by(self._order(order), copy=False)
        return query

    def _best_of_each(self) -> exp.Select:
        """The first rows within each group, by their place in it; who shares a place stays."""
        keys = [self._grouped(key)[0] for key in self.meaning.each]
        window = exp.Window(
            this=exp.Anonymous(this="RANK", expressions=[]),
            partition_by=keys,
            order=exp.Order(expressions=[self._order(each) for each in self.meaning.order]),
        )
        outputs = self._outputs()
        names = [each.alias_or_name for each in outputs]
        if len(set(names)) < len(names):
            raise CannotBuild("two columns of the same name, of the best in each group")
        inner = self._plain([*outputs, exp.alias_(window, _PLACE)])
        shown = [exp.column(each.args.get("alias") or each.this.copy(), table=_RANKED) for each in outputs]  # fmt: skip
        place = exp.column(_PLACE, table=_RANKED)
        limit = exp.Literal.number(self.meaning.limit or 1)
        return (
            exp.select(*shown)
            .from_(inner.subquery(_RANKED))
            .where(exp.LTE(this=place, expression=limit))
        )

    def _over_groups(self, query: exp.Select) -> exp.Select:
        """A function of what was measured of every group."""
        outer = self.meaning.outer
        assert outer is not None
        number = exp.column(_NUMBER, table=_GROUPS)
        outputs = [exp.alias_(self.number(each), _NUMBER) for each in self.meaning.measures]
        if len(outputs) != 1:
            raise CannotBuild("a function of several numbers of each group")
        query.set("expressions", outputs)
        return exp.select(exp.alias_(exp.func(outer.upper(), number), _ALIASES[outer])).from_(
            query.subquery(_GROUPS)
        )

    def _filtered(self, query: exp.Select) -> exp.Select:
        wanted = list(self.where)
        for order in self.meaning.order:
            ref = order.column
            cut = self.meaning.limit or self.meaning.each
            if ref and cut and (ref.until or self.names.column(ref).nullable):
                empty = exp.Is(this=self.names.value(ref), expression=exp.null())
                wanted.append(exp.Not(this=empty))
        return query.where(*wanted, copy=False) if wanted else query

    # --- outputs -----------------------------------------------------------------------------

    def _apart(self) -> bool:
        """Whether the only number is made of two tables that nothing ties together here."""
        meaning = self.meaning
        if meaning.keys or len(meaning.measures) != 1:
            return False
        number = meaning.measures[0]
        return isinstance(number, Combined) and number.first.table != number.second.table

    def _outputs(self) -> list[exp.Expr]:
        meaning = self.meaning
        if self._apart():
            number = meaning.measures[0]
            assert isinstance(number, Combined)
            return [exp.alias_(self.apart(number), number.kind)]
        keys = [each for key in meaning.keys for each in self._key(key)]
        outputs = [_aliased(key, None if isinstance(key, exp.Column) else "period") for key in keys]
        seen = {key.sql() for key in keys}
        for ref in meaning.shown:
            column = self.names.value(ref)
            if column.sql() not in seen:
                outputs.append(_aliased(column, f"{ref.unit}s" if ref.until else None))
        outputs += [exp.alias_(self.number(each), _alias(each)) for each in meaning.measures]
        if outputs:
            return outputs
        columns = self.names.table(meaning.base).columns
        return [self.names.named(meaning.base, each.name) for each in columns]

    def _key(self, key: Key) -> list[exp.Expr]:
        """What is shown of a key."""
        if key.column is None:
            table = self.names.table(key.table)
            shown = self.naming.display(table)
            names = shown or tuple(c.name for c in table.columns if c.primary_key)
            if not names:
                raise CannotBuild(f"a row of {key.table} has no name")
            return [self.names.named(key.table, name) for name in names]
        column = self.names.named(key.table, key.column)
        return [dialects.by_unit(column, key.unit, self.names.dialect) if key.unit else column]

    def _grouped(self, key: Key) -> list[exp.Expr]:
        shown = self._key(key)
        own = single_key(self.names.table(key.table)) if key.column is None else None
        if own is not None:
            column = self.names.named(key.table, own.name)
            return [column, *(each for each in shown if each.sql() != column.sql())]
        return shown

    def _order(self, order: Order) -> exp.Expr:
        if order.measure is not None:
            by = self.number(order.measure)
        elif order.key is not None:
            by = self._key(order.key)[0]
        else:
            assert order.column is not None
            by = self.names.value(order.column)
        postgres = self.names.dialect == "postgresql"
        nulls_first = order.descending if postgres else not order.descending
        return exp.Ordered(this=by, desc=order.descending, nulls_first=nulls_first)


def _aliased(expression: exp.Expr, name: str | None) -> exp.Expr:
    return exp.alias_(expression, name) if name else expression


def _alias(number: Number) -> str:
    if isinstance(number, Combined):
        return number.kind
    return _NUMBER if number.column is None else _ALIASES[number.function]
