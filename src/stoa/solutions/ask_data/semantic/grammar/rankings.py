"""Rankings: top and bottom, superlatives, the most and the fewest, the first and the last."""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.aggregates import Aggregates
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Measure
from stoa.solutions.ask_data.semantic.mentions import Item


class Rankings(Aggregates):
    """Rankings."""

    def _top(self, descending: bool) -> None:
        self.at += 1
        self.skip("of")
        number = self.item.number if self.at < len(self.items) else None
        if number is not None:
            self.limit = int(number)
            self.at += 1
        elif self._name_here() and self.item.plural:
            raise NotRead(["top"], "the top how many?", "ambiguous")
        elif not self._name_here():
            raise NotRead(["top" if descending else "bottom"], "top of what?")
        else:
            self.limit = 1
        self.rank = descending

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
        table = head.table if head else self._below_here() or self.base
        if table is None:
            raise NotRead([text], f"“{text}” of what?")
        found = self.resolve.column_by_words(table, wanted)
        if found is None and set(wanted) & {"duration", "length"}:
            found = self.resolve.lasting(table)
        if found is None:
            found = self._by_number(table)
        if found is None:
            raise NotRead([text], f"nothing in {table} says which is the {text}")
        is_date = self.resolve.dated(found) or self.resolve.yearly(found)
        plain = text.lower().removeprefix("the ")
        if is_date and plain in ("oldest", "youngest"):
            descending = plain == "youngest"
        if limit is not None:
            self.limit = limit
        self._rank_column(found, descending)

    def _below_here(self) -> str | None:
        """`which machine had the longest outage`: the table of the many that is named here, then passed."""
        name = self.item.table() if self.at < len(self.items) else None
        if name is None or self.base is None or name.table == self.base or not self.filtering:
            return None
        if not self.joins.is_up(name.table, self.base) or self.keys:
            return None
        self.at += 1
        return name.table

    def _by_number(self, table: str) -> ColumnRef | None:
        """`the longest messages by word count`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if ahead is None or self.item.text.lower() != "by":
            return None
        heads = [Head(name.table, name.column) for name in ahead.names if name.table == table]
        numbers = [head.ref for head in heads if head.column and self.resolve.numeric(head)]
        self.at += 2 if numbers else 0
        return numbers[0] if numbers else None

    def _most(self, descending: bool) -> None:
        """`the most orders`, `the most common genre`."""
        text = self.item.text.lower()
        self.at += 1
        self.skip("of")
        if self._most_done(descending):
            return
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

    def _most_done(self, descending: bool) -> bool:
        """`the most played episode`: by how often it was done."""
        ahead = self.items[self.at : self.at + 2]
        done = (
            ahead[0].table() if len(ahead) == 2 and ahead[0].text.lower().endswith("ed") else None
        )
        table = ahead[1].table() if done is not None else None
        if done is None or table is None or not self.joins.is_up(done.table, table.table):
            return False
        self.at += 2
        if not any(each.table == table.table for each in self.outputs):
            self._output(Head(table.table, None))
        self._ranked_by(self._rows(done.table), descending=descending)
        return True

    def _most_common(self, descending: bool, text: str) -> None:
        head = self._head()
        self._output(head)
        counted = head.table
        if head.column is None:
            others = [table for table in self.resolve.context if table != head.table]
            if not others:
                raise NotRead([text], f"{text} among what?")
            counted = others[0]
        else:
            self.common = True
        self._ranked_by(Measure(function="count", table=counted), descending=descending)

    def _of_shown(self, head: Head) -> bool:
        return self.filtering and any(
            isinstance(each, Head) and each.table == head.table for each in self.outputs
        )

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
            hired, head = head.ref, self._head(want="table")  # `the most recently hired employee`
            self._output(head)
            self.limit = limit or 1
            self._rank_column(hired, last)
            return
        if head.column is not None and self.resolve.dated(head) and self._of_shown(head):
            self._rank_column(head.ref, last)  # `the member with the earliest join date`
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
        if self.when:
            self._output(
                Measure(function="max" if last else "min", table=found.table, column=found.column)
            )
            return
        self._output(head)
        self.limit = limit or self.limit or 1
        self._rank_column(found, last)
