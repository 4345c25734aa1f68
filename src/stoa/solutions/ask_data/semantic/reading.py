"""From items to a meaning: the grammar of questions.

Goes through the items once, from left to right. Each clause (an output, a filter, a grouping, a ranking)
takes the items that belong to it; an item that no clause takes ends the reading with `NotRead`, since a
word that was passed over might have changed the answer. Knows no SQL.
"""

from collections.abc import Sequence
from typing import Final

from stoa.solutions.ask_data.semantic.joins import Joins
from stoa.solutions.ask_data.semantic.lexicon import (
    NOUNS,
    PERSONS,
    PLACES,
    QUANTITIES,
    SALES,
    VERBS,
    singular,
    word_set,
)
from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Condition,
    Conditions,
    Function,
    Having,
    Key,
    Measure,
    Operator,
    Order,
    Related,
    Share,
    Value,
)
from stoa.solutions.ask_data.semantic.mentions import Item, is_flag
from stoa.solutions.ask_data.semantic.naming import Naming
from stoa.solutions.ask_data.semantic.periods import Period
from stoa.solutions.ask_data.semantic.resolving import Head, NotRead, Resolver
from stoa.solutions.ask_data.semantic.splitting import split_name

_COMPARISONS: Final[dict[str, Operator]] = {"gt": "gt", "ge": "ge", "lt": "lt", "le": "le"}
_AGGREGATES: Final[dict[str, Function]] = {"avg": "avg", "sum": "sum", "max": "max", "min": "min"}
_NEGATED: Final[dict[Operator, Operator]] = {
    "eq": "ne", "in": "not_in", "gt": "le", "ge": "lt", "lt": "ge", "le": "gt", "ne": "eq",
    "null": "not_null", "not_null": "null", "true": "false", "false": "true",
}  # fmt: skip
_SPENDING: Final = frozenset({"spent", "spend", "spends"})
_STRONG: Final = word_set(
    """count avg max min most fewest gt ge lt le between not without percent ratio starts ends like
    desc asc"""
)


