"""Columns of one catalogue and what kinds they are; what a reading says when it finds none. Knows no grammar."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from stoa.core.tables.catalogue import Column, Kind, Table
from stoa.solutions.ask_data.semantic.joins import Joins
from stoa.solutions.ask_data.semantic.keys import single_key
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, SpanUnit
from stoa.solutions.ask_data.semantic.naming import DISPLAY, Naming

Reason = Literal["words", "not_in_database", "ambiguous", "writes"]


class NotRead(Exception):
    """The question, or a part of it, has no certain meaning here."""

    def __init__(self, words: Iterable[str], reason: str, kind: Reason = "words") -> None:
        super().__init__(reason)
        self.words, self.reason, self.kind = tuple(words), reason, kind


class Head(NamedTuple):
    """A table, or one column of it, or the time from that column until another date of the row."""

    table: str
    column: str | None
    until: str | None = None
    unit: SpanUnit = "day"

    @property
    def ref(self) -> ColumnRef:
        assert self.column is not None
        return ColumnRef(table=self.table, column=self.column, until=self.until, unit=self.unit)


class Columns:
    """The tables and columns of one catalogue, looked up by their exact names."""

    def __init__(self, naming: Naming, joins: Joins) -> None:
        self.naming, self.joins = naming, joins

    def table(self, key: str) -> Table:
        found = self.naming.catalogue.table(key)
        assert found is not None
        return found

    def column(self, ref: ColumnRef | Head) -> Column:
        found = self.table(ref.table).column(ref.column or "")
        assert found is not None
        return found

    def key_of(self, table: str) -> Column | None:
        return single_key(self.table(table))

    def _is(self, head: Head | ColumnRef, *kinds: Kind) -> bool:
        if head.column is None or head.column == DISPLAY:
            return False
        return self.column(head).kind in kinds

    def numeric(self, head: Head | ColumnRef) -> bool:
        if head.until is not None:
            return True
        return self._is(head, "integer", "number")

    def dated(self, head: Head | ColumnRef) -> bool:
        return head.until is None and self._is(head, "date", "timestamp")

    def yearly(self, head: Head | ColumnRef) -> bool:
        """A column of years as numbers."""
        if not self._is(head, "integer", "number"):
            return False
        words = self.naming.column_words(self.table(head.table), self.column(head))
        return "year" in words
