"""Numbers that are asked for: counts, sums, averages, extremes, and money."""

from typing import Final

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.nouns import Nouns
from stoa.solutions.ask_data.semantic.meaning import Combined, Function, Measure
from stoa.solutions.ask_data.semantic.splitting import split_name
from stoa.solutions.ask_data.semantic.stems import singular
from stoa.solutions.ask_data.semantic.vocabulary import QUANTITIES

_COUNTS: Final = frozenset({"num", "count", "cnt", "number"})
AGGREGATES: Final[dict[str, Function]] = {"avg": "avg", "sum": "sum", "max": "max", "min": "min"}


class Measures(Nouns):
    """Numbers that are asked for."""

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

    def _count_of_base(self, places: list[tuple[int, bool]]) -> Measure:
        if self.base is None and len(places) == 1 and self.items[places[0][0]].values:
            self.base = self.resolve.value(self.items[places[0][0]]).table
        if self.base is None:
            raise NotRead(["how many"], "how many of what?")
        self._describe(places, Head(self.base, None))
        return Measure(function="count", table=self.base)

    def _adds_up(self, measure: Measure) -> bool:
        """A column of amounts of something: how many of them is their sum."""
        words = split_name(measure.column or "")
        counted = words[-1] in _COUNTS or singular(words[-1]) != words[-1]  # `affected_people`
        return counted or bool(QUANTITIES & {singular(word) for word in words})

    def _measured(self, function: Function, places: list[tuple[int, bool]]) -> Measure:
        item, start = self.item, self.at
        if (span := self.span()) is not None:
            return self._spanned(function, span)
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

    def _spanned(self, function: Function, span: Head | Combined) -> Measure:
        """A function of the time between two dates of each row."""
        if isinstance(span, Combined):
            raise NotRead([function], "a function of a time that is itself found among many")
        return Measure(
            function=function,
            table=span.table,
            column=span.column,
            until=span.until,
            unit=span.unit,
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
