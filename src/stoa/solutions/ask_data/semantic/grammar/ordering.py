"""The order of the result: `sorted by`, `descending`."""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.measures import AGGREGATES
from stoa.solutions.ask_data.semantic.grammar.rankings import Rankings
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Combined, Measure, Order


class Ordering(Rankings):
    """The order of the result."""

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
        if "rate" in item.ops:
            return self._by_rate()
        if item.span and (lasting := self._by_time()):
            return lasting
        if set(item.ops) & {"counting"}:
            counts = [
                each
                for each in self.outputs
                if isinstance(each, Measure) and each.function == "count"
            ]
            if counts:
                self.at += 1
                return Order(measure=counts[0])
        function = next((AGGREGATES[op] for op in item.ops if op in AGGREGATES), None)
        if function and self._measured_next():
            self.at += 1
            self.skip()
            return Order(
                measure=self._money(function)
                if self.item.money and not self.item.names
                else self._measured(function, [])
            )
        if function and len(same := self._same_function(function)) == 1:
            self.at += 1
            self.skip()
            return Order(measure=same[0])  # `by total value`, of the one total that is shown
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
                if isinstance(each, Measure) and (each.table, each.column) == head[:2]
            ),
            None,
        )
        return Order(measure=measure) if measure else Order(column=head.ref)

    def _same_function(self, function: str) -> list[Measure]:
        shown = [each for each in self.outputs if isinstance(each, Measure)]
        return [each for each in shown if each.function == function]

    def _by_time(self) -> Order | None:
        """`sorted by hours`, where hours are shown."""
        for each in self.outputs:
            if not isinstance(each, Combined) and each.until:
                self.at += 1
                return Order(column=each.ref) if isinstance(each, Head) else Order(measure=each)
        return None

    def _by_rate(self) -> Order:
        """`ordered by success rate`, which is among what is shown."""
        shares = [each for each in self.outputs if isinstance(each, Combined)]
        if len(shares) != 1:
            raise NotRead([self.item.text], f"ordered by “{self.item.text}”?")
        self.at += 1
        return Order(measure=shares[0])

    def _direction(self, descending: bool) -> None:
        if self.order:
            self.order[-1] = self.order[-1].model_copy(update={"descending": descending})
            return
        measures = self.numbers()
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
