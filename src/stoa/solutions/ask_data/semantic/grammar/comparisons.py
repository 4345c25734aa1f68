"""Numbers that are compared: with a column, with how many rows belong to something, with what was spent."""

from typing import Final

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
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
from stoa.solutions.ask_data.semantic.periods import add_months
from stoa.solutions.ask_data.semantic.splitting import split_name
from stoa.solutions.ask_data.semantic.stems import stem

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

    def _average_ahead(self) -> bool:
        """Whether an average of all rows is compared with: `above the average`."""
        place = self.at + 1
        while place < len(self.items) and self.items[place].filler and not self.items[place].ops:
            place += 1
        return place < len(self.items) and "avg" in self.items[place].ops

    def _compare_average(self, ref: ColumnRef | None) -> None:
        """`above the average`, `heavier than the average box`, `more than the average price`."""
        start = self.item
        op = next((COMPARISONS[each] for each in start.ops if each in COMPARISONS), None)
        self.at += 1
        self.skip("avg")
        if ref is None and start.comparative and self.base is not None:
            ref = self.resolve.column_by_words(self.base, start.comparative)
        if self._name_here() and self.item.names:
            head = self._head(near=self.near())
            if head.column is not None:
                ref = ref or head.ref
            elif head.table != self.base:
                ref = None
            if head.column is not None and ref != head.ref:
                ref = None
        if ref is None or op is None or ref.table != self.base or self.numbers():
            raise NotRead([start.text], f"“{start.text}” the average of what?")
        whole = Measure(
            function="avg", table=ref.table, column=ref.column, until=ref.until, unit=ref.unit
        )
        self._add(Condition(column=ref, op=op, than=whole))

    def _compare(self, ref: ColumnRef | None) -> None:
        if self._average_ahead():
            self._compare_average(ref)
            return
        start = self.item
        op, values = self._numbers()
        if ref is not None:
            if self.base is not None and not self._one_each(ref.table):
                raise NotRead([ref.column], f"{ref.column} of one or of all of them?", "ambiguous")
            self._unit_after(ref)
            self._add(Condition(column=ref, op=op, values=values))
            return
        self._compare_next(start, op, values)

    def _one_each(self, table: str) -> bool:
        """Whether each row that is asked for, or that must be there, has one of this table."""
        rows = [self.base or "", *(each.table for each in self.related)]
        return any(self.joins.is_up(each, table) for each in rows)

    def _unit_after(self, ref: ColumnRef) -> None:
        """`duration over 5 minutes` where the column is not in minutes would be wrong."""
        ahead = self.items[self.at] if self.at < len(self.items) else None
        if ahead is not None and ahead.text.lower() in ("per", "a", "an") and self._own_unit(ref):
            self.at += 2
            return
        if ahead is not None and ahead.unit and not ahead.names:
            raise NotRead([ahead.text], f"I don't turn {ahead.text} into {ref.column}")

    def _own_unit(self, ref: ColumnRef) -> bool:
        """`150 per night` of a nightly rate, `0.3 per kwh`: the column says so itself."""
        after = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        said = {stem(word) for word in split_name(ref.column)}
        return after is not None and after.tokens[-1].stem in said

    def _compare_next(self, start: Item, op: Operator, values: tuple[Value, ...]) -> None:
        """`more than 5 orders`, `over 300 pages`, `older than 40`, `invoices over 20`."""
        if self.at < len(self.items) and "sum" in self.item.ops and self._name_follows():
            self.at += 1  # `at least 5 total orders`
        places = self._adjectives() if self.at < len(self.items) and not self.item.ops else []
        ahead = self.items[self.at] if self.at < len(self.items) else None
        if ahead is not None and (ahead.unit or ahead.span) and not ahead.names:
            self._compare_time(ahead, op, values)
        elif ahead is not None and ahead.names and not ahead.ops:
            self._compare_named(places, op, values)
        elif start.comparative:
            self._compare_by_words(start, op, values)
        elif self.done and (paid := self.resolve.amount_of(self.done)):
            self.related = [each for each in self.related if each.table != self.done]
            measure = Measure(function="sum", table=paid.table, column=paid.column)
            self._compare_rows(measure, op, values)  # `who paid more than 100`
        elif self._of_groups():
            self.having.append(Having(measure=self.numbers()[-1], op=op, values=values))
        else:
            amount = self.resolve.amount_of(self.base) if self.base else None
            if amount is None or self.numbers():
                raise NotRead([start.text], f"“{start.text}” compares what?", "ambiguous")
            self._add(Condition(column=amount, op=op, values=values))

    def _compare_time(self, unit: Item, op: Operator, values: tuple[Value, ...]) -> None:
        """`stays longer than 5 nights`: the time that each row lasts."""
        lasting = self.resolve.lasting(self.base, unit.span) if self.base and unit.span else None
        if lasting is None:
            raise NotRead([unit.text], f"“{unit.text}” as a length of time")
        self.at += 1
        self._add(Condition(column=lasting, op=op, values=values))

    def _compare_named(
        self, places: list[tuple[int, bool]], op: Operator, values: tuple[Value, ...]
    ) -> None:
        """`5 orders`, `300 pages`, `two cities`: rows, a number of each row, or different values."""
        head = self._head(near=self.near())
        if head.column is None:
            self._compare_rows(Measure(function="count", table=head.table), op, values)
        elif self.resolve.numeric(head):
            self._compare_column(head, op, values)
        else:
            measure = Measure(function="count", table=head.table, column=head.column, distinct=True)
            self._compare_rows(measure, op, values)
            return
        self._describe(places, head)

    def _compare_by_words(self, start: Item, op: Operator, values: tuple[Value, ...]) -> None:
        """`older than 40`, `heavier than 10`: the word says which column."""
        if self.base is None:
            raise NotRead([start.text], f"“{start.text}”: who?")
        found = self.resolve.column_by_words(self.base, start.comparative)
        if found is not None:
            self._add(Condition(column=found, op=op, values=values))
        elif "age" in start.comparative:
            self._compare_age(start, op, values)
        else:
            raise NotRead([start.text], f"“{start.text}” compares what?")

    def _of_groups(self) -> bool:
        """Whether the number named last is one of each group: `channels with an average price above 300`."""
        named = any(isinstance(each, Head) for each in self.outputs) or bool(self.keys)
        return named and bool(self.outputs) and not isinstance(self.outputs[-1], Head)

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
        counted = Related(
            table=measure.table, measure=measure, op=op, values=values, negated=self.negate
        )
        self._relate_counted(counted)
        self.negate = self.has = False
        self.filtering = True
        self.last_group = None

    def _compare_age(self, start: Item, op: Operator, values: tuple[Value, ...]) -> None:
        """`older than 60`, where only the day of birth is kept."""
        birth = self.resolve.column_by_words(self.base or "", ("~birth", "~born", "~dob"))
        years = values[0]
        if birth is None or not isinstance(years, int) or op not in ("gt", "lt"):
            raise NotRead([start.text], f"“{start.text}” compares what?")
        if self.at < len(self.items) and self.item.unit == "year":
            self.at += 1
        day = add_months(self.today, -12 * years)
        self._add(
            Condition(column=birth, op="lt" if op == "gt" else "gt", values=(day.isoformat(),))
        )

    def _relate_counted(self, counted: Related) -> None:
        """Keep what is counted; of rows that were just spoken of: `who resolved more than 3 tickets`."""
        same = [
            group for group in self.groups
            if group is self.last_group and all(each.column.table == counted.table for each in group)
        ]  # fmt: skip
        listed = any("and" in item.ops for item in self.items[max(0, self.at - 4) : self.at])
        self.related.append(counted)
        if same and not listed and not self.joins.is_up(self.base or "", counted.table):
            self.groups.remove(same[0])
            self.related_conditions[len(self.related) - 1] = same

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
