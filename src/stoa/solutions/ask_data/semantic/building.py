"""A meaning becomes SQL: joins along keys, grouping, subqueries for what must exist, in any dialect.

Joins never multiply what is counted or summed: a condition on rows of which there may be many becomes a
subquery, and where several rows would still meet, rows are counted apart. Knows no English.
"""

from collections.abc import Iterable
from typing import Final

from sqlglot import exp

from stoa.core.tables.catalogue import Column, Table
from stoa.solutions.ask_data.semantic.joins import Joins, Step, single_key
from stoa.solutions.ask_data.semantic.lexicon import word_set
from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Condition,
    Conditions,
    Key,
    Meaning,
    Measure,
    Operator,
    Related,
    Unit,
    Value,
)
from stoa.solutions.ask_data.semantic.naming import Naming

_DIALECTS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "duckdb": "duckdb",
    "mysql": "mysql",
}
_COMPARE: Final[dict[Operator, type[exp.Binary]]] = {
    "eq": exp.EQ, "ne": exp.NEQ, "gt": exp.GT, "ge": exp.GTE, "lt": exp.LT, "le": exp.LTE,
}  # fmt: skip
_OPPOSITE: Final[dict[Operator, Operator]] = {"lt": "ge", "le": "gt"}


class CannotBuild(Exception):
    """The meaning can't be said in SQL without a risk of a wrong answer."""


def sql_of(meaning: Meaning, naming: Naming, joins: Joins) -> tuple[str, tuple[str, ...]]:
    """The query in the catalogue's dialect, and the tables it reads.

    Raises CannotBuild (tables that do not hang together, sums that a join would multiply) and
    `joins.Ambiguous`.
    """
    query = _Query(meaning, naming, joins)
    tree = query.tree()
    return tree.sql(dialect=_DIALECTS[naming.catalogue.dialect]), tuple(sorted(query.read))


