"""Which date of a table says when, and from when until when its rows last. Knows no grammar."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stoa.core.tables.catalogue import Column
from stoa.solutions.ask_data.semantic.columns import Columns, Head, NotRead
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, SpanUnit
from stoa.solutions.ask_data.semantic.stems import root, word_set

_MAIN_DATES: Final = frozenset(
    {("date",), ("created", "at"), ("created",), ("timestamp",), ("datetime",), ("time",)}
)
_OTHER_DATES: Final = word_set(
    """updated modified deleted changed last edited birth born dob death died hire hired join joined joining
    signup sign signed register registered registration expiry expire expires expiration due deadline end ends
    until valid retired terminated enrollment enrolled admission admitted start started opening founded
    install installed installation build built manufacture manufactured model vintage"""
)
"""Dates that only their own word means: nobody asks for a birth by `in 2012` alone."""
_BEGINNINGS: Final = word_set("start started")
"""Of a contract they are one date of several; as a point in time they say when something happened."""
_LATER_DATES: Final = word_set(
    """closed closing arrival arrived out paid payment returned return completed completion shipped shipping
    shipment delivered delivery resolved resolution discharge discharged cancelled canceled refunded approved
    processed settled settlement renewed finished check visited read seen reviewed"""
)
"""Dates of what comes after the beginning, which is what `in 2012` speaks of where both are kept."""
_BEGINS: Final = word_set(
    "start started begin began beginning open opened opening depart departed departure in admission admitted from launched"
)
_ENDS: Final = word_set(
    "end ended ending finish finished close closed closing arrive arrived arrival out discharge discharged until completed cancelled canceled terminated expired"
)
"""In the names of two dates between which something lasts."""
BEGINNING: Final = frozenset(
    map(
        root,
        word_set(
            "create place issue open post submit request file record start begin log book enter launch"
        ),
    )
)
"""Roots of verbs that bring a row into the world, whatever it is of."""


def _other_date(column: Column, words: Sequence[str]) -> bool:
    """Whether only its own word can mean this date."""
    others = _OTHER_DATES - _BEGINNINGS if column.kind == "timestamp" else _OTHER_DATES
    return bool(others & set(words))


class Dates(Columns):
    """The dates among the columns."""

    def date_of(self, tables: Iterable[str]) -> ColumnRef | None:
        """The date that says when: of the first of these tables that has one.

        Raises NotRead where a table has several and none is the main one.
        """
        for key in dict.fromkeys(tables):
            table = self.table(key)
            dates = [c for c in table.columns if c.kind in ("date", "timestamp")]
            words = {c.name: self.naming.column_words(table, c) for c in dates}
            fresh = self._fresh(key, dates, words)
            main = [
                c
                for c in fresh
                if words[c.name] in _MAIN_DATES
                or words[c.name] == (*self.naming.words[key], "date")
            ]
            own = [
                c for c in main if words[c.name] not in (("created", "at"), ("created",))
            ] or main
            chosen = fresh if len(fresh) == 1 else own or self._recording(key, fresh)
            if len(chosen) == 1:
                return ColumnRef(table=key, column=chosen[0].name)
            if fresh:
                said = ", ".join(c.name for c in fresh)
                raise NotRead([], f"which date of {key} is meant: {said}", "ambiguous")
            years = [
                c
                for c in table.columns
                if self.yearly(Head(key, c.name))
                and not _OTHER_DATES & set(self.naming.column_words(table, c))
            ]
            if len(years) == 1:
                return ColumnRef(table=key, column=years[0].name)
        return None

    def _fresh(
        self, table: str, dates: Sequence[Column], words: Mapping[str, Sequence[str]]
    ) -> list[Column]:
        """The dates that may say when, without those that only their own word means."""
        found = [c for c in dates if not _other_date(c, words[c.name])]
        early = [c for c in found if not _LATER_DATES & set(words[c.name])]
        begun = [c for c in dates if _BEGINS & set(words[c.name])]
        if not early and found and len(begun) == 1:  # it happened when it began
            return begun
        return early or found

    def _recording(self, table: str, dates: Sequence[Column]) -> list[Column]:
        """Those among the dates that say when a row came to be: `booked_at` of bookings, `issued_on`."""
        made = {root(self.naming.words[table][-1]), *BEGINNING}
        return [
            c
            for c in dates
            if made & set(map(root, self.naming.column_words(self.table(table), c)))
        ]

    def lasting(self, table: str, unit: SpanUnit = "day") -> ColumnRef | None:
        """The time from when a row begins until it ends, where it has one date for each."""
        found = self.table(table)
        dates = [column for column in found.columns if column.kind in ("date", "timestamp")]
        words = {column.name: set(self.naming.column_words(found, column)) for column in dates}
        starts = [name for name, said in words.items() if said & _BEGINS]
        ends = [name for name, said in words.items() if said & _ENDS]
        if len(starts) != 1 or len(ends) != 1 or starts == ends:
            return None
        return ColumnRef(table=table, column=starts[0], until=ends[0], unit=unit)
