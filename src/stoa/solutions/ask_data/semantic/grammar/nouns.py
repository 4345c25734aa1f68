"""Noun phrases: a name, the names that belong to it, and the adjectives before it."""

from collections.abc import Sequence

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.flags import is_flag
from stoa.solutions.ask_data.semantic.grammar.conditions import Conditions
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Condition
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.naming import DISPLAY


class Nouns(Conditions):
    """Noun phrases."""

    def _head(self, *, want: str = "any", near: Sequence[str] = ()) -> Head:
        """The name at this place, joined with the names right after it: `customer name`."""
        item = self.item
        if item.negative:
            raise NotRead([item.text], f"“{item.text}” what?")
        around = [*near, *(self._owner_ahead()), *self.near()]
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        table = item.table()
        self.at += 1
        if (
            table is not None
            and table.score >= 0.85
            and ahead is not None
            and ahead.names
            and not ahead.ops
        ):
            if self._verb_at(self.at):
                return self.resolve.name(item, around, want=want)
            inside = [n for n in ahead.names if n.column and n.table == table.table]
            if inside and inside[0].score >= 0.7:
                self.at += 1
                column = inside[0].column
                return Head(table.table, None if column == DISPLAY else column)
            if ahead.table() is not None and not self._compared_at(self.at):
                if item.tokens[-1].possessive:
                    raise NotRead(
                        [item.text], f"whose {ahead.text}: each of them, or all together?"
                    )
                self.at += 1
                self._join_table(table.table)
                return self.resolve.name(ahead, [table.table, *around], want=want)
        return self.resolve.name(item, around, want=want)

    def _owner_ahead(self) -> list[str]:
        """`names of customers`: the table that follows."""
        for item in self.items[self.at + 1 : self.at + 7]:
            if (table := item.table()) is not None and table.score >= 0.85:
                return [table.table]
            if item.ops and not set(item.ops) & {
                "of",
                "in",
                "from",
                "all",
                "and",
                "to",
                "return",
                "who",
                "which",
                "is",
            }:
                return []
        return []

    def _adjectives(self) -> list[tuple[int, bool]]:
        """Places of values and flags before the name that they describe: `active Italian customers`."""
        places: list[tuple[int, bool]] = []
        while self.at < len(self.items):
            item = self.item
            if "distinct" in item.ops and not self._named(item):
                self.distinct = True
            elif "not" in item.ops:
                self.negate = True
            elif (
                (item.values and not item.names)
                or item.negative
                or (item.names and is_flag(self.naming, item.names[0]) and self._name_follows())
                or (item.values and self._name_follows() and item.tokens[0].capital)
                or (item.values and self._describes_next(item))
            ):
                places.append((self.at, self.negate))
                self.negate = False
            elif self._property_here():
                continue
            elif places and self._names_column_of(places[-1][0]):
                pass  # `high severity complaints`
            elif item.number is not None and not item.names and self._name_follows():
                self.limit = int(item.number)
            elif (
                not (item.filler and not self.meant(item))
                and not (set(item.ops) & {"all", "of", "and"} and not item.names)
            ) or set(item.ops) & ({"group", "with", "is"} | ({"to"} if places else set())):
                return places
            self.at += 1
        return places

    def _names_column_of(self, place: int) -> bool:
        """Whether the name here is that of the column which holds the value before it."""
        columns = {(value.table, value.column) for value in self.items[place].values}
        return any((name.table, name.column) in columns for name in self.item.names)

    def _describes_next(self, item: Item) -> bool:
        """`email tickets`, where a channel is called email and the address of a contact as well."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        table = ahead.table() if ahead is not None else None
        return table is not None and any(value.table == table.table for value in item.values)

    def _property_here(self) -> bool:
        """Take `priority 1` of `priority 1 tickets`, `grade A` of `grade A deliveries`."""
        here = self.items[self.at : self.at + 3]
        table = here[2].table() if len(here) == 3 else None
        if table is None or not here[0].names or here[0].ops:
            return False
        for name in here[0].names:
            ref = ColumnRef(table=name.table, column=name.column or "")
            if name.table != table.table or not name.column:
                continue
            values = [
                v.value for v in here[1].values if (v.table, v.column) == (name.table, name.column)
            ]
            number = here[1].number if self.resolve.numeric(ref) else None
            if values or number is not None:
                self.at += 2
                value = values[0] if values else number
                assert value is not None
                self._add(Condition(column=ref, op="eq", values=(value,)))
                return True
        return False

    def _describe(self, places: list[tuple[int, bool]], head: Head) -> None:
        kept = self.at
        for place, negate in places:
            self.at, self.negate = place, negate
            self._value_or_flag([head.table])
        self.at = kept

    def _value_or_flag(self, near: Sequence[str]) -> None:
        own = any(value.table in near for value in self.item.values)
        plain = self._named(self.item) and not self.item.tokens[0].capital
        if self.item.values and (own or not plain):
            self._value(near)
        else:
            self._flag(self.resolve.name(self.item, near, want="column"))

    def _is_key(self, head: Head) -> bool:
        own = self.resolve.key_of(head.table)
        return (own is not None and own.name == head.column) or any(
            head.column in step.columns and step.up for step in self.joins.steps(head.table)
        )
