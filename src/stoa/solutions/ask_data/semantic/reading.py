"""From items to a meaning: the grammar of questions.

Goes through the items once, from left to right. Each clause (an output, a filter, a grouping, a ranking)
takes the items that belong to it; an item that no clause takes ends the reading with `NotRead`, since a
word that was passed over might have changed the answer. Knows no SQL.
"""

from stoa.solutions.ask_data.semantic.grammar.measures import AGGREGATES
from stoa.solutions.ask_data.semantic.grammar.shares import Shares
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Related
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.resolving import Head, NotRead

SPENDING = frozenset({"spent", "spend", "spends"})


class Reader(Shares):
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
        elif ops & {"starts", "ends", "like"} and not item.names and (ref := self._spelled()):
            self._pattern(Head(ref.table, ref.column))
        elif item.number is not None:
            self._number()
        elif ops & {"or", "and"}:
            self.at += 1
            self.joined_by_or = "or" in ops
        elif (
            item.values
            and (not self._named(item) or item.tokens[0].capital)
            and not self._dates(item)
        ):
            self._value()
        elif item.money and not item.names:
            self._spending() if item.text.lower() in SPENDING else self._output(self._money("sum"))
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
        self.at += 1
        self.before_return = list(self.outputs)
        self.outputs = []
        return True

    def finished_related(self) -> tuple[Related, ...]:
        """What is related, each with its conditions; none that says nothing beyond another."""
        made = []
        for place, related in enumerate(self.related):
            conditions = tuple(tuple(group) for group in self.related_conditions.get(place, []))
            made.append(related.model_copy(update={"conditions": conditions}))
        return tuple(made)
