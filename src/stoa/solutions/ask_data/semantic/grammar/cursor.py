"""Where a reading stands: its items, what is read so far, and looking ahead. Knows no clause."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.joins import Joins
from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Combined,
    Condition,
    Function,
    Having,
    Key,
    Number,
    Order,
    Related,
)
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.naming import Naming
from stoa.solutions.ask_data.semantic.resolving import Resolver
from stoa.solutions.ask_data.semantic.stems import word_set
from stoa.solutions.ask_data.semantic.vocabulary import NOUNS, PAST, VERBS

STRONG: Final = word_set(
    """count avg max min most fewest gt ge lt le between not without percent ratio starts ends like
    desc asc"""
)


class Cursor:
    """Where a reading stands."""

    def __init__(
        self,
        items: Sequence[Item],
        naming: Naming,
        joins: Joins,
        base: str | None = None,
        *,
        today: date | None = None,
    ) -> None:
        self.today = today or date.today()
        self.items, self.naming, self.joins = items, naming, joins
        self.resolve = Resolver(naming, joins, items)
        self.at = 0
        self.base = base
        self.outputs: list[Head | Number] = []
        self.keys: list[Key] = []
        self.groups: list[list[Condition]] = []
        self.related: list[Related] = []
        self.related_conditions: dict[int, list[list[Condition]]] = {}
        self.having: list[Having] = []
        self.order: list[Order] = []
        self.limit: int | None = None
        self.rank: bool | None = None
        """A ranking was asked for (True: downwards), and what by is still to come."""
        self.shown_rank: Number | None = None
        self.distinct = False
        self.sharing = False
        """The part of a share is being read: what is said is said of it alone."""
        self.negate = self.joined_by_or = self.has = False
        self.filtering = False
        self.returning = False
        self.last_group: list[Condition] | None = None
        self.before_return: Sequence[Head | Number] = ()
        self.pending: ColumnRef | None = None
        self.unit: Item | None = None
        self.mentioned: list[str] = []
        """Tables that were named beside the base and of which each of its rows has at most one."""
        self.sold = False
        self.done: str | None = None
        """The table that keeps what a verb said was done."""
        self.who = self.when = False
        self.both = False
        """`both … and …` was said: rows of each kind must be there."""
        self.averaged = False
        """`on average` stood between a length of time and what lasts."""
        self.common = False
        """The most common value of a column was asked for: by its own rows."""
        self.listing = False
        """`with their …`, `and what is its …`: columns named now are shown as well."""
        self.outer: Function | None = None
        """A function over the groups: `the average number of rooms per hotel`."""
        self.latest: str | None = None
        """The table that was named last: what `whose` speaks of."""
        self.owner: str | None = None

    @property
    def item(self) -> Item:
        if self.at >= len(self.items):
            raise NotRead([], "the question ends too early for me")
        return self.items[self.at]

    def peek(self, ahead: int = 0) -> Item | None:
        """The item that far ahead, empty words left out."""
        place = self.at
        while place < len(self.items):
            item = self.items[place]
            if not (
                item.filler
                and not self.meant(item)
                and not set(item.ops) & (STRONG | {"or", "and", "is", "group", "with", "return"})
            ):
                if ahead == 0:
                    return item
                ahead -= 1
            place += 1
        return None

    @staticmethod
    def meant(item: Item) -> bool:
        return bool(
            item.names
            or item.values
            or item.period
            or item.number is not None
            or item.literal
            or item.unit
        )

    def skip(self, *also: str) -> None:
        """Pass over empty words, and phrases of these kinds."""
        while self.at < len(self.items):
            item = self.item
            if (also and set(item.ops) & set(also) and not item.values) or (
                item.filler
                and not self.meant(item)
                and not set(item.ops) & (STRONG | {"or", "and", "is", "group", "with", "return"})
            ):
                self.at += 1
            else:
                return

    def numbers(self) -> list[Number]:
        """The outputs that are numbers made of rows."""
        return [output for output in self.outputs if not isinstance(output, Head)]

    def near(self) -> list[str]:
        """The tables that a word most likely belongs to, the nearest first."""
        tables = [output.table for output in self.outputs]
        base = [self.base] if self.base else []
        return list(dict.fromkeys([*base, *tables]))

    def tables(self) -> list[str]:
        """All tables that the reading has come to so far."""
        found = [condition.column.table for group in self.groups for condition in group]
        return list(dict.fromkeys([*self.near(), *(key.table for key in self.keys), *found]))

    @staticmethod
    def _named(item: Item) -> bool:
        return bool(item.names) and item.names[0].score >= 0.85

    def _dated_name(self, item: Item) -> bool:
        return any(
            name.column and self.resolve.dated(Head(name.table, name.column)) for name in item.names
        )

    def _measured_next(self) -> bool:
        """Whether a number to aggregate comes next: `total amount`, `highest price`."""
        ahead = self.items[self.at + 1 : self.at + 6]
        for item in ahead:
            if item.filler and not self.meant(item):
                continue
            if item.money or set(item.ops) & {"count", "avg", "sum", "span", "rate"}:
                return True
            if item.values or item.number is not None:
                continue
            if not item.names:
                return False
            return (
                any(
                    name.column and self.resolve.numeric(Head(name.table, name.column))
                    for name in item.names
                )
                or ("sum" in self.item.ops and item.table() is not None)
                or self._dated_name(item)
            )
        return False

    def _number_fits(self, item: Item) -> bool:
        """A bare year that counts things instead: `2000 orders`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and bool(ahead.names) and not self.outputs

    def _verb_at(self, place: int) -> bool:
        """A word that says what was done: not a part of the name before it."""
        item = self.items[place]
        text = item.text.lower()
        if text in VERBS:
            return text not in NOUNS or self._compared_at(place + 1)
        compared = text.endswith("ed") and not item.values and self._compared_at(place + 1)
        named = any(self.naming.says(name, item.tokens[-1]) for name in item.names)
        derived = text.endswith("ed") and bool(item.names) and not named
        return compared or derived or self.acts(item)

    def acts(self, item: Item) -> bool:
        """Whether a word names a date by what was done then: `updated`, `sent`."""
        text = item.text.lower()
        return (text.endswith("ed") or text in PAST) and self._dated_name(item)

    def _compared_at(self, place: int) -> bool:
        """Whether a comparison starts there, so that the name before it is what is compared."""
        while place < len(self.items):
            item = self.items[place]
            if set(item.ops) & {"is", "of"}:
                place += 1
                continue
            return bool(
                set(item.ops)
                & {"gt", "ge", "lt", "le", "eq", "between", "starts", "ends", "like", "null"}
                or item.number is not None
                or (item.values and not item.names)
                or item.literal
            )
        return False

    def _name_follows(self) -> bool:
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and bool(ahead.names or ahead.values)

    def _name_here(self) -> bool:
        return self.at < len(self.items) and bool(self.item.names or self.item.values)

    def item_is_money(self) -> bool:
        """Whether revenue or sales come next."""
        return self.at < len(self.items) and self.item.money

    def _measured_at(self) -> bool:
        return self.at < len(self.items) and bool(self.item.names)

    def _limit_here(self) -> int | None:
        if self.at < len(self.items) and self.item.number is not None and not self.item.names:
            self.at += 1
            return int(self.items[self.at - 1].number or 0)
        return None

    def _and_before(self, start: int) -> bool:
        return start > 0 and "and" in self.items[start - 1].ops

    def _safe_up(self, start: str, end: str) -> bool:
        return self.joins.distance(start, end) < 3.5 and self.joins.is_up(start, end)

    def _when(self) -> list[str]:
        """Tables whose date may be meant, the likeliest first."""
        related = [each.table for each in reversed(self.related)]
        near = [*related, *self.near()]
        for output in self.outputs:
            if not isinstance(output, Head):
                near = [output.table, *near]
        ranked = [order.measure.table for order in self.order if order.measure]
        near = [*ranked, *near]
        named = [table for table in self.resolve.context if self.joins.nearest(near, table) < 50]
        tables = list(dict.fromkeys([*near, *named]))
        ups = [
            (self.joins.distance(start, table.key), table.key)
            for start in tables
            for table in self.naming.catalogue.tables
            if table.key not in tables and self._safe_up(start, table.key)
        ]
        return [*tables, *(key for _, key in sorted(ups))]

    def _between_next(self) -> bool:
        """Whether two dates follow: `between joining and leaving`, `from departure to arrival`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return ahead is not None and bool(set(ahead.ops) & {"between", "from"})

    def span(self) -> Head | Combined | None:
        """Take the time between two dates, where one is asked for here; `Spans` says how."""
        raise NotImplementedError

    def rate(self) -> Combined:
        """Take a rate such as `success rate`; `Shares` says how."""
        raise NotImplementedError

    def clause(self) -> None:
        """Take the items of one clause; `Reader` says how."""
        raise NotImplementedError
