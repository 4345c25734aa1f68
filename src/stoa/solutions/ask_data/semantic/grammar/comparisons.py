"""Numbers that are compared: with a column, with how many rows belong to something, with what was spent."""

from typing import Final

from stoa.solutions.ask_data.semantic.grammar.grouping import Grouping
from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Condition,
    Having,
    Measure,
    Operator,
    Related,
    Value,
)
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.resolving import Head, NotRead

COMPARISONS: Final[dict[str, Operator]] = {"gt": "gt", "ge": "ge", "lt": "lt", "le": "le"}


class Comparisons(Grouping):
    """Numbers that are compared."""

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
            (COMPARISONS[each] for each in self.item.ops if each in COMPARISONS), "eq"
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
        elif ahead is not None and ahead.names and self.base:
            self._compare(None)
        else:
            raise NotRead([item.text], f"what about “{item.text}”?")

    def _spending(self) -> None:
        """`who spent the most`, `who spent more than 100`, `how much did they spend`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        ops = set(ahead.ops) if ahead is not None else set()
        measure = self._money("sum")
        if ops & {"most", "fewest"}:
            self.at += 1
            self._ranked_by(measure, descending="most" in ops)
        elif ops & set(COMPARISONS):
            op, values = self._numbers()
            self._compare_rows(measure, op, values)
        elif any(isinstance(each, Head) for each in self.outputs):
            raise NotRead([self.items[self.at - 1].text], "how much of it?")
        else:
            self._output(measure)
