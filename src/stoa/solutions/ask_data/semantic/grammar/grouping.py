"""What numbers are split by: `per`, `by`, `for each`, months and years."""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.flags import is_flag
from stoa.solutions.ask_data.semantic.grammar.ordering import Ordering
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Key, Measure, Order, Unit
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.vocabulary import PAST, PERSONS
from stoa.solutions.ask_data.semantic.wording import UNITS


class Grouping(Ordering):
    """What numbers are split by."""

    def _group(self) -> None:
        text = self.item.text.lower()
        self.at += 1
        self.skip("of", "all", "distinct")
        if self._alone(text):
            return
        item = self.item
        measured = "count" in item.ops or (
            set(item.ops) & {"avg", "sum", "max", "min", "counting"}
            and not (self._named(item) and not self._measured_next())
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
        if item.period is not None and item.period.unit and "each" in text:
            self._units_of(item.period.unit)
        if (
            item.period is not None
            or item.number is not None
            or (item.values and not self._named(item))
            or item.literal
        ):
            return  # `by Tolkien`, `in each of 2012`: a filter, read next
        after = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        numbers = bool(self.numbers())
        if (
            text == "by"
            and item.table() is not None
            and self.outputs
            and not numbers
            and self.rank is None
            and not self.counted_ahead()
        ):
            self.filtering = True
            return  # `books written by authors from Wales`
        if text == "by" and self._agents(after):
            self.filtering = True
            return  # `payments by members on the Gold plan`
        flagged = bool(item.names) and is_flag(self.naming, item.names[0])
        if flagged and after is not None and after.table() is not None:
            return  # `by inactive clients`
        if (
            item.table() is not None
            and after is not None
            and (after.literal or (after.values and not after.names))
        ):
            return  # `by artist "Deep Purple"`
        self._keys(text)

    def _units_of(self, unit: Unit) -> None:
        """`in each of the last 8 weeks`: grouped by week; the weeks themselves are read next."""
        date = self.pending or self.resolve.date_of(self._when())
        if date is None or self.resolve.yearly(date):
            raise NotRead([unit], f"nothing here has a date to tell the {unit} by")
        self.keys.append(Key(table=date.table, column=date.column, unit=unit))

    def _alone(self, text: str) -> bool:
        """`… and the number of orders in each`: of what was named before."""
        over = self.at >= len(self.items) or bool(
            set(self.item.ops) & {"and", "desc", "asc", "order"}
        )
        over = over or self.item.tokens[0].lower == ";"
        named = any(isinstance(each, Head) for each in self.outputs) or bool(self.keys)
        if over and not (named and "each" in text):
            raise NotRead([text], f"{text} what?")
        return over

    def _agents(self, after: Item | None) -> bool:
        """Whether those who did something are named, of whom more is said: `by members from Oslo`."""
        table = self.item.table()
        if table is None or after is None or not self.item.plural:
            return False
        if set(after.ops) & {"group", "who", "with", "named"} or after.text.lower() == "that":
            return True
        person = self.naming.words[table.table][-1] in PERSONS or self._done_by()
        return person and bool(set(after.ops) & {"in", "from"}) and not self._time_follows()

    def _done_by(self) -> bool:
        """`tickets opened this year by accounts on …`: a verb stands before `by`."""
        before = self.items[max(0, self.at - 3) : self.at]
        return any(item.text.lower().endswith("ed") or item.text.lower() in PAST for item in before)

    def _time_follows(self) -> bool:
        return any(item.period or item.unit for item in self.items[self.at + 1 : self.at + 4])

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
        listing = not self.numbers() and not self.counted_ahead()
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
            self.pending is None
            and not item.plural
            and self._named(item)
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
            found = after.ref if after else self.pending or self.resolve.date_of(self._when())
            self.pending = None
            if found is None:
                raise NotRead([item.text], f"nothing here has a date to tell the {item.unit} by")
            if self.resolve.yearly(found):
                return Key(table=found.table, column=found.column)
            return Key(table=found.table, column=found.column, unit=item.unit)
        if not item.names:
            raise NotRead([item.text], f"{text} “{item.text}”?")
        head = self._head()
        counted = head.column and self.resolve.numeric(head) and not self.resolve.yearly(head)
        if counted and item.tokens[-1].singular in UNITS:
            raise NotRead([item.text], f"per “{item.text}”: one number over another")
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