class _Query:
    def __init__(self, meaning: Meaning, naming: Naming, joins: Joins) -> None:
        self.meaning, self.naming, self.joins = meaning, naming, joins
        self.dialect = naming.catalogue.dialect
        self.read: set[str] = set()
        self.needed = self._needed()
        self.root = self._root()
        plain, below = self._split(meaning.conditions)
        self.where: list[exp.Expr] = []
        self.joined = self._join(self.root, [*self.needed, *_tables(plain)])
        self.where += [self._any(group) for group in plain]
        if below:
            self.where.append(
                self._exists(Related(table=below[0][0].column.table, conditions=below), self.root)
            )
        self.where += [self._exists(each, self._anchor(each)) for each in meaning.related]

    # --- which tables ------------------------------------------------------------------------

    def _needed(self) -> list[str]:
        meaning = self.meaning
        found = [ref.table for ref in meaning.shown]
        found += [measure.table for measure in meaning.measures]
        found += [key.table for key in meaning.keys]
        for order in meaning.order:
            found += [each.table for each in (order.measure, order.key, order.column) if each]
        found += [each.measure.table for each in meaning.having]
        if meaning.share is not None:
            found += _tables([*meaning.share.part, *meaning.share.other])
        return list(dict.fromkeys([*found, meaning.base]))

    def _measures(self) -> list[Measure]:
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
        measured = [measure.table for measure in self._measures()]
        return measured[0] if measured else self.meaning.base

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

    def _way(self, start: str, end: str) -> list[Step]:
        way = [] if start == end else self.joins.way(start, end)
        if way is None:
            raise CannotBuild(f"{start} and {end} are not connected")
        return way

    def _join(self, root: str, tables: Iterable[str]) -> exp.Select:
        query = exp.select().from_(self._table(root))
        there = {root}
        multiplied = False
        for table in dict.fromkeys(tables):
            for step in self._way(root, table):
                if step.to_table in there:
                    continue
                there.add(step.to_table)
                multiplied = multiplied or not step.up
                query = query.join(self._table(step.to_table), on=self._on(step))
        self.there, self.multiplied = there, multiplied
        return query

    def _on(self, step: Step) -> exp.Expr:
        pairs = zip(step.columns, step.to_columns, strict=True)
        return exp.and_(
            *(
                exp.EQ(
                    this=self._named(step.table, here), expression=self._named(step.to_table, there)
                )
                for here, there in pairs
            )
        )

    def _table(self, key: str) -> exp.Table:
        self.read.add(key)
        table = self._of(key)
        return exp.table_(table.name, db=table.schema_name, quoted=_quoted(table.name) or None)

    def _of(self, key: str) -> Table:
        table = self.naming.catalogue.table(key)
        if table is None:
            raise CannotBuild(f"there is no table {key}")
        return table

    def _named(self, table: str, column: str) -> exp.Column:
        found = self._of(table)
        return exp.column(
            exp.to_identifier(column, quoted=_quoted(column)),
            table=exp.to_identifier(found.name, quoted=_quoted(found.name)),
        )

    def _column(self, ref: ColumnRef) -> Column:
        column = self._of(ref.table).column(ref.column)
        if column is None:
            raise CannotBuild(f"{ref.table} has no {ref.column}")
        return column

    # --- the whole ---------------------------------------------------------------------------

    def tree(self) -> exp.Select:
        meaning = self.meaning
        query = self.joined
        if meaning.share:
            if self._below(meaning.base) or self.root != meaning.base:
                raise CannotBuild("a share of rows that a join would repeat")
            return self._filtered(query.select(self._share(), copy=False))
        keys = [each for key in meaning.keys for each in self._key(key)]
        outputs = [exp.alias_(each, name) for each, name in self._outputs(keys)]
        query = self._filtered(query.select(*outputs, copy=False))
        grouped = [each for key in meaning.keys for each in self._grouped(key)]
        if grouped:
            query = query.group_by(*grouped, copy=False)
        for having in meaning.having:
            condition = _compared(self._measure(having.measure), having.op, having.values)
            query = query.having(condition, copy=False)
        for order in meaning.order:
            query = query.order_by(
                self._order(order.measure, order.key, order.column, order.descending), copy=False
            )
        if meaning.limit is not None:
            query = query.limit(meaning.limit, copy=False)
        repeats = not meaning.keys and not meaning.measures and self.multiplied
        return query.distinct() if (meaning.distinct or repeats) and not meaning.order else query

    def _filtered(self, query: exp.Select) -> exp.Select:
        wanted = list(self.where)
        for order in self.meaning.order:
            ref = order.column
            if ref and self.meaning.limit and self._column(ref).nullable:
                wanted.append(
                    exp.Not(
                        this=exp.Is(this=self._named(ref.table, ref.column), expression=exp.null())
                    )
                )
        return query.where(*wanted, copy=False) if wanted else query

    def _outputs(self, keys: list[exp.Expr]) -> list[tuple[exp.Expr, str | None]]:
        meaning = self.meaning
        outputs = [(key, _unit_alias(key)) for key in keys]
        seen = {key.sql() for key in keys}
        for ref in meaning.shown:
            column = self._named(ref.table, ref.column)
            if column.sql() not in seen:
                outputs.append((column, None))
        outputs += [(self._measure(each), _alias(each)) for each in meaning.measures]
        if not outputs:
            outputs = [
                (self._named(meaning.base, each.name), None)
                for each in self._of(meaning.base).columns
            ]
        return outputs

    def _share(self) -> exp.Expr:
        share = self.meaning.share
        assert share is not None
        part = self._counted([self._any(group) for group in share.part])
        if share.other:
            whole: exp.Expr = self._counted([self._any(group) for group in share.other])
        else:
            whole = exp.Count(this=exp.Star())
        factor = "100.0" if share.kind == "percent" else "1.0"
        top = exp.Mul(this=exp.Literal.number(factor), expression=part)
        return exp.alias_(
            exp.Div(this=top, expression=exp.func("NULLIF", whole, exp.Literal.number(0))),
            share.kind,
        )

    def _counted(self, conditions: list[exp.Expr]) -> exp.Expr:
        case = exp.Case().when(exp.and_(*conditions), exp.Literal.number(1))
        return exp.Count(this=case)

    # --- parts -------------------------------------------------------------------------------

    def _key(self, key: Key) -> list[exp.Expr]:
        """What is shown of a key."""
        if key.column is None:
            table = self._of(key.table)
            names = self.naming.display(table) or tuple(
                c.name for c in table.columns if c.primary_key
            )
            if not names:
                raise CannotBuild(f"a row of {key.table} has no name")
            return [self._named(key.table, name) for name in names]
        column = self._named(key.table, key.column)
        return [self._by_unit(column, key.unit) if key.unit else column]

    def _grouped(self, key: Key) -> list[exp.Expr]:
        shown = self._key(key)
        own = single_key(self._of(key.table)) if key.column is None else None
        if own is not None:
            column = self._named(key.table, own.name)
            return [column, *(each for each in shown if each.sql() != column.sql())]
        return shown

    def _by_unit(self, column: exp.Expr, unit: Unit) -> exp.Expr:
        if unit == "year":
            if self.dialect == "sqlite":
                return exp.cast(
                    exp.func("STRFTIME", exp.Literal.string("%Y"), column, dialect=None), "INT"
                )
            return exp.cast(exp.Extract(this=exp.var("YEAR"), expression=column), "INT")
        if unit == "day":
            return (
                exp.func("DATE", column)
                if self.dialect in ("sqlite", "mysql")
                else exp.cast(column, "DATE")
            )
        if self.dialect == "sqlite":
            return _sqlite_unit(column, unit)
        if self.dialect == "mysql":
            pattern = {"month": "%Y-%m", "week": "%x-%v"}.get(unit)
            if pattern is None:
                raise CannotBuild("quarters in MySQL")
            return exp.Anonymous(
                this="DATE_FORMAT", expressions=[column, exp.Literal.string(pattern)]
            )
        return exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(unit), column])

    def _measure(self, measure: Measure) -> exp.Expr:
        if measure.column is None:
            return self._count(measure.table)
        column: exp.Expr = self._named(measure.table, measure.column)
        if measure.function == "count":
            return exp.Count(
                this=exp.Distinct(expressions=[column]) if measure.distinct else column
            )
        if measure.function in ("sum", "avg") and not self._sums_safely(measure.table):
            raise CannotBuild(f"rows of {measure.table} would be counted more than once")
        if measure.times:
            column = exp.Mul(this=column, expression=self._named(measure.table, measure.times))
        return exp.func(measure.function.upper(), column)

    def _count(self, table: str) -> exp.Expr:
        if table == self.root and not self._below(table):
            return exp.Count(this=exp.Star())
        own = single_key(self._of(table))
        if own is None:
            raise CannotBuild(f"rows of {table} can't be told apart")
        return exp.Count(this=exp.Distinct(expressions=[self._named(table, own.name)]))

    def _below(self, table: str) -> bool:
        """Whether the joins may show a row of this table more than once."""
        return any(not self._up(table, other) for other in self.there)

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
        return len(down) == 1 and sum(c.primary_key for c in self._of(down[0]).columns) == 2

    def _order(
        self, measure: Measure | None, key: Key | None, column: ColumnRef | None, descending: bool
    ) -> exp.Expr:
        if measure is not None:
            by = self._measure(measure)
        elif key is not None:
            by = self._key(key)[0]
        else:
            assert column is not None
            by = self._named(column.table, column.column)
        return exp.Ordered(
            this=by,
            desc=descending,
            nulls_first=not descending if self.dialect != "postgresql" else descending,
        )

    # --- conditions --------------------------------------------------------------------------

    def _any(self, group: tuple[Condition, ...]) -> exp.Expr:
        return exp.or_(*(self._condition(each) for each in group))

    def _condition(self, condition: Condition) -> exp.Expr:
        column: exp.Expr = self._named(condition.column.table, condition.column.column)
        kind = self._column(condition.column).kind
        values = [_literal(value) for value in condition.values]
        match condition.op:
            case "null" | "not_null":
                empty = exp.Is(this=column, expression=exp.null())
                return empty if condition.op == "null" else exp.Not(this=empty)
            case "true" | "false":
                if kind != "boolean":
                    return exp.EQ(
                        this=column, expression=exp.Literal.number(int(condition.op == "true"))
                    )
                return column if condition.op == "true" else exp.Not(this=column)
            case "starts" | "ends" | "contains":
                before, after = condition.op != "starts", condition.op != "ends"
                pattern = f"{'%' * before}{_escaped(str(condition.values[0]).lower())}{'%' * after}"
                return exp.Like(this=exp.Lower(this=column), expression=exp.Literal.string(pattern))
        if condition.ignore_case:
            column = exp.Lower(this=column)
            values = [_literal(str(value).lower()) for value in condition.values]
        return _test(column, condition.op, values)

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
        inner = _Query(Meaning(base=first.to_table), self.naming, self.joins)
        tables = [related.table, *_tables(related.conditions)]
        query = inner._join(first.to_table, tables)
        outer = self._named(first.table, first.columns[0])
        column = inner._named(first.to_table, first.to_columns[0])
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
            query = query.group_by(column.copy()).having(_compared(number, op, related.values))
        self.read |= inner.read
        found: exp.Expr = exp.In(this=outer, query=exp.Subquery(this=query))
        if negated and first.up:  # none is named at all
            empty = exp.Is(this=outer.copy(), expression=exp.null())
            return exp.paren(exp.or_(exp.Not(this=found), empty))
        return exp.Not(this=found) if negated else found

    def _related_measure(self, measure: Measure, first: Step) -> exp.Expr:
        if measure.column is None:
            straight = (
                not first.up and measure.table == first.to_table and not self._below(measure.table)
            )
            if straight:
                return exp.Count(this=exp.Star())
            self.root = ""
            return self._count(measure.table)
        if self._below(measure.table):
            raise CannotBuild(f"rows of {measure.table} would be counted more than once")
        return self._measure(measure)


