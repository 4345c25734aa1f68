"""From items to a meaning: the grammar of questions.

Goes through the items once, from left to right. Each clause (an output, a filter, a grouping, a ranking)
takes the items that belong to it; an item that no clause takes ends the reading with `NotRead`, since a
word that was passed over might have changed the answer. Knows no SQL.
"""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.dating import BEGINNING
from stoa.solutions.ask_data.semantic.grammar.measures import AGGREGATES
from stoa.solutions.ask_data.semantic.grammar.spans import Spans
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Combined, SpanUnit
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.stems import root

SPENDING = frozenset({"spent", "spend", "spends"})


class Reader(Spans):
    """One reading of one question."""

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
        elif item.span and not item.names and self.outputs and self._counted_in(item.span):
            self.at += 1
        elif (
            "lasting" in ops
            or ("span" in ops and not self._named(item))
            or (item.span and not item.names and self._between_next())
        ):
            self._span_output()
        elif "rate" in ops:
            self._output(self.rate())
        elif ops & {"percent", "ratio"} and not self._named(item):
            self._share(item)
        elif ops & {"count"} or (ops & {"counting"} and not item.names):
            self.at += 1
            self._counting(item)
        elif ops & {"distinct"} and not self._named(item):
            self.at += 1
            self.distinct = True
        elif ops & set(AGGREGATES) and len(self._functions(self.at)) > 1:
            self._aggregate(item)
        elif item.superlative and not self._measured_next():
            self._superlative(item)
        elif item.superlative and not ops & set(AGGREGATES) and not item.names:
            self._aggregate(item)
        elif ops & {"most", "fewest"}:
            self._most("most" in ops)
        elif ops & set(AGGREGATES) and not (self._named(item) and not self._measured_next()):
            self._aggregate(item)
        elif ops & {"top", "bottom"} and not self._named(item):
            self._top("top" in ops)
        elif ops & {"first", "last"} and not self._named(item):
            self._first("last" in ops)
        elif (
            ops & {"order"}
            and not (item.names and item.text.lower() not in ("sort", "sorted"))
            and self._sorts()
            and (self.outputs or self.base)
        ):
            self._ordering()
        elif ops & {"order"} and not self.outputs and not item.names and self._name_follows_soon():
            self.at += 1  # `rank the hotels by …`
        elif ops & {"asc", "desc"}:
            self.at += 1
            self._direction("desc" in ops)
        elif ops & {"group"}:
            self._group()
        elif ops & {"gt", "ge", "lt", "le", "between", "eq"} and (
            self._compares() or self._average_ahead()
        ):
            self._compare(None)
        elif ops & {"before", "after"} or (
            ops & {"gt", "lt", "from", "between", "ge", "le", "in"} and self._bounded()
        ):
            self._bound(item)
        elif ops & {"difference"} and not item.names:
            self._difference()
        elif ops & {"weekend", "workday"}:
            self._part_of_week("weekend" if "weekend" in ops else "workday")
        elif ops & {"starts", "ends", "like"} and not item.names and (ref := self._spelled()):
            self._pattern(Head(ref.table, ref.column))
        elif item.number is not None:
            self._number()
        elif self._took_place(item):
            self.at += 1
            self.filtering = True
        elif ops & {"or", "and"}:
            self.at += 1
            self.joined_by_or = "or" in ops
            self.both = self.both or item.text.lower() == "both"
            if self.both and self.at == len(self.items):
                raise NotRead([item.text], "both of what?")
        elif (
            item.values
            and (not self._named(item) or item.tokens[0].capital or self._own_value(item))
            and not self._dates(item)
        ):
            self._value()
        elif item.money and not item.names:
            self._spending() if item.text.lower() in SPENDING else self._output(self._money("sum"))
        elif item.names:
            self._name()
        elif self._plain_date(item):
            pass
        elif item.unit and item.text.lower().endswith(("ly", "annual")):
            self.at += 1
            self.unit = item
        elif item.unit and not self.outputs:
            raise NotRead([item.text], f"“{item.text}” of what?")
        elif (
            item.text.lower().startswith("contain")
            and self._quoted_next()
            and (ref := self._spelled())
        ):
            self._pattern(Head(ref.table, ref.column))
        elif ops & {"with"}:
            self.at += 1
            self.owner = self.latest if item.text.lower() == "whose" else None
            self.listing = self._lists_next()
            self.has = not self.listing
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
            self.when = self.when or ("when" in ops and not self.outputs)
            self.listing = self.listing or self._asks_more(item)
            if ops & {"in", "from", "who", "which"} and self.outputs:
                self.filtering = True

    def _counting(self, item: Item) -> None:
        """After `how many`: days, those among them, or what is counted."""
        if self._echoed():
            return
        if self.base is not None and self.at < len(self.items) and self._of_them():
            self._output(self._count_of_them())
            return
        span = self.span()
        if isinstance(span, Head) and self.averaged:
            self._output(self._spanned("avg", span))
            return
        if span is not None:
            self._output(span)
            return
        counted = self._count()
        if counted.column and counted.function == "sum" and not self._adds_up(counted):
            raise NotRead(
                [item.text], f"how many different {counted.column}, or their sum?", "ambiguous"
            )
        self._output(counted)

    def _own_value(self, item: Item) -> bool:
        """`messages sent by agents`, where each message says whether an agent sent it."""
        before = self.items[self.at - 1] if self.at else None
        each = before is not None and "group" in before.ops and before.text.lower() != "by"
        own = any(value.table == self.base and value.score >= 0.8 for value in item.values)
        return own and not each and bool(self.outputs) and item.names[0].table != self.base

    def _quoted_next(self) -> bool:
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and ahead.tokens[0].kind == "quoted"

    def _counted_in(self, unit: SpanUnit) -> bool:
        """`the duration of outages in hours`: the unit of the time that was asked for."""
        before = self.items[self.at - 1] if self.at else None
        last = self.outputs[-1]
        if before is None or "in" not in before.ops or isinstance(last, Combined) or not last.until:
            return False
        renewed = (
            last._replace(unit=unit)
            if isinstance(last, Head)
            else last.model_copy(update={"unit": unit})
        )
        self.outputs[-1] = renewed
        return True

    def _took_place(self, item: Item) -> bool:
        """`opened each month`: what was done, though a status is called `open`."""
        ahead = self.items[self.at + 1 : self.at + 4]
        near = root(item.text) in BEGINNING and all(value.score < 1 for value in item.values)
        timed = any(each.period or each.unit for each in ahead)
        by_others = self.base is not None and all(value.table != self.base for value in item.values)
        timed = timed or by_others
        return bool(item.values) and near and timed and item.text.lower().endswith("ed") and not item.names  # fmt: skip

    def _name_follows_soon(self) -> bool:
        ahead = self.peek(1)
        return ahead is not None and bool(ahead.names)

    def _asks_more(self, item: Item) -> bool:
        """`… and what is its price?`"""
        before = self.items[self.at - 2] if self.at >= 2 else None
        return (
            item.text.lower() in ("what", "which")
            and bool(self.outputs)
            and before is not None
            and "and" in before.ops
        )

    def _lists_next(self) -> bool:
        """`complaints with their category`, after `with`."""
        ahead = self.items[self.at] if self.at < len(self.items) else None
        return ahead is not None and ahead.text.lower() in ("their", "its", "his", "her")

    def _dates(self, item: Item) -> bool:
        """`shipped in 2022`, where `shipped` is a status, and the name of a date as well."""
        ahead = self.items[self.at + 1 : self.at + 4]
        return self._dated_name(item) and any(each.period for each in ahead)

    def _spelled(self) -> ColumnRef | None:
        """The text that `starting with P` speaks of: the one before, or the name of the base."""
        if self.last_group:
            return self.last_group[-1].column
        shown = self.naming.display(self.resolve.table(self.base)) if self.base else ()
        return ColumnRef(table=self.base or "", column=shown[0]) if len(shown) == 1 else None

    def _returns(self) -> bool:
        """Whether a list of what to return begins here; it replaces what was read as the output."""
        if self.at >= len(self.items) or "return" not in self.item.ops:
            return False
        included = self.item.text.lower().startswith("include")
        self.at += 1
        self.before_return = list(self.outputs)
        also = any(
            item.text.lower() in ("as well", "also", "too") for item in self.items[self.at :]
        )
        if not included:  # `include the name` adds, `return the name` replaces
            self.outputs = [*self.numbers()] if also else []
        return True