class Reader:
    """One reading of one question."""

    def __init__(
        self, items: Sequence[Item], naming: Naming, joins: Joins, base: str | None = None
    ) -> None:
        self.items, self.naming, self.joins = items, naming, joins
        self.resolve = Resolver(naming, joins, items)
        self.at = 0
        self.base = base
        self.outputs: list[Head | Measure] = []
        self.keys: list[Key] = []
        self.groups: list[list[Condition]] = []
        self.related: list[Related] = []
        self.related_conditions: dict[int, list[list[Condition]]] = {}
        self.having: list[Having] = []
        self.order: list[Order] = []
        self.limit: int | None = None
        self.rank: bool | None = None
        """A ranking was asked for (True: downwards), and what by is still to come."""
        self.shown_rank: Measure | None = None
        self.distinct = False
        self.share: Share | None = None
        self.negate = self.joined_by_or = self.has = False
        self.filtering = False
        self.returning = False
        self.counted_key = False
        self.last_group: list[Condition] | None = None
        self.pending: ColumnRef | None = None
        self.unit: Item | None = None
        self.spent = False
        self.sold = False
        self.who = False
        self.latest: str | None = None
        """The table that was named last: what `whose` speaks of."""
        self.owner: str | None = None

    # --- moving --------------------------------------------------------------------------

    def read(self) -> None:
        """Take every item. Raises NotRead for the first that no clause takes."""
        while self.at < len(self.items):
            before = self.at
            self.clause()
            if self.at == before:
                raise NotRead(
                    [self.item.text], f"“{self.item.text}” has no place in what I understood"
                )
        if self.unit is not None:  # `monthly`: known only now, of which date
            self.items = [*self.items, self.unit]
            self._keys(self.unit.text)

    @property
    def item(self) -> Item:
        if self.at >= len(self.items):
            raise NotRead([], "the question ends too early for me")
        return self.items[self.at]

    def peek(self, ahead: int = 0) -> Item | None:
        """The item that far ahead, empty words left out."""
        place = self.at
        while place < len(self.items):
            item = self.items[place]
            if not (
                item.filler
                and not self.meant(item)
                and not set(item.ops) & (_STRONG | {"or", "and", "is", "group", "with", "return"})
            ):
                if ahead == 0:
                    return item
                ahead -= 1
            place += 1
        return None

    @staticmethod
    def meant(item: Item) -> bool:
        return bool(
            item.names
            or item.values
            or item.period
            or item.number is not None
            or item.literal
            or item.unit
        )

    def skip(self, *also: str) -> None:
        """Pass over empty words, and phrases of these kinds."""
        while self.at < len(self.items):
            item = self.item
            if (also and set(item.ops) & set(also) and not item.values) or (
                item.filler
                and not self.meant(item)
                and not set(item.ops) & (_STRONG | {"or", "and", "is", "group", "with", "return"})
            ):
                self.at += 1
            else:
                return

    def near(self) -> list[str]:
        """The tables that a word most likely belongs to, the nearest first."""
        tables = [output.table for output in self.outputs if isinstance(output, Head | Measure)]
        base = [self.base] if self.base else []
        return list(dict.fromkeys([*base, *tables]))

    def tables(self) -> list[str]:
        """All tables that the reading has come to so far."""
        found = [condition.column.table for group in self.groups for condition in group]
        return list(dict.fromkeys([*self.near(), *(key.table for key in self.keys), *found]))

    # --- one clause ----------------------------------------------------------------------

    def clause(self) -> None:
        item, ops = self.item, set(self.item.ops)
        if item.tokens[0].lower == ";":
            self.at += 1
            self.returning = self._returns()
        elif item.period and not (item.period.bare_year and self._number_fits(item)):
            self._period(item.period)
        elif item.literal is not None or (
            item.values and not item.names and all(each.sampled for each in item.values)
        ):
            self._literal()
        elif ops & {"not"}:
            self.at += 1
            self.negate = True
        elif ops & {"without"} and not item.values:
            self._without()
        elif ops & {"percent", "ratio"} and not self._named(item):
            self._share(item)
        elif ops & {"count"} or (ops & {"counting"} and not item.names):
            self.at += 1
            counted = self._count()
            if counted.column and counted.function == "sum" and not self._adds_up(counted):
                raise NotRead(
                    [item.text], f"how many different {counted.column}, or their sum?", "ambiguous"
                )
            self._output(counted)
        elif ops & {"distinct"} and not self._named(item):
            self.at += 1
            self.distinct = True
        elif item.superlative and not self._measured_next():
            self._superlative(item)
        elif item.superlative and not ops & set(_AGGREGATES) and not item.names:
            self._aggregate(item)
        elif ops & {"most", "fewest"}:
            self._most("most" in ops)
        elif ops & set(_AGGREGATES) and not (self._named(item) and not self._measured_next()):
            self._aggregate(item)
        elif ops & {"top", "bottom"} and not self._named(item):
            self._top("top" in ops)
        elif ops & {"first", "last"} and not self._named(item):
            self._first("last" in ops)
        elif (
            ops & {"order"}
            and not (item.names and item.text.lower() not in ("sort", "sorted"))
            and self._sorts()
        ):
            self._ordering()
        elif ops & {"asc", "desc"}:
            self.at += 1
            self._direction("desc" in ops)
        elif ops & {"group"}:
            self._group()
        elif ops & {"gt", "ge", "lt", "le", "between", "eq"} and self._compares():
            self._compare(None)
        elif ops & {"before", "after"} or (
            ops & {"gt", "lt", "from", "between", "ge", "le", "in"} and self._bounded()
        ):
            self._bound(item)
        elif ops & {"starts", "ends", "like"} and self.last_group and not item.names:
            ref = self.last_group[-1].column
            self._pattern(Head(ref.table, ref.column))
        elif item.number is not None:
            self._number()
        elif ops & {"or", "and"}:
            self.at += 1
            self.joined_by_or = "or" in ops
        elif item.values and (not self._named(item) or item.tokens[0].capital):
            self._value()
        elif item.money and not item.names:
            self._spending() if item.text.lower() in _SPENDING else self._output(self._money("sum"))
        elif item.names:
            self._name()
        elif item.unit and item.text.lower().endswith(("ly", "annual")):
            self.at += 1
            self.unit = item
        elif item.unit and not self.outputs:
            raise NotRead([item.text], f"“{item.text}” of what?")
        elif ops & {"with"}:
            self.at += 1
            self.owner = self.latest if item.text.lower() == "whose" else None
            self.has = True
            self.filtering = True
        elif ops & {"is"}:
            self.at += 1
            self.filtering = self.filtering or bool(self.outputs)
        elif "only" in ops and self.at:
            raise NotRead([item.text], f"“{item.text}” leaves out others, which I can't be sure of")
        elif "all" in ops and self._every():
            raise NotRead([item.text], f"“{item.text}” of them at once is more than I do")
        elif ops & {"only"} or item.filler:
            self.at += 1
            self.who = self.who or ("who" in ops and not self.outputs)
            if ops & {"in", "from", "who", "which"} and self.outputs:
                self.filtering = True

    @staticmethod
    def _named(item: Item) -> bool:
        return bool(item.names) and item.names[0].score >= 0.85

    def _every(self) -> bool:
        """`who bought all products`: each of them, not any."""
        if not self.filtering or self.item.text.lower() in ("any",):
            return False
        before = self.items[self.at - 1] if self.at else None
        return before is not None and not set(before.ops) & {"in", "of", "from", "group", "not"}

    def _adds_up(self, measure: Measure) -> bool:
        """A column of amounts of something: how many of them is their sum."""
        words = split_name(measure.column or "")
        return bool(QUANTITIES & {singular(word) for word in words})

    def _measured_next(self) -> bool:
        """Whether a number to aggregate comes next: `total amount`, `highest price`."""
        ahead = self.items[self.at + 1 : self.at + 6]
        for item in ahead:
            if item.filler and not self.meant(item):
                continue
            if item.money or set(item.ops) & {"count", "avg", "sum"}:
                return True
            if item.values or item.number is not None:
                continue
            if not item.names:
                return False
            return (
                any(
                    name.column and self.resolve.numeric(Head(name.table, name.column))
                    for name in item.names
                )
                or ("sum" in self.item.ops and item.table() is not None)
                or self._dated_name(item)
            )
        return False

    def _dated_name(self, item: Item) -> bool:
        return any(
            name.column and self.resolve.dated(Head(name.table, name.column)) for name in item.names
        )

    def _number_fits(self, item: Item) -> bool:
        """A bare year that counts things instead: `2000 orders`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and bool(ahead.names) and not self.outputs

    def _returns(self) -> bool:
        """Whether a list of what to return begins here; it replaces what was read as the output."""
        if self.at >= len(self.items) or "return" not in self.item.ops:
            return False
        self.at += 1
        self.before_return = list(self.outputs)
        self.outputs = []
        return True

    before_return: Sequence[Head | Measure] = ()

    # --- outputs -------------------------------------------------------------------------

    def _output(self, output: Head | Measure) -> None:
        if isinstance(output, Measure) and self.rank is not None:
            self._ranked_by(output, shown=True)
            return
        if self.returning and isinstance(output, Head) and output.column is None:
            shown = self.naming.display(self.resolve.table(output.table))
            self.outputs += [Head(output.table, name) for name in shown]
            return
        if output not in self.outputs:
            self.outputs.append(output)
        if self.base is None:
            self.base = output.table

    def _head(self, *, want: str = "any", near: Sequence[str] = ()) -> Head:
        """The name at this place, joined with the names right after it: `customer name`."""
        item = self.item
        around = [*near, *(self._owner_ahead()), *self.near()]
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        table = item.table()
        self.at += 1
        if (
            table is not None
            and table.score >= 0.85
            and ahead is not None
            and ahead.names
            and not ahead.ops
        ):
            if self._verb_at(self.at):
                return self.resolve.name(item, around, want=want)
            inside = [n for n in ahead.names if n.column and n.table == table.table]
            if inside and inside[0].score >= 0.7:
                self.at += 1
                return Head(inside[0].table, inside[0].column)
            if ahead.table() is not None and not self._compared_at(self.at):
                self.at += 1
                self._join_table(table.table)
                return self.resolve.name(ahead, [table.table, *around], want=want)
        return self.resolve.name(item, around, want=want)

    def _verb_at(self, place: int) -> bool:
        """A word that says what was done: not a part of the name before it."""
        text = self.items[place].text.lower()
        return text in VERBS and (text not in NOUNS or self._compared_at(place + 1))

    def _owner_ahead(self) -> list[str]:
        """`names of customers`: the table that follows."""
        for item in self.items[self.at + 1 : self.at + 7]:
            if (table := item.table()) is not None and table.score >= 0.85:
                return [table.table]
            if item.ops and not set(item.ops) & {
                "of",
                "in",
                "from",
                "all",
                "and",
                "to",
                "return",
                "who",
                "which",
                "is",
            }:
                return []
        return []

    def _join_table(self, table: str) -> None:
        """A table that is named beside the base: its rows must be there."""
        if self.base is None or table == self.base or self.joins.is_up(self.base, table):
            return
        if not any(each.table == table for each in self.related):
            self.related.append(Related(table=table))

    def _adjectives(self) -> list[tuple[int, bool]]:
        """Places of values and flags before the name that they describe: `active Italian customers`."""
        places: list[tuple[int, bool]] = []
        while self.at < len(self.items):
            item = self.item
            if "distinct" in item.ops and not self._named(item):
                self.distinct = True
            elif "not" in item.ops:
                self.negate = True
            elif (
                (item.values and not item.names)
                or (item.names and is_flag(self.naming, item.names[0]) and self._name_follows())
                or (item.values and self._name_follows() and item.tokens[0].capital)
            ):
                places.append((self.at, self.negate))
                self.negate = False
            elif item.number is not None and not item.names and self._name_follows():
                self.limit = int(item.number)
            elif (
                not (item.filler and not self.meant(item))
                and not (set(item.ops) & {"all", "of", "and"} and not item.names)
            ) or set(item.ops) & {"group", "with", "is"}:
                return places
            self.at += 1
        return places

    def _name_follows(self) -> bool:
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and bool(ahead.names or ahead.values)

    def _describe(self, places: list[tuple[int, bool]], head: Head) -> None:
        kept = self.at
        for place, negate in places:
            self.at, self.negate = place, negate
            self._value_or_flag([head.table])
        self.at = kept

    def _value_or_flag(self, near: Sequence[str]) -> None:
        if self.item.values and not (self._named(self.item) and not self.item.tokens[0].capital):
            self._value(near)
        else:
            self._flag(self.resolve.name(self.item, near, want="column"))

    def _count(self) -> Measure:
        """After `how many`: what is counted."""
        distinct_before, self.distinct = self.distinct, False
        places = self._adjectives()
        if self.at >= len(self.items) or not (self.item.names):
            return self._count_of_base(places)
        head = self._head()
        self._describe(places, head)
        distinct, self.distinct = self.distinct, distinct_before
        if head.column is None:
            return self._rows(head.table)
        own = self.resolve.key_of(head.table)
        if own is not None and own.name == head.column:
            return Measure(function="count", table=head.table)
        numeric_one = self.resolve.numeric(head) and not distinct
        if numeric_one and not any(
            step.columns == (head.column,) for step in self.joins.steps(head.table)
        ):
            return Measure(function="sum", table=head.table, column=head.column)
        return Measure(function="count", table=head.table, column=head.column, distinct=True)

    def _rows(self, table: str) -> Measure:
        """How many rows; of things that are sold, how many were sold, by the quantity of the lines."""
        if self.sold:
            for step in self.joins.steps(table):
                quantity = self.resolve.column_by_words(step.to_table, ("quantity",))
                if not step.up and quantity is not None:
                    self.related = [each for each in self.related if each.negated or each.measure]
                    return Measure(function="sum", table=step.to_table, column=quantity.column)
        return Measure(function="count", table=table)

    def _person(self, around: Sequence[str]) -> bool:
        """Take the one table of people near these as what `who` asks for."""
        people = [
            table.key
            for table in self.naming.catalogue.tables
            if self.naming.words[table.key][-1] in PERSONS
        ]
        near = sorted((self.joins.nearest(around, each), each) for each in people)
        near = [each for each in near if each[0] < 4]
        if not near or (len(near) > 1 and near[1][0] - near[0][0] < 0.9):
            return False
        self._output(Head(near[0][1], None))
        self.filtering = True
        return True

    def _count_of_base(self, places: list[tuple[int, bool]]) -> Measure:
        if self.base is None and len(places) == 1 and self.items[places[0][0]].values:
            self.base = self.resolve.value(self.items[places[0][0]]).table
        if self.base is None:
            raise NotRead(["how many"], "how many of what?")
        self._describe(places, Head(self.base, None))
        return Measure(function="count", table=self.base)

    def _aggregate(self, item: Item) -> None:
        """`average price`, `total of orders`, and `the highest price` as a number or as a ranking."""
        function = next((_AGGREGATES[op] for op in item.ops if op in _AGGREGATES), None)
        if function is None:
            assert item.superlative is not None
            function = "max" if item.superlative[1] else "min"
        text = item.text.lower()
        self.at += 1
        extreme = function in ("max", "min")
        inner = next(
            (
                each
                for each in self.items[self.at : self.at + 3]
                if set(each.ops) & {"avg", "sum", "count"}
            ),
            None,
        )
        if inner is not None and (nested := self._inner(inner)):
            if "count" in inner.ops and nested.function == "sum" and nested.column:
                self._output(nested.model_copy(update={"function": function}))
                return
            if not extreme or not self.outputs:
                raise NotRead([text], f"“{text} {inner.text}” takes two steps, which I don't do")
            self._ranked_by(nested, descending=function == "max")
            return
        if text in ("in total", "overall", "altogether", "on average") and not self._measured_at():
            if any(isinstance(each, Measure) for each in self.outputs) and function == "sum":
                return
            raise NotRead([text], f"“{text}” of what?")
        places = self._adjectives()
        if self.at < len(self.items) and self.item.money and not self.item.names:
            measure = self._money(function)
        elif self.at < len(self.items) and self.item.names:
            measure = self._measured(function, places)
        else:
            raise NotRead([text], f"“{text}” of what?")
        ranks = (
            extreme and any(isinstance(each, Head) for each in self.outputs) and not self.returning
        )
        if ranks and measure.column:
            self._rank_column(
                ColumnRef(table=measure.table, column=measure.column), function == "max"
            )
        else:
            self._output(measure)

    def _measured_at(self) -> bool:
        return self.at < len(self.items) and bool(self.item.names)

    def _inner(self, item: Item) -> Measure | None:
        place = self.items.index(item)
        between = self.items[self.at : place]
        if any(not each.filler for each in between):
            return None
        if self._named(item) and not set(item.ops) & {"count"}:
            self_at, self.at = self.at, place
            follows = self._measured_next()
            self.at = self_at
            if not follows:
                return None
        self.at = place + 1
        if "count" in item.ops:
            return self._count()
        function = next(_AGGREGATES[op] for op in item.ops if op in _AGGREGATES)
        if self.at < len(self.items) and self.item.money and not self.item.names:
            return self._money(function)
        self.skip()
        return self._measured(function, [])

    def _measured(self, function: Function, places: list[tuple[int, bool]]) -> Measure:
        item, start = self.item, self.at
        try:
            head = self._head(want="number" if function in ("sum", "avg") else "any")
        except NotRead:
            if function != "sum" or item.table() is None:
                raise
            self.at = start
            head = self._head(want="table")
            ahead = self.items[max(0, start - 3) : start]
            if any(token.lower == "of" for each in ahead for token in each.tokens):
                amount = self.resolve.amount_of(head.table)  # `the total of all invoices`
                if amount is None:
                    raise
                head = Head(amount.table, amount.column)
        self._describe(places, head)
        if head.column is None:
            if function == "sum":
                return Measure(function="count", table=head.table)
            raise NotRead([item.text], f"{function} of {item.text}: which number of it?")
        if self._is_key(head):
            raise NotRead([item.text], f"“{item.text}” is a key, not a number to work with")
        return Measure(function=function, table=head.table, column=head.column)

    def _spending(self) -> None:
        """`who spent the most`, `who spent more than 100`, `how much did they spend`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        ops = set(ahead.ops) if ahead is not None else set()
        measure = self._money("sum")
        if ops & {"most", "fewest"}:
            self.at += 1
            self._ranked_by(measure, descending="most" in ops)
        elif ops & set(_COMPARISONS):
            op, values = self._numbers()
            self._compare_rows(measure, op, values)
        elif any(isinstance(each, Head) for each in self.outputs):
            raise NotRead([self.items[self.at - 1].text], "how much of it?")
        else:
            self._output(measure)

    def _is_key(self, head: Head) -> bool:
        own = self.resolve.key_of(head.table)
        return (own is not None and own.name == head.column) or any(
            head.column in step.columns and step.up for step in self.joins.steps(head.table)
        )

    def _money(self, function: Function) -> Measure:
        text = self.item.text
        self.at += 1
        others = [*self.resolve.context, *self.tables()]
        others += [
            self.resolve.value(item).table
            for item in self.items[self.at :]
            if item.values and not item.names and len({v.table for v in item.values}) == 1
        ]
        found = self.resolve.money(others)
        if found is None:
            raise NotRead([text], f"no column clearly holds “{text}”")
        return found.model_copy(update={"function": function})

    # --- rankings ------------------------------------------------------------------------

    def _ranked_by(
        self, measure: Measure, *, shown: bool = False, descending: bool | None = None
    ) -> None:
        down = self.rank if descending is None else descending
        self.order.append(Order(measure=measure, descending=True if down is None else down))
        self.limit = 1 if self.limit is None else self.limit
        self.rank = None
        if shown or self.limit > 1:
            self.shown_rank = measure

    def _rank_column(self, ref: ColumnRef, descending: bool) -> None:
        self.order.append(Order(column=ref, descending=descending))
        self.limit = 1 if self.limit is None else self.limit
        self.rank = None

    def _top(self, descending: bool) -> None:
        self.at += 1
        self.skip("of")
        number = self.item.number if self.at < len(self.items) else None
        if number is not None:
            self.limit = int(number)
            self.at += 1
        elif not self._name_here():
            raise NotRead(["top" if descending else "bottom"], "top of what?")
        else:
            self.limit = 1
        self.rank = descending

    def item_is_money(self) -> bool:
        """Whether revenue or sales come next."""
        return self.at < len(self.items) and self.item.money

    def _name_here(self) -> bool:
        return self.at < len(self.items) and bool(self.item.names or self.item.values)

    def _superlative(self, item: Item) -> None:
        """`the cheapest product`, `3 oldest customers`, `product that is the cheapest`."""
        assert item.superlative is not None
        wanted, descending = item.superlative
        text = item.text
        self.at += 1
        self.skip()
        limit = self._limit_here()
        places = self._adjectives()
        head = None
        if self._name_here() and not self.filtering:
            head = self._head()
            self._describe(places, head)
            self._output(head)
        table = head.table if head else self.base
        if table is None:
            raise NotRead([text], f"“{text}” of what?")
        found = self.resolve.column_by_words(table, wanted)
        if found is None and not descending and "~birth" in wanted:
            found = None
        if found is None:
            raise NotRead([text], f"nothing in {table} says which is the {text}")
        is_date = self.resolve.dated(found) or self.resolve.yearly(found)
        plain = text.lower().removeprefix("the ")
        if is_date and plain in ("oldest", "youngest"):
            descending = plain == "youngest"
        if limit is not None:
            self.limit = limit
        self._rank_column(found, descending)

    def _limit_here(self) -> int | None:
        if self.at < len(self.items) and self.item.number is not None and not self.item.names:
            self.at += 1
            return int(self.items[self.at - 1].number or 0)
        return None

    def _most(self, descending: bool) -> None:
        """`the most orders`, `the most common genre`."""
        text = self.item.text.lower()
        self.at += 1
        self.skip("of")
        done = [each for each in self.related if not each.negated and each.measure is None]
        if not self._name_here() and done and not self.item_is_money():
            self.related.remove(done[-1])
            measure = self._rows(done[-1].table)
            self._ranked_by(measure, descending=descending)
            return
        if not self._name_here() and not self.item_is_money():
            raise NotRead([text], f"{text} what?")
        if any(word in text for word in ("common", "popular", "frequent", "often", "rarest")):
            self._most_common(descending, text)
            return
        if self.item.money and not self.item.names:
            self._ranked_by(self._money("sum"), descending=descending)
            return
        if not self.outputs and not self.keys:
            table = self.item.table()
            if not self.who or table is None or not self._person([table.table]):
                raise NotRead([text], f"who has {text}?")
        places = self._adjectives()
        head = self._head()
        self._describe(places, head)
        if head.column is None:
            self._ranked_by(self._rows(head.table), descending=descending)
        elif not self.resolve.numeric(head):
            measure = Measure(function="count", table=head.table, column=head.column, distinct=True)
            self._ranked_by(measure, descending=descending)
        elif head.table == self.base and not self.keys:
            self._rank_column(head.ref, descending)
        else:
            measure = Measure(function="sum", table=head.table, column=head.column)
            self._ranked_by(measure, descending=descending)

    def _most_common(self, descending: bool, text: str) -> None:
        head = self._head()
        self._output(head)
        counted = head.table
        if head.column is None:
            others = [table for table in self.resolve.context if table != head.table]
            if not others:
                raise NotRead([text], f"{text} among what?")
            counted = others[0]
        self._ranked_by(Measure(function="count", table=counted), descending=descending)

    def _first(self, last: bool) -> None:
        """`the latest order`, `the first 3 customers`."""
        text = self.item.text
        self.at += 1
        self.skip()
        limit = self._limit_here()
        places = self._adjectives()
        if not self._name_here():
            raise NotRead([text], f"“{text}” what?")
        head = self._head()
        self._describe(places, head)
        if (
            head.column is not None
            and self.resolve.dated(head)
            and self._name_here()
            and self.item.table()
        ):
            head, found = self._head(want="table"), head.ref  # `the most recently hired employee`
            self._output(head)
            self.limit = limit or 1
            self._rank_column(found, last)
            return
        if head.column is not None and self.resolve.dated(head) and not self.filtering:
            self._output(
                Measure(function="max" if last else "min", table=head.table, column=head.column)
            )
            return
        if head.column is not None:
            raise NotRead([text], f"“{text}” of {head.column}")
        if self.outputs and head.table != self.base:
            raise NotRead([text], f"“{text}” within each is more than I do")
        found = self.resolve.date_of([head.table])
        if found is None:
            raise NotRead([text], f"{head.table} has no date, so nothing is {text}")
        self._output(head)
        self.limit = limit or 1
        self._rank_column(found, last)

    # --- ordering ------------------------------------------------------------------------

    def _sorts(self) -> bool:
        text = self.item.text.lower()
        if " " in text:
            return True
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and (bool(set(ahead.ops) & {"asc", "desc"}) or bool(ahead.filler))

    def _ordering(self) -> None:
        """`ordered by total amount descending`."""
        self.at += 1
        self.skip("return", "group")
        if (
            self.at < len(self.items)
            and set(self.item.ops) & {"asc", "desc"}
            and not self.item.names
        ):
            return
        superlative = (
            self.at < len(self.items)
            and set(self.item.ops) & {"max", "min", "top"}
            and not self._named(self.item)
        )
        descending = bool(superlative) and bool(set(self.item.ops) & {"max", "top"})
        if superlative:
            self.at += 1
            self.skip()
        if self.at >= len(self.items):
            raise NotRead(["order"], "ordered by what?")
        self.order.append(self._order_key().model_copy(update={"descending": descending}))
        self.rank = None
        while self._and_more():
            self.order.append(self._order_key())

    def _and_more(self) -> bool:
        if (
            self.at + 1 < len(self.items)
            and set(self.item.ops) & {"and"}
            and self.items[self.at + 1].names
        ):
            self.at += 1
            return True
        return False

    def _order_key(self) -> Order:
        self.skip()
        if self.at >= len(self.items):
            raise NotRead(["order"], "ordered by what?")
        item = self.item
        if "count" in item.ops:
            self.at += 1
            return Order(measure=self._count())
        if set(item.ops) & {"counting"}:
            counts = [
                each
                for each in self.outputs
                if isinstance(each, Measure) and each.function == "count"
            ]
            if counts:
                self.at += 1
                return Order(measure=counts[0])
        function = next((_AGGREGATES[op] for op in item.ops if op in _AGGREGATES), None)
        if function and self._measured_next():
            self.at += 1
            self.skip()
            return Order(
                measure=self._money(function)
                if self.item.money and not self.item.names
                else self._measured(function, [])
            )
        if item.money and not item.names:
            return Order(measure=self._money("sum"))
        if item.unit and not self._named(item):
            unit = next((key for key in self.keys if key.unit == item.unit), None)
            if unit is not None:
                self.at += 1
                return Order(key=unit)
        if not item.names:
            raise NotRead([item.text], f"ordered by “{item.text}”?")
        head = self._head()
        if head.column is None:
            names = self.naming.display(self.resolve.table(head.table))
            if not names:
                return Order(measure=Measure(function="count", table=head.table))
            head = Head(head.table, names[-1])
        measure = next(
            (
                each
                for each in self.outputs
                if isinstance(each, Measure) and (each.table, each.column) == head
            ),
            None,
        )
        return Order(measure=measure) if measure else Order(column=head.ref)

    def _direction(self, descending: bool) -> None:
        if self.order:
            self.order[-1] = self.order[-1].model_copy(update={"descending": descending})
            return
        measures = [each for each in self.outputs if isinstance(each, Measure)]
        text = self.items[self.at - 1].text
        if measures and "alphabet" not in text:
            self.order.append(Order(measure=measures[-1], descending=descending))
        elif self.base and not measures:
            columns = [each.ref for each in self.outputs if isinstance(each, Head) and each.column]
            shown = self.naming.display(self.resolve.table(self.base))
            if columns or shown:
                ref = columns[0] if columns else ColumnRef(table=self.base, column=shown[-1])
                self.order.append(Order(column=ref, descending=descending))
                return
            raise NotRead([text], "ordered by what?")
        else:
            raise NotRead([text], "ordered by what?")

    # --- grouping ------------------------------------------------------------------------

    def _group(self) -> None:
        text = self.item.text.lower()
        self.at += 1
        self.skip("of", "all", "distinct")
        if self.at >= len(self.items):
            raise NotRead([text], f"{text} what?")
        item = self.item
        measured = set(item.ops) & {"count", "avg", "sum", "max", "min", "counting"} and not (
            self._named(item) and not self._measured_next()
        )
        if (
            text == "by"
            and (measured or (item.money and not item.names))
            and (self.outputs or self.rank is not None)
        ):
            self._by_measure()
            return
        if text == "by" and self.rank is not None and item.names:
            self._by_column()
            return
        if (
            item.period is not None
            or item.number is not None
            or (item.values and not self._named(item))
            or item.literal
        ):
            return  # `by Tolkien`, `in each of 2012`: a filter, read next
        after = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if (
            item.table() is not None
            and after is not None
            and (after.literal or (after.values and not after.names))
        ):
            return  # `by artist "Deep Purple"`
        self._keys(text)

    def _by_measure(self) -> None:
        key = self._order_key()
        assert key.measure is not None
        if self.rank is None and not any(isinstance(each, Head) for each in self.outputs):
            raise NotRead(["by"], "a number by a number")
        if self.rank is None:
            self.order.append(key.model_copy(update={"descending": True}))
            self.shown_rank = key.measure
        else:
            self._ranked_by(key.measure, shown=True)

    def _by_column(self) -> None:
        head = self._head()
        if head.column is None:
            self._ranked_by(Measure(function="count", table=head.table), shown=True)
        elif not self.resolve.numeric(head) and not self.resolve.dated(head):
            raise NotRead(["by"], f"the top by {head.column}, which is not a number")
        elif self.base and self.joins.is_up(self.base, head.table):
            self._rank_column(head.ref, bool(self.rank))
            self.outputs.append(head)
        else:
            self._ranked_by(
                Measure(function="sum", table=head.table, column=head.column), shown=True
            )

    def _keys(self, text: str) -> None:
        listing = (
            not any(isinstance(each, Measure) for each in self.outputs) and not self.counted_ahead()
        )
        while True:
            key = self._one_key(text)
            if listing and text == "by" and self.outputs and key.column:
                self.order.append(Order(column=ColumnRef(table=key.table, column=key.column)))
            elif key not in self.keys:
                self.keys.append(key)
            if not self._another_key():
                return
            self.at += 1
            self.skip("group", "of", "all")

    def counted_ahead(self) -> bool:
        """Whether a number is still to come: `for each customer, the number of orders`."""
        return any(
            set(item.ops) & {"count", "avg", "sum", "max", "min", "most", "fewest"} or item.money
            for item in self.items[self.at :]
        )

    def _one_key(self, text: str) -> Key:
        item = self.item
        if item.unit and not (
            self._named(item)
            and any(self.resolve.yearly(Head(n.table, n.column)) for n in item.names[:1])
        ):
            self.at += 1
            after = (
                self._head()
                if self.at < len(self.items)
                and self._dated_name(self.item)
                and self.item.names[0].column
                else None
            )
            found = after.ref if after else self.resolve.date_of(self._when())
            if found is None:
                raise NotRead([item.text], f"nothing here has a date to tell the {item.unit} by")
            if self.resolve.yearly(found):
                return Key(table=found.table, column=found.column)
            return Key(table=found.table, column=found.column, unit=item.unit)
        if not item.names:
            raise NotRead([item.text], f"{text} “{item.text}”?")
        head = self._head()
        if head.column is not None and self.resolve.dated(head):
            unit = self.item.unit if self.at < len(self.items) else None
            self.at += unit is not None
            return Key(table=head.table, column=head.column, unit=unit)
        if head.column is None and not self.naming.display(self.resolve.table(head.table)):
            own = self.resolve.key_of(head.table)
            if own is None:
                raise NotRead([item.text], f"rows of {head.table} have no name to group by")
            return Key(table=head.table, column=own.name)
        return Key(table=head.table, column=head.column)

    def _another_key(self) -> bool:
        if self.at + 1 >= len(self.items) or "and" not in self.item.ops:
            return False
        ahead = self.items[self.at + 1]
        if set(ahead.ops) & {"count", "avg", "sum", "max", "min", "most"}:
            return False
        if "group" in ahead.ops:
            return True
        return bool(ahead.unit or ahead.names) and not self._compared_at(self.at + 2)

    def _compared_at(self, place: int) -> bool:
        """Whether a comparison starts there, so that the name before it is what is compared."""
        while place < len(self.items):
            item = self.items[place]
            if set(item.ops) & {"is", "of"}:
                place += 1
                continue
            return bool(
                set(item.ops)
                & {"gt", "ge", "lt", "le", "eq", "between", "starts", "ends", "like", "null"}
                or item.number is not None
                or (item.values and not item.names)
                or item.literal
            )
        return False

    def _when(self) -> list[str]:
        """Tables whose date may be meant, the likeliest first."""
        related = [each.table for each in reversed(self.related)]
        near = [*related, *self.near()]
        for output in self.outputs:
            if isinstance(output, Measure):
                near = [output.table, *near]
        ranked = [order.measure.table for order in self.order if order.measure]
        near = [*ranked, *near]
        named = [table for table in self.resolve.context if self.joins.nearest(near, table) < 50]
        tables = list(dict.fromkeys([*near, *named]))
        ups = [
            (self.joins.distance(start, table.key), table.key)
            for start in tables
            for table in self.naming.catalogue.tables
            if table.key not in tables and self._safe_up(start, table.key)
        ]
        return [*tables, *(key for _, key in sorted(ups))]

    def _safe_up(self, start: str, end: str) -> bool:
        return self.joins.distance(start, end) < 3.5 and self.joins.is_up(start, end)

    # --- conditions ----------------------------------------------------------------------

    def _add(self, condition: Condition) -> None:
        """Keep a condition, beside or as a choice with the one before it."""
        if self.negate:
            op = _NEGATED.get(condition.op)
            if op is None:
                raise NotRead(["not"], "what is denied is not clear")
            condition = condition.model_copy(update={"op": op})
        merged = self._merged(condition)
        if merged:
            return
        self.negate = False
        group = [condition]
        home = self._home(condition.column.table)
        if self.joined_by_or and self.last_group is not None:
            self.last_group.append(condition)
        else:
            home.append(group)
            self.last_group = group
        self.joined_by_or = self.has = False
        self.filtering = True

    def _home(self, table: str) -> list[list[Condition]]:
        """The conditions of the related rows, where this table hangs on them; else those of the base."""
        for place, related in reversed(list(enumerate(self.related))):
            base = self.base or table
            here, there = (self.joins.distance(each, table) for each in (related.table, base))
            closer = here <= there if not self.joins.is_up(base, table) else here < there
            if table != base and (
                closer
                or (self.joins.is_up(related.table, table) and not self.joins.is_up(base, table))
            ):
                return self.related_conditions.setdefault(place, [])
        return self.groups

    def _merged(self, condition: Condition) -> bool:
        """`Paris or Oslo`, `Paris, Oslo and Rome`: one column, several values."""
        last = self.last_group[-1] if self.last_group else None
        if last is None or last.column != condition.column or not self._listed():
            return False
        together: dict[Operator, Operator] = {
            "eq": "in",
            "in": "in",
            "ne": "not_in",
            "not_in": "not_in",
        }
        if last.op not in together or condition.op not in ("eq", "ne"):
            return False
        if condition.op == "ne" and last.op not in ("ne", "not_in"):
            return False
        many = self.base is not None and not self.joins.is_up(self.base, condition.column.table)
        if (
            many
            and not self.joined_by_or
            and any("and" in item.ops and item.text != "," for item in self.items)
        ):
            raise NotRead(["and"], "both at once, or either of them?", "ambiguous")
        values = (*last.values, *condition.values)
        changed = last.model_copy(update={"op": together[last.op], "values": values})
        assert self.last_group is not None
        self.last_group[-1] = changed
        self.negate = self.joined_by_or = False
        return True

    def _listed(self) -> bool:
        """Whether this place follows `or`, `and` or a comma."""
        place = self.at - 2
        while place >= 0 and self.items[place].filler and not self.items[place].ops:
            place -= 1
        return any(
            set(item.ops) & {"or", "and"} for item in self.items[max(0, self.at - 4) : self.at - 1]
        )

    def _value(self, near: Sequence[str] = (), column: ColumnRef | None = None) -> None:
        item = self.item
        if self.base is None and self.who and not near:
            self._person(list({value.table for value in item.values}))
        around = [*near, *self._related_near(), *self._value_near()]
        found = self.resolve.value(item, around, column)
        self.at += 1
        ref = ColumnRef(table=found.table, column=found.column)
        ahead = self.items[self.at] if self.at < len(self.items) else None
        if ahead is not None and any(
            (n.table, n.column) == (ref.table, ref.column) for n in ahead.names
        ):
            if not self._compared_at(self.at + 1):
                self.at += 1  # `the north region`
        self._add(Condition(column=ref, op="eq", values=(found.value,)))
        if not self.outputs and not self.returning and self.base is None and not near:
            self.base_hint = found.table

    base_hint: str | None = None

    def _related_near(self) -> list[str]:
        return [each.table for each in reversed(self.related)]

    def _value_near(self) -> list[str]:
        """A name right after the value says where it belongs: `Rock tracks`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        table = ahead.table() if ahead else None
        return [table.table, *self.near()] if table else self.near()

    def _flag(self, head: Head) -> None:
        value = not self.items[self.at].negative if self.at < len(self.items) else True
        self.at += 1
        self._add(Condition(column=head.ref, op="true" if value else "false"))

    def _literal(self) -> None:
        """Text that isn't known as a value: a name, where the words before it say whose."""
        item = self.item
        text = item.literal or str(item.values[0].value)
        if item.values and not all(value.sampled for value in item.values):
            self._value()
            return
        before = self.items[self.at - 1] if self.at else None
        if (
            item.values
            and before is not None
            and set(before.ops) & {"in", "from"}
            and self._place(item)
        ):
            return
        place = self.at - 1
        while (
            before is not None
            and place > 0
            and (set(before.ops) & {"named", "is", "eq", "of"} or before.filler)
            and not before.names
        ):
            place -= 1
            before = self.items[place]
        head = None
        linked = any(
            set(each.ops) & {"of"} and not set(each.ops) & {"named"}
            for each in self.items[place + 1 : self.at]
        )
        if before is not None and before.names and not (linked and before.table()):
            head = self.resolve.name(before, self.near())
            if head.column and any(token.lower == "of" for token in before.tokens):
                head = Head(head.table, None)  # `the email of customer Luis Rojas`
        elif (
            self.at + 1 < len(self.items)
            and self.items[self.at + 1].names
            and self.items[self.at + 1].table()
        ):
            head = self.resolve.name(self.items[self.at + 1], self.near(), want="table")
        if head is None:
            raise NotRead(
                [item.text],
                f"“{item.text}”: say what it is the name of",
                "not_in_database",
            )
        self.at += 1
        self._text(head, text)

    def _place(self, item: Item) -> bool:
        """`customers in Paris`: a place of the base, though not all places are listed."""
        found = [
            value
            for value in item.values
            if value.table == self.base and set(split_name(value.column)) & PLACES
        ]
        if len(found) != 1:
            return False
        self._value(column=ColumnRef(table=found[0].table, column=found[0].column))
        return True

    def _text(self, head: Head, text: str) -> None:
        """A text that must stand in a column, or be the name of a row."""
        names = (
            [head.column]
            if head.column
            else list(self.naming.display(self.resolve.table(head.table)))
        )
        words = text.split()
        if len(names) == 2 and len(words) == 2:
            for name, word in zip(names, words, strict=True):
                self._equals(Head(head.table, name), word)
        elif len(names) == 1:
            self._equals(Head(head.table, names[0]), text)
        else:
            raise NotRead([text], f"which column holds “{text}”?")

    def _equals(self, head: Head, text: str) -> None:
        column = self.resolve.column(head)
        if column.kind != "text":
            raise NotRead([text], f"{head.column} does not hold text")
        if column.values is not None and text.lower() not in {
            str(value).lower() for value in column.values
        }:
            raise NotRead([text], f"{head.table}.{head.column} has no “{text}”", "not_in_database")
        self._add(Condition(column=head.ref, op="eq", values=(text,), ignore_case=True))

    # --- names ---------------------------------------------------------------------------

    def _name(self) -> None:
        start = self.at
        item = self.item
        if self._done(item):
            return
        if (
            is_flag(self.naming, item.names[0])
            and (self._named(item) or item.negative)
            and (self.filtering or self._name_follows() or item.negative)
        ):
            near = [table.table] if (ahead := self.peek(1)) and (table := ahead.table()) else []
            self._flag(self.resolve.name(item, [*near, *self.near()], want="column"))
            return
        owner = [self.owner] if self.owner else []
        self.owner = None
        head = self._head(near=[*owner, *self._related_near()])
        if head.column is None:
            self.latest = head.table
            self._table(head, start)
        elif not self._column_condition(head):
            self._column(head, item)

    def _done(self, item: Item) -> bool:
        """`bought`, `ordered`: the table that keeps what was done must have a row."""
        text = item.text.lower()
        if text not in VERBS or (item.names[0].score > 0.9 and not self.who):
            return False
        if self.base is None:
            table = item.table()
            if not self.who or table is None or not self._person([table.table]):
                return False
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if (
            ahead is not None
            and set(ahead.ops) & {"max", "min", "most", "fewest"}
            and item.table() is None
        ):
            self.at += 1  # `earns the highest salary` says it twice
            return True
        head = self.resolve.name(item, self.near())
        if head.column is not None:
            return False
        self.at += 1
        self.sold = self.sold or text in SALES
        negate = self.negate
        if negate:
            self._relate(head.table, negated=True)
        else:
            self._mention(head.table)
        return True

    def _table(self, head: Head, start: int) -> None:
        ahead = self.items[self.at] if self.at < len(self.items) else None
        own = self.resolve.key_of(head.table)
        if (
            ahead is not None
            and ahead.number is not None
            and own
            and own.kind == "integer"
            and not ahead.names
            and not ahead.period
        ):
            after = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
            if after is None or not after.names:
                self.at += 1
                self._mention(head.table)
                self._add(
                    Condition(
                        column=ColumnRef(table=head.table, column=own.name),
                        op="eq",
                        values=(int(ahead.number or 0),),
                    )
                )
                return
        if self.negate and self.base and head.table != self.base:
            self._relate(head.table, negated=True)
        elif (
            self.returning or self.base is None or (not self.filtering and self._and_before(start))
        ):
            self._output(head)
        else:
            self._mention(head.table)

    def _and_before(self, start: int) -> bool:
        return start > 0 and "and" in self.items[start - 1].ops

    def _relate(self, table: str, *, negated: bool) -> None:
        self.related.append(Related(table=table, negated=negated))
        self.negate = self.has = False
        self.filtering = True
        self.last_group = None

    def _mention(self, table: str) -> None:
        """`customers who placed orders`: a table that must be joined, or have rows."""
        if self.base is None:
            self.base = table
            return
        if any(key.table == table for key in self.keys) or table in self.near():
            return
        if any(self.joins.is_up(each.table, table) for each in self.related):
            return
        self.filtering = True
        if self.joins.distance(self.base, table) > 50:
            raise NotRead([table], f"{self.base} and {table} are not connected", "not_in_database")
        if not self.joins.is_up(self.base, table) and self.share is None:
            measured = any(
                isinstance(each, Measure) and each.table == table for each in self.outputs
            )
            if not measured:
                self._relate(table, negated=False)

    def _column(self, head: Head, item: Item) -> None:
        """A column that nothing is said about: an output, or something that must be filled in."""
        if self.negate or (self.has and self.filtering and self.outputs):
            self._add(Condition(column=head.ref, op="not_null"))
        elif self.rank is not None and self.outputs and self.filtering:
            raise NotRead([item.text], f"“{item.text}”: top by it?")
        elif self.filtering and not self.returning and not self._listed_output():
            raise NotRead([item.text], f"what about “{item.text}”?")
        else:
            self._output(head)

    def _listed_output(self) -> bool:
        return (
            not self.groups
            and not self.related
            and self.at >= 2
            and "and" in self.items[self.at - 2].ops
        )

    def _column_condition(self, head: Head) -> bool:
        """Whether a comparison follows the column, which is then read."""
        place = self.at
        self._pass_links()
        if self.at >= len(self.items):
            self.at = place
            return False
        item = self.item
        ops = set(item.ops)
        if self.returning or not (self.outputs or self.has or self.negate or self.base):
            if not (ops & {"gt", "ge", "lt", "le"} and self.base):
                self.at = place
                return False
        before = self.negate
        if "not" in ops:
            self.at += 1
            self.negate = True
            self._pass_links()
            if self.at >= len(self.items):
                raise NotRead(["not"], "not what?")
            item, ops = self.item, set(self.item.ops)
        if "null" in ops:
            self.at += 1
            self._add(Condition(column=head.ref, op="null"))
            return True
        if ops & {"starts", "ends", "like"}:
            self._pattern(head)
            return True
        when = self.resolve.dated(head) or self.resolve.yearly(head)
        if (
            when
            and (
                item.period
                or ops & {"before", "after", "gt", "lt", "ge", "le", "between", "from", "in"}
            )
            and self._period_soon()
        ):
            self.pending = head.ref
            return True
        if self.resolve.numeric(head) and (
            ops & {"gt", "ge", "lt", "le", "between", "eq"} or item.number is not None
        ):
            ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
            limits = (
                item.number is not None
                and ahead is not None
                and (ahead.superlative or ahead.table())
            )
            if not limits:
                self._compare(head.ref)
                return True
        if item.values and any((v.table, v.column) == head for v in item.values):
            self._value(column=head.ref)
            return True
        combined = self.at > 0 and any(
            token.lower == "of" for token in self.items[self.at - 1].tokens
        )
        if item.literal is not None and self.resolve.column(head).kind == "text" and not combined:
            self.at += 1
            self._text(head, item.literal)
            return True
        self.at, self.negate = place, before
        return False

    def _period_soon(self) -> bool:
        return any(item.period for item in self.items[self.at : self.at + 4])

    def _pass_links(self) -> None:
        while self.at < len(self.items):
            item = self.item
            if self.meant(item) or set(item.ops) & {
                "gt",
                "ge",
                "lt",
                "le",
                "between",
                "not",
                "starts",
                "ends",
                "like",
                "null",
                "and",
                "or",
                "group",
                "before",
                "after",
                "return",
                "order",
            }:
                return
            if set(item.ops) & {"is", "of", "named"} or item.text.lower() in (
                "the",
                "a",
                "an",
                "value",
                "of",
            ):
                self.at += 1
            else:
                return

    def _pattern(self, head: Head) -> None:
        ops = self.item.ops
        op: Operator = "starts" if "starts" in ops else "ends" if "ends" in ops else "contains"
        self.at += 1
        self.skip()
        if self.at >= len(self.items):
            raise NotRead(["with"], "with which text?")
        text = self.item.literal or " ".join(token.text for token in self.item.tokens)
        if self.item.literal is None and len(text) > 1 and not self.item.tokens[0].capital:
            raise NotRead([text], f"put “{text}” in quotes if it is a piece of text")
        self.at += 1
        if self.negate:
            raise NotRead(["not"], "a text that is not there")
        self._add(Condition(column=head.ref, op=op, values=(text,)))

    # --- comparisons ---------------------------------------------------------------------

    def _compares(self) -> bool:
        """Whether a number, and not a day, follows."""
        ahead = self.items[self.at + 1 : self.at + 3]
        for item in ahead:
            if item.period and not item.period.bare_year:
                return False
            if item.number is not None:
                return not (item.period and self.pending)
            if not item.filler:
                return False
        return False

    def _bounded(self) -> bool:
        ahead = self.items[self.at + 1 : self.at + 3]
        return any(item.period for item in ahead) and "in" not in self.item.ops

    def _numbers(self) -> tuple[Operator, tuple[Value, ...]]:
        """The comparison and its numbers at this place."""
        ops = set(self.item.ops)
        op: Operator = next(
            (_COMPARISONS[each] for each in self.item.ops if each in _COMPARISONS), "eq"
        )
        if self.item.number is None:
            self.at += 1
            self.skip("is", "to")
        if self.at >= len(self.items) or self.item.number is None:
            word = self.items[min(self.at, len(self.items) - 1)].text
            raise NotRead([word], f"compared with “{word}”, which is not a number")
        first = self.item.number
        self.at += 1
        if "between" in ops:
            self.skip("and", "to")
            if self.at >= len(self.items) or self.item.number is None:
                raise NotRead(["between"], "between which numbers?")
            self.at += 1
            return "between", (first, self.items[self.at - 1].number or 0)
        if self.at < len(self.items):
            if "or_more" in self.item.ops:
                self.at += 1
                return "ge", (first,)
            if "or_less" in self.item.ops:
                self.at += 1
                return "le", (first,)
        return op, (first,)

    def _compare(self, ref: ColumnRef | None) -> None:
        start = self.item
        op, values = self._numbers()
        if ref is not None:
            self._unit_after(ref)
            self._add(Condition(column=ref, op=op, values=values))
            return
        self._compare_next(start, op, values)

    def _unit_after(self, ref: ColumnRef) -> None:
        """`duration over 5 minutes` where the column is not in minutes would be wrong."""
        ahead = self.items[self.at] if self.at < len(self.items) else None
        if ahead is not None and ahead.unit and not ahead.names:
            raise NotRead([ahead.text], f"I don't turn {ahead.text} into {ref.column}")

    def _compare_next(self, start: Item, op: Operator, values: tuple[Value, ...]) -> None:
        """`more than 5 orders`, `over 300 pages`, `older than 40`, `invoices over 20`."""
        places = self._adjectives() if self.at < len(self.items) and not self.item.ops else []
        ahead = self.items[self.at] if self.at < len(self.items) else None
        if ahead is not None and ahead.unit and not ahead.names:
            raise NotRead([ahead.text], f"“{ahead.text}” as a length of time")
        if ahead is not None and ahead.names and not ahead.ops:
            head = self._head(near=self.near())
            if head.column is None:
                self._compare_rows(Measure(function="count", table=head.table), op, values)
                self._describe(places, head)
            elif self.resolve.numeric(head):
                self._compare_column(head, op, values)
                self._describe(places, head)
            else:
                measure = Measure(
                    function="count", table=head.table, column=head.column, distinct=True
                )
                self._compare_rows(measure, op, values)
            return
        if start.comparative:
            if self.base is None:
                raise NotRead([start.text], f"“{start.text}”: who?")
            found = self.resolve.column_by_words(self.base, start.comparative)
        else:
            if any(isinstance(each, Measure) for each in self.outputs):
                raise NotRead([start.text], f"“{start.text}” compares what?", "ambiguous")
            found = self.resolve.amount_of(self.base) if self.base else None
        if found is None:
            raise NotRead([start.text], f"“{start.text}” compares what?")
        self._add(Condition(column=found, op=op, values=values))

    def _compare_column(self, head: Head, op: Operator, values: tuple[Value, ...]) -> None:
        if self.base is None or self.joins.is_up(self.base, head.table):
            self._add(Condition(column=head.ref, op=op, values=values))
        else:
            raise NotRead(
                [head.column or ""], f"{head.column} of one or of all of them?", "ambiguous"
            )

    def _compare_rows(self, measure: Measure, op: Operator, values: tuple[Value, ...]) -> None:
        """A number of related rows for each row of the base, or of each group."""
        columns = [each for each in self.outputs if isinstance(each, Head) and each.column]
        if self.base is None:
            raise NotRead(["more"], "who has that many?")
        if measure.table == self.base and (columns or self.keys):
            self.having.append(Having(measure=measure, op=op, values=values))
            return
        if measure.table == self.base:
            raise NotRead(["more"], "that many of what?")
        if self.keys:
            self.having.append(Having(measure=measure, op=op, values=values))
            return
        self.related.append(
            Related(table=measure.table, measure=measure, op=op, values=values, negated=self.negate)
        )
        self.negate = self.has = False
        self.filtering = True
        self.last_group = None

    def _number(self) -> None:
        item = self.item
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if ahead is not None and set(ahead.ops) & {"or_more", "or_less"}:
            self._compare(None)
        elif ahead is not None and ahead.superlative:
            self.limit = int(item.number or 0)
            self.at += 1
        elif not self.outputs or (self.rank is not None and not self.limit):
            if ahead is None or not (ahead.names or ahead.values or ahead.superlative or ahead.ops):
                raise NotRead([item.text], f"“{item.text}” of what?")
            self.limit = int(item.number or 0)
            self.at += 1
        elif self.has and ahead is not None and ahead.names:
            self._compare(None)
        else:
            raise NotRead([item.text], f"what about “{item.text}”?")

    # --- time ----------------------------------------------------------------------------

    def _bound(self, item: Item) -> None:
        """`before 2012`, `since March 2020`, `between … and …`, `on or after …`."""
        ops = set(item.ops)
        text = item.text.lower()
        self.at += 1
        self.skip("in", "is")
        if self.at >= len(self.items) or self.item.period is None:
            word = self.items[min(self.at, len(self.items) - 1)].text
            raise NotRead([text], f"“{text} {word}”: when is that?")
        period = self.item.period
        self.at += 1
        if ops & {"between"} or (ops & {"from"} and self._to_period()):
            self.skip("and", "to")
            if self.at >= len(self.items) or self.item.period is None:
                raise NotRead([text], f"{text} when and when?")
            other = self.item.period
            self.at += 1
            self._when_is(
                Period(
                    period.start,
                    other.end,
                    f"{period.text} to {other.text}",
                    period.relative or other.relative,
                )
            )
            return
        from_start = text == "since" or ops & {"ge"} or (self._or_before(item) and ops & {"after"})
        to_end = ops & {"le"} or (self._or_before(item) and ops & {"before"})
        if ops & {"after", "gt", "ge", "from"}:
            start = period.start if from_start or ops & {"from"} else period.end
            self._when_is(Period(start, None, period.text, period.relative))
        else:
            self._when_is(
                Period(None, period.end if to_end else period.start, period.text, period.relative)
            )

    def _or_before(self, item: Item) -> bool:
        """`on or after`, where `or` was read just before."""
        place = next(i for i, each in enumerate(self.items) if each is item)
        found = (
            place >= 2
            and "or" in self.items[place - 1].ops
            and self.items[place - 2].text.lower() in ("on", "in", "at")
        )
        if found:
            self.joined_by_or = False
        return found

    def _to_period(self) -> bool:
        ahead = self.items[self.at : self.at + 3]
        return any("to" in item.ops or "and" in item.ops for item in ahead[:1]) and any(
            item.period for item in ahead
        )

    def _period(self, period: Period) -> None:
        self.at += 1
        self._when_is(period)

    def _when_is(self, period: Period) -> None:
        ref = self.pending or self.resolve.date_of(self._when())
        self.pending = None
        if ref is None:
            raise NotRead([period.text], f"nothing here has a date for “{period.text}”")
        if self.negate:
            raise NotRead(["not"], f"not in {period.text}")
        yearly = self.resolve.yearly(ref) and not self.resolve.dated(ref)
        for op, day in (("ge", period.start), ("lt", period.end)):
            if day is None:
                continue
            if yearly and (day.month, day.day) != (1, 1):
                raise NotRead([period.text], f"{ref.column} holds years only")
            value: Value = day.year if yearly else day.isoformat()
            kept = self.joined_by_or
            if kept:
                raise NotRead(["or"], "a choice between times")
            self._add(Condition(column=ref, op="ge" if op == "ge" else "lt", values=(value,)))

    # --- without, shares -----------------------------------------------------------------

    def _without(self) -> None:
        """`artists without albums`, `customers with no email`."""
        text = self.item.text
        self.at += 1
        self.skip("all", "of", "distinct")
        places = self._adjectives()
        if not self._name_here() or self.base is None:
            raise NotRead([text], f"“{text}” what?")
        head = self._head(near=self.near())
        self.negate = False
        if head.column is not None:
            self._add(Condition(column=head.ref, op="null"))
            return
        self._relate(head.table, negated=True)
        self._describe(places, head)

    def _share(self, item: Item) -> None:
        """`what percentage of orders are cancelled`, `ratio of active to closed customers`."""
        if self.outputs or self.share:
            raise NotRead([item.text], "a share of a share")
        ratio = "ratio" in item.ops
        self.at += 1
        self.skip("of")
        self._share_whole()
        assert self.base is not None
        whole = self._taken()
        self.filtering = True
        self._until("to" if ratio else "")
        part = self._taken()
        other: tuple[tuple[Condition, ...], ...] = ()
        if ratio:
            if self.at < len(self.items):
                self.at += 1
            if not part:
                part, whole = whole, ()
            self.last_group = None
            if self._whole_again():
                self.groups += [list(group) for group in whole]
                self.share = Share(kind="fraction", part=part)
                return
            self._until("")
            other, whole = _apart(self._taken(), part, whole)
            if not other:
                raise NotRead([item.text], "a ratio of what to what?")
        if not part:
            raise NotRead([item.text], "which part of them?")
        if self.related or self.keys or self.having or self.order:
            raise NotRead([item.text], "a share in steps that I don't take")
        self.groups += [list(group) for group in whole]
        self.share = Share(kind="ratio" if ratio else "percent", part=part, other=other)

    def _whole_again(self) -> bool:
        """`… to the total number of restaurants`, up to the end."""
        ahead = self.items[self.at :]
        rest = [
            each
            for each in ahead
            if not each.filler and not set(each.ops) & {"count", "sum", "all"}
        ]
        if len(rest) != 1 or not any(set(each.ops) & {"count", "sum", "all"} for each in ahead):
            return False
        table = rest[0].table()
        if table is None or table.table != self.base:
            return False
        self.at = len(self.items)
        return True

    def _share_whole(self) -> None:
        self.skip("all", "of")
        places = self._adjectives()
        if not self._name_here():
            raise NotRead([self.items[self.at - 1].text], "a share of what?")
        head = self._head(want="table")
        self._describe(places, head)
        self.base = head.table

    def _until(self, stop: str) -> None:
        while self.at < len(self.items):
            if stop and stop in self.item.ops and not self.item.names and stop == "to":
                return
            before = self.at
            self.clause()
            if self.at == before:
                raise NotRead([self.item.text], f"“{self.item.text}” has no place here")
        if self.outputs:
            self.outputs = [
                each
                for each in self.outputs
                if not (isinstance(each, Head) and each.table == self.base and each.column is None)
            ]
            if self.outputs:
                raise NotRead(["share"], "a share and something else")

    def _taken(self) -> tuple[tuple[Condition, ...], ...]:
        taken = tuple(tuple(group) for group in self.groups)
        self.groups.clear()
        self.last_group = None
        return taken

    # --- the whole -----------------------------------------------------------------------

    def finished_related(self) -> tuple[Related, ...]:
        """What is related, each with its conditions; none that says nothing beyond another."""
        made = []
        for place, related in enumerate(self.related):
            conditions = tuple(tuple(group) for group in self.related_conditions.get(place, []))
            made.append(related.model_copy(update={"conditions": conditions}))
        return tuple(made)


def _apart(other: Conditions, part: Conditions, whole: Conditions) -> tuple[Conditions, Conditions]:
    """Of `A to B in Rome`, what tells B from A, and what (`in Rome`) holds for both."""
    columns = {condition.column for group in part for condition in group}
    own = tuple(group for group in other if any(each.column in columns for each in group))
    return own, (*whole, *(group for group in other if group not in own))
