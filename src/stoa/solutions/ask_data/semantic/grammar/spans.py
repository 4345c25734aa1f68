"""The time between two dates: of one row (`how long was each voyage`), or until something first happened."""

from dataclasses import replace
from typing import Final, NamedTuple

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.shares import Shares
from stoa.solutions.ask_data.semantic.meaning import (
    Combined,
    Function,
    Measure,
    SpanUnit,
)
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.naming import Name
from stoa.solutions.ask_data.semantic.stems import word_set

_LASTING: Final = word_set("last open take stay run")
"""Verbs that end `how many days did each of them …`."""


class _Point(NamedTuple):
    """A date, or the first or last of many."""

    table: str
    column: str
    function: Function | None


class Spans(Shares):
    """The time between two dates."""

    def span(self) -> Head | Combined | None:
        """The time that is asked for at this place, which is then read; None where there is none."""
        start = self.at
        if self.at < len(self.items) and "lasting" in self.item.ops:
            return self._until_named()
        unit = self._span_unit()
        if unit is not None:
            bounded = (
                self._between()
                or self._until()
                or (self._own_span(unit) if self._of_rows(start) else None)
            )
            if isinstance(bounded, Head):
                return bounded._replace(unit=unit)
            if bounded is not None:
                return bounded.model_copy(update={"unit": unit})
        self.at = start
        return None

    def _span_unit(self) -> SpanUnit | None:
        """Pass over `days`, `duration in hours`, `time`: what the time is counted in."""
        if self.at >= len(self.items):
            return None
        item = self.item
        if item.names and item.names[0].score > 0.8:
            return None
        timed = "span" in item.ops
        if not timed and item.span is None:
            return None
        self.at += 1
        unit = item.span
        ahead = self.items[self.at : self.at + 2]
        if timed and len(ahead) == 2 and "in" in ahead[0].ops and ahead[1].span:
            unit = ahead[1].span
            self.at += 2
        return unit or "day"

    def _of_rows(self, start: int) -> bool:
        """Whether the time is that of rows named further on, and not a column's unit or a period."""
        before = self.items[start - 1] if start else None
        counted = before is not None and bool(
            set(before.ops) & {"count", "avg", "sum", "max", "min"}
        )
        return "span" in self.items[start].ops or counted

    # --- between two dates -------------------------------------------------------------------

    def _between(self) -> Head | Combined | None:
        place = self.at
        opened = "between" in self.items[self.at - 1].text.lower()
        if self.at < len(self.items) and set(self.item.ops) & {"between", "from"}:
            self.at += 1
            opened = True
        first = self._point() if opened else None
        if first is None or self.at >= len(self.items) or not set(self.item.ops) & {"and", "to"}:
            self.at = place
            return None
        self.at += 1
        second = self._point()
        if second is None:
            self.at = place
            return None
        return self._joined(first, second)

    def _until_named(self) -> Head:
        """`response time in hours`: from when the row came to be until then."""
        item = self.item
        end = self.resolve.name(item, [*self.near(), *self.resolve.context], want="column")
        start = self.resolve.date_of([end.table])
        if start is None or start.table != end.table or start.column == end.column:
            raise NotRead([item.text], f"“{item.text}” from when?")
        self.at += 1
        ahead = self.items[self.at : self.at + 2]
        unit: SpanUnit = "day"
        if len(ahead) == 2 and "in" in ahead[0].ops and ahead[1].span:
            unit = ahead[1].span
            self.at += 2
        return Head(end.table, start.column, until=end.column, unit=unit)

    def _until(self) -> Head | None:
        """`time it took to resolve a ticket`: from when the row came to be."""
        place = self.at
        while place < len(self.items) and "to" not in self.items[place].ops:
            item = self.items[place]
            if self.meant(item) or not (item.filler or item.text.lower() == "on average"):
                return None
            place += 1
        kept, self.at = self.at, place + 1
        averaged = any(item.text.lower() == "on average" for item in self.items[kept:place])
        end = self._point()
        start = self.resolve.date_of([end.table]) if end and not end.function else None
        if end is None or start is None or start.table != end.table or start.column == end.column:
            self.at = kept
            return None
        self.averaged = averaged
        return Head(end.table, start.column, until=end.column)

    def _joined(self, start: _Point, end: _Point) -> Head | Combined:
        if start.table == end.table and not (start.function or end.function):
            return Head(start.table, start.column, until=end.column)
        if not end.function and not start.function:
            raise NotRead([end.column], f"from {start.table} to {end.table}: which of them?")
        one = start.table if end.function else end.table
        if not all(self.joins.is_up(each.table, one) for each in (start, end)):
            raise NotRead([end.column], f"{start.table} and {end.table} are not one and many")
        first, second = (
            Measure(function=each.function or "min", table=each.table, column=each.column)
            for each in (end, start)
        )
        return Combined(kind="difference", first=first, second=second)

    def _point(self) -> _Point | None:
        """A date at this place: `departure`, `their first order`, `its closing date`."""
        self.skip()
        function: Function | None = None
        if self.at < len(self.items) and set(self.item.ops) & {"first", "last"}:
            function = "min" if "first" in self.item.ops else "max"
            self.at += 1
            self.skip()
        if self.at >= len(self.items):
            return None
        item = self.item
        dated = [n for n in item.names if n.column and self.resolve.dated(Head(n.table, n.column))]
        if dated:
            chosen = item if len(dated) == len(item.names) else _only(item, dated)
            head = self.resolve.name(chosen, [*self.near(), *self.resolve.context])
            self.at += 1
            return _Point(head.table, head.column or "", function)
        table = item.table()
        date = self.resolve.date_of([table.table]) if table is not None and function else None
        if date is None:
            return None
        self.at += 1
        return _Point(date.table, date.column, function)

    def _of_them(self) -> bool:
        return "pronoun" in self.item.ops and self.item.text.lower().startswith("of ")

    def _count_of_them(self) -> Measure:
        """`… and how many of them are active?`"""
        self.at += 1
        assert self.base is not None
        kept, self.groups = self.groups, []
        outputs, self.outputs = self.outputs, []
        self.last_group = None
        where = tuple(group for each in self._spoken() for group in each.groups)
        self.groups, self.outputs = kept, outputs
        if not where:
            raise NotRead(["how many"], "how many of them are what?")
        return Measure(function="count", table=self.base, where=where)

    # --- of rows that begin and end ----------------------------------------------------------

    def _own_span(self, unit: SpanUnit) -> Head | None:
        """The time that the rows named next last, of whatever begins and ends."""
        named = [item.table() for item in self.items[self.at :]]
        tables = [name.table for name in named if name is not None]
        for key in (*tables, *self.near()):
            if found := self.resolve.lasting(key, unit):
                self._drop_verb()
                return Head(found.table, found.column, found.until, found.unit)
        return None

    def _drop_verb(self) -> None:
        """Leave `last` out of `how long did each outage last`: it is no ranking."""
        for place in range(self.at, len(self.items)):
            ends = place + 1 == len(self.items) or self.items[place + 1].tokens[0].lower == ";"
            if ends and self.items[place].text.lower() in _LASTING:
                self.items = [*self.items[:place], *self.items[place + 1 :]]
                return

    def _span_output(self) -> None:
        found = self.span()
        if found is None:
            raise NotRead([self.item.text], f"“{self.item.text}” from when to when?")
        self._output(
            self._spanned("avg", found) if isinstance(found, Head) and self.averaged else found
        )


def _only(item: Item, names: list[Name]) -> Item:
    """The item with only these readings."""
    return replace(item, names=names)