def _tables(conditions: Iterable[tuple[Condition, ...]]) -> list[str]:
    return [condition.column.table for group in conditions for condition in group]


def _quoted(name: str) -> bool:
    """Names with capitals or signs, and words that SQL keeps for itself, are quoted."""
    return not (name.isidentifier() and name == name.lower()) or name in _RESERVED


_RESERVED: Final = word_set(
    """order group user table select from where join date time key index values case end check column
    default desc asc limit offset primary references rank row rows set to union when with by all and
    or not is in like on as left right full inner outer cross natural using having create drop grant
    position level language condition read write option function procedure usage schema year month
    day"""
)


def _literal(value: Value) -> exp.Expr:
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    return (
        exp.Literal.number(value) if isinstance(value, int | float) else exp.Literal.string(value)
    )


def _escaped(text: str) -> str:
    return text.replace("%", "").replace("_", "")


def _test(column: exp.Expr, op: Operator, values: list[exp.Expr]) -> exp.Expr:
    match op:
        case "between":
            return exp.and_(
                exp.GTE(this=column, expression=values[0]),
                exp.LTE(this=column.copy(), expression=values[1]),
            )
        case "in" | "not_in":
            found = exp.In(this=column, expressions=values)
            return exp.Not(this=found) if op == "not_in" else found
    return _COMPARE[op](this=column, expression=values[0])


def _compared(measure: exp.Expr, op: Operator, values: Iterable[Value]) -> exp.Expr:
    return _test(measure, op, [_literal(value) for value in values])


def _sqlite_unit(column: exp.Expr, unit: Unit) -> exp.Expr:
    if unit == "quarter":
        raise CannotBuild("quarters in SQLite")
    pattern = {"month": "%Y-%m", "week": "%Y-%W"}[unit]
    return exp.Anonymous(this="STRFTIME", expressions=[exp.Literal.string(pattern), column])


def _alias(measure: Measure) -> str:
    if measure.column is None:
        return "number"
    return {
        "count": "number",
        "sum": "total",
        "avg": "average",
        "min": "minimum",
        "max": "maximum",
    }[measure.function]


def _unit_alias(key: exp.Expr) -> str | None:
    return None if isinstance(key, exp.Column) else "period"
