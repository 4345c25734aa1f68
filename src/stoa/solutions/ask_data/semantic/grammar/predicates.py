"""What is said about a column or a row: comparisons, patterns, names in quotes."""

from typing import Final

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.comparisons import COMPARISONS
from stoa.solutions.ask_data.semantic.grammar.times import Times
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Condition, Operator
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.splitting import split_name
from stoa.solutions.ask_data.semantic.stems import word_set
from stoa.solutions.ask_data.semantic.vocabulary import PLACES

_TIMES: Final = word_set("before after gt lt ge le between from in")
_NUMBERS: Final = word_set("gt ge lt le between eq")


class Predicates(Times):
    """What is said about a column or a row."""

    def _column_condition(self, head: Head) -> bool:
        """Whether a comparison follows the column, which is then read."""
        place = self.at
        self._pass_links()
        if self.at >= len(self.items):
            self.at = place
            return False
        ops = set(self.item.ops)
        if self.returning or not (self.outputs or self.has or self.negate or self.base):
            self.at = place
            return False
        before = self.negate
        if "not" in ops:
            self.at += 1
            self.negate = True
            self._pass_links()
            if self.at >= len(self.items):
                raise NotRead(["not"], "not what?")
            ops = set(self.item.ops)
        if "null" in ops:
            self.at += 1
            self._add(Condition(column=head.ref, op="null"))
            return True
        if ops & {"starts", "ends", "like"}:
            self._pattern(head)
            return True
        read = self._timed_condition(head) or self._numeric_condition(head) or self._valued(head)
        if not read:
            self.at, self.negate = place, before
        return read

    def _timed_condition(self, head: Head) -> bool:
        """A time, or another date, that a date is compared with."""
        item, ops = self.item, set(self.item.ops)
        when = self.resolve.dated(head) or self.resolve.yearly(head)
        compared = item.period or ops & _TIMES
        if when and compared and self._period_soon():
            self.pending = head.ref
            return True
        before_or_after = bool(ops & {"before", "after"})
        return self.resolve.dated(head) and before_or_after and self._another_date(head)

    def _numeric_condition(self, head: Head) -> bool:
        """A number, an average or another column that a number is compared with."""
        item, ops = self.item, set(self.item.ops)
        if not self.resolve.numeric(head) or not (ops & _NUMBERS or item.number is not None):
            return False
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if item.number is not None and ahead is not None and (ahead.superlative or ahead.table()):
            return False
        if not (ops & set(COMPARISONS) and self._another_number(head)):
            self._compare(head.ref)
        return True

    def _valued(self, head: Head) -> bool:
        """A value of the column, or a text that it must hold."""
        item = self.item
        if item.text.lower() == "by" and self._value_of(head, self.at + 1):
            self.at += 1  # `caused by storm`
            self._value(column=head.ref)
            return True
        if self._value_of(head, self.at):
            self._value(column=head.ref)
            return True
        combined = self.at > 0 and any(
            token.lower == "of" for token in self.items[self.at - 1].tokens
        )
        if item.literal is not None and self.resolve.column(head).kind == "text" and not combined:
            self.at += 1
            self._text(head, item.literal)
            return True
        return False

    def _value_of(self, head: Head, place: int) -> bool:
        ahead = self.items[place] if place < len(self.items) else None
        return ahead is not None and any((v.table, v.column) == head[:2] for v in ahead.values)

    def _another_number(self, head: Head) -> bool:
        """`produced more than planned`: two numbers of the same row."""
        start = self.at
        op = next(COMPARISONS[each] for each in self.item.ops if each in COMPARISONS)
        self.at += 1
        self.skip()
        names = self.item.names if self.at < len(self.items) else []
        others = [
            name for name in names
            if name.table == head.table and name.column and name.column != head.column
            and self.resolve.numeric(Head(name.table, name.column))
        ]  # fmt: skip
        if len(others) != 1:
            self.at = start
            return False
        self.at += 1
        other = ColumnRef(table=head.table, column=others[0].column or "")
        self._add(Condition(column=head.ref, op=op, other=other))
        return True

    def _another_date(self, head: Head) -> bool:
        """`paid after their due date`: two dates of the same row."""
        start, op = self.at, "gt" if "after" in self.item.ops else "lt"
        self.at += 1
        self.skip()
        names = self.item.names if self.at < len(self.items) else []
        others = [name for name in names if name.table == head.table and name.column]
        dated = [name for name in others if self.resolve.dated(Head(name.table, name.column))]
        if not dated or dated[0].column == head.column:
            self.at = start
            return False
        self.at += 1
        other = ColumnRef(table=head.table, column=dated[0].column or "")
        self._add(Condition(column=head.ref, op="gt" if op == "gt" else "lt", other=other))
        return True

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
        if self.at < len(self.items) and not self._letter_here():
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

    def _letter_here(self) -> bool:
        """`starts with A`, where `A` is no article."""
        text = self.item.text
        return len(text) == 1 and text.isupper()

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
