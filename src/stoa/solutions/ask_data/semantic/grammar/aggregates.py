"""Sums, averages and extremes: one, several at once, their difference, or one over many groups."""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.measures import AGGREGATES, Measures
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Combined, Function, Measure
from stoa.solutions.ask_data.semantic.mentions import Item

_ALL_IN_ALL = ("in total", "overall", "altogether", "on average")


class Aggregates(Measures):
    """Sums, averages and extremes."""

    def _aggregate(self, item: Item) -> None:
        """`average price`, `total of orders`, and `the highest price` as a number or as a ranking."""
        functions = self._functions(self.at)
        if len(functions) > 1:
            self.outputs += self._several(functions)
            self._with_base()
            return
        function, text = functions[0], item.text.lower()
        self.at += 1
        if self._echoed():
            return
        if self._nested(function, item):
            return
        self.skip()
        extreme = function in ("max", "min")
        if self.at < len(self.items) and "rate" in self.item.ops:
            if not extreme:
                raise NotRead([text], f"“{text}” of a rate")
            self._ranked_by(self.rate(), descending=function == "max", shown=True)
        elif text in _ALL_IN_ALL and (not self._measured_at() or self._last_time()):
            self._all_in_all(function, text)
        else:
            self._one(function, text)

    def _one(self, function: Function, text: str) -> None:
        """One function of one column: what is asked for, or what the things before it rank by."""
        measure = self._one_measure(function, text)
        heads = any(isinstance(each, Head) for each in self.outputs)
        if function in ("max", "min") and heads and not self.returning and measure.column:
            ref = ColumnRef(
                table=measure.table, column=measure.column, until=measure.until, unit=measure.unit
            )
            self._rank_column(ref, function == "max")
        else:
            self._output(measure)
            self._also(measure)

    def _all_in_all(self, function: Function, text: str) -> None:
        """`in total`, `on average`, said after the number that they speak of."""
        if function == "avg" and (last := self._last_time()) is not None:
            self.outputs[-1] = self._spanned("avg", last)
            return
        counted = self.having or self.sharing or any(each.measure for each in self.related)
        if function != "sum" or not (self.numbers() or counted):
            raise NotRead([text], f"“{text}” of what?")

    def _last_time(self) -> Head | None:
        """The time between two dates that was asked for last: `how many days … on average`."""
        last = self.outputs[-1] if self.outputs else None
        return last if isinstance(last, Head) and last.until is not None else None

    def _functions(self, place: int) -> list[Function]:
        """All functions of one column from a place on: `minimum, maximum and average`."""
        found: list[Function] = []
        while place < len(self.items):
            item = self.items[place]
            function = _function_of(item, first=not found)
            if function is None and item.superlative is not None and not found:
                return ["max" if item.superlative[1] else "min"]
            if function is None or self._named(item):
                break
            found.append(function)
            after = place + 1
            while after < len(self.items) and self._links(after):
                after += 1
            if after == place + 1:
                break
            place = after
        return found or [next(AGGREGATES[op] for op in self.item.ops if op in AGGREGATES)]

    def _links(self, place: int) -> bool:
        item = self.items[place]
        return "and" in item.ops or (item.filler and not item.ops and not self.meant(item))

    def _several(self, functions: list[Function]) -> list[Measure]:
        text = self.item.text.lower()
        left = len(functions)
        while left:
            left -= _function_of(self.item, first=left == len(functions)) is not None
            self.at += 1
        measure = self._one_measure(functions[-1], text)
        if measure.column is None:
            raise NotRead([text], f"“{text}” of what?")
        return [measure.model_copy(update={"function": each}) for each in functions]

    def _with_base(self) -> None:
        self.base = self.base or self.outputs[-1].table

    def _one_measure(self, function: Function, text: str) -> Measure:
        self.skip("count")
        places = self._adjectives()
        if self.at < len(self.items) and self.item.money and not self.item.names:
            measure = self._money(function)
            self._describe(places, Head(measure.table, None))
            return measure
        if self.at < len(self.items) and (self.item.names or "span" in self.item.ops):
            return self._measured(function, places)
        raise NotRead([text], f"“{text}” of what?")

    def _also(self, measure: Measure) -> None:
        """`average height and width`: the same of other numbers of the same rows."""
        while self.at + 1 < len(self.items) and "and" in self.item.ops and measure.column:
            names = [
                name for name in self.items[self.at + 1].names
                if name.table == measure.table and name.column and name.score >= 0.7
                and self.resolve.numeric(Head(name.table, name.column))
            ]  # fmt: skip
            ahead = self.items[self.at + 1]
            if len(names) != 1 or ahead.ops or self._compared_at(self.at + 2):
                return
            self.at += 2
            self._output(measure.model_copy(update={"column": names[0].column}))

    def _difference(self) -> None:
        """`the difference between the highest and the lowest price`."""
        text = self.item.text
        self.at += 1
        self.skip()
        functions = self._functions(self.at) if set(self.item.ops) & set(AGGREGATES) else []
        if len(functions) != 2:
            raise NotRead([text], f"“{text}”: between which two numbers?")
        first, second = self._several(functions)
        self._output(Combined(kind="difference", first=first, second=second))

    # --- a function of a function ------------------------------------------------------------

    def _nested(self, function: Function, item: Item) -> bool:
        """`the highest total amount` ranks by sums; `the average number of rooms per hotel`."""
        ahead = self.items[self.at : self.at + 3]
        inner = next((each for each in ahead if set(each.ops) & {"avg", "sum", "count"}), None)
        nested = self._inner(inner) if inner is not None else None
        if inner is None or nested is None:
            return False
        if "count" in inner.ops and nested.function == "sum" and nested.column:
            self._output(nested.model_copy(update={"function": function}))
        elif function in ("max", "min") and self.outputs:
            self._ranked_by(nested, descending=function == "max")
        elif nested.column is None and self._per_next():
            self._output(nested)
            self.outer = function
        else:
            said = f"“{item.text.lower()} {inner.text}” takes two steps, which I don't do"
            raise NotRead([item.text.lower()], said)
        return True

    def _per_next(self) -> bool:
        return self.at < len(self.items) and self.item.text.lower() in ("per", "for each", "in each", "of each", "by each")  # fmt: skip

    def _inner(self, item: Item) -> Measure | None:
        place = next(at for at, each in enumerate(self.items) if each is item)
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
            span = self.span()
            return self._count() if span is None else self._spanned("sum", span)
        function = next(AGGREGATES[op] for op in item.ops if op in AGGREGATES)
        if self.at < len(self.items) and self.item.money and not self.item.names:
            return self._money(function)
        self.skip()
        return self._measured(function, [])

    # --- asked again -------------------------------------------------------------------------

    def _echoed(self) -> bool:
        """`… and how many were there?`: what the ranking went by is to be shown."""
        rest = []
        for item in self.items[self.at :]:
            if item.tokens[0].lower == ";":
                break
            rest.append(item)
        said = [i for i in rest if not (i.filler or set(i.ops) & {"is", "in", "or"}) or i.names or i.values]  # fmt: skip
        if not self.order or said:
            return False
        self.at += len(rest)
        order = self.order[0]
        if order.measure is not None:
            self.shown_rank = order.measure
        elif order.column is not None:
            self.outputs.append(Head(order.column.table, order.column.column))
        return True


def _function_of(item: Item, *, first: bool) -> Function | None:
    """The function that a word stands for; `maximum number of` is one only after another."""
    found = next((AGGREGATES[op] for op in item.ops if op in AGGREGATES), None)
    if found is None and not first:
        return "max" if "most" in item.ops else "min" if "fewest" in item.ops else None
    return found
