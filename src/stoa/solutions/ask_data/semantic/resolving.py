"""Which of its readings a word has: the column, table or value that lies nearest to what else was said.

Each reading costs: how far its name is from the word, and how far its table is from the tables that the
question names. Two readings that cost the same are ambiguous, and said to be. Knows no grammar.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from stoa.core.tables.catalogue import Column, Kind, Table
from stoa.solutions.ask_data.semantic.joins import Joins, single_key
from stoa.solutions.ask_data.semantic.lexicon import SALES, stem, word_set
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Measure
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.naming import DISPLAY, Name, Naming, ValueName

Reason = Literal["words", "not_in_database", "ambiguous", "writes"]

_MARGIN = 0.12
_FAR = 20.0
_MAIN_DATES: Final = frozenset(
    {("date",), ("created", "at"), ("created",), ("timestamp",), ("datetime",), ("time",)}
)
_OTHER_DATES: Final = word_set(
    """updated modified deleted changed last edited birth born dob death died hire hired join joined joining
    signup sign signed register registered registration expiry expire expires expiration due deadline end ends
    until valid retired terminated enrollment enrolled admission admitted start started opening founded"""
)
"""Dates that only their own word means: nobody asks for a birth by `in 2012` alone."""
_BEGINNINGS: Final = word_set("start started")
"""Of a contract they are one date of several; as a point in time they say when something happened."""
_MONEY_TABLES: Final = frozenset(
    map(
        stem,
        [
            "invoice",
            "order",
            "sale",
            "purchase",
            "transaction",
            "payment",
            "receipt",
            "booking",
            "bill",
        ],
    )
)
_MONEY: Final = (
    "revenue",
    "sales",
    "turnover",
    "total",
    "grand total",
    "total amount",
    "amount",
    "total price",
    "total cost",
)
_LINE_PRICE: Final = ("unit price", "price", "sale price", "list price")


def _other_date(column: Column, words: Sequence[str]) -> bool:
    """Whether only its own word can mean this date."""
    others = _OTHER_DATES - _BEGINNINGS if column.kind == "timestamp" else _OTHER_DATES
    return bool(others & set(words))


class NotRead(Exception):
    """The question, or a part of it, has no certain meaning here."""

    def __init__(self, words: Iterable[str], reason: str, kind: Reason = "words") -> None:
        super().__init__(reason)
        self.words, self.reason, self.kind = tuple(words), reason, kind


class Head(NamedTuple):
    """A table, or one column of it."""

    table: str
    column: str | None

    @property
    def ref(self) -> ColumnRef:
        assert self.column is not None
        return ColumnRef(table=self.table, column=self.column)


class Resolver:
    """Chooses readings, given the tables that the question names (`context`)."""

    def __init__(self, naming: Naming, joins: Joins, items: Sequence[Item]) -> None:
        self.naming, self.joins = naming, joins
        self.context: list[str] = []
        if any(token.lower in SALES for item in items for token in item.tokens):
            self.context += self._lines()
        for item in items:
            for name in item.names:
                words = {token.stem for token in item.tokens}
                own = {stem(word) for word in naming.words[name.table]}
                if name.column and name.score >= 0.98 and len(item.tokens) > 1 and own <= words:
                    self.context.append(name.table)
        for item in items:
            table = item.table()
            if table is None or table.score < 0.85 or (item.ops and item.filler):
                continue
            if all(name.score <= table.score for name in item.names):
                self.context.append(table.table)

    def _lines(self) -> list[str]:
        """The tables that say how much of what was sold."""
        return [
            table.key
            for table in self.naming.catalogue.tables
            if any(
                self.naming.column_words(table, column)[-1] == "quantity"
                for column in table.columns
            )
            and any(
                stem(self.naming.words[step.to_table][-1]) in _MONEY_TABLES
                for step in self.joins.steps(table.key)
                if step.up
            )
        ]

    def table(self, key: str) -> Table:
        found = self.naming.catalogue.table(key)
        assert found is not None
        return found

    def column(self, ref: ColumnRef | Head) -> Column:
        found = self.table(ref.table).column(ref.column or "")
        assert found is not None
        return found

    # --- names ---------------------------------------------------------------------------

    def name(self, item: Item, near: Sequence[str] = (), *, want: str = "any") -> Head:
        """The best reading as a `table`, a `column`, or `any` of both.

        Raises NotRead: there is none, or two that are as good.
        """
        costs: dict[Head, float] = {}
        for name in item.names:
            if (want == "table" and name.column) or (
                want in ("column", "number") and not name.column
            ):
                continue
            head = Head(name.table, None if name.column == DISPLAY else name.column)
            if want == "number" and not self.numeric(head):
                continue
            costs[head] = min(self._cost(name, near), costs.get(head, 99.0))
        return self._cheapest(costs, item)

    def _cost(self, name: Name, near: Sequence[str]) -> float:
        cost = 2.5 * (1 - name.score)
        if name.column is None:
            return cost - (0.25 if name.table in near else 0.1)
        refers = any(
            name.column in step.columns and step.up for step in self.joins.steps(name.table)
        )
        return cost + self._away(name.table, near) + (0.3 if refers else 0.0)

    def _away(self, table: str, near: Sequence[str]) -> float:
        if table in near:
            return 0.05 * near.index(table)
        if table in self.context:
            return 0.3 + (0.05 * self.joins.nearest(near, table) if near else 0)
        around = [*near, *self.context]
        return 0.5 + 0.4 * self.joins.nearest(around, table) if around else 0.5

    def _cheapest(self, costs: dict[Head, float], item: Item) -> Head:
        ranked = sorted(costs.items(), key=lambda each: each[1])
        if not ranked or ranked[0][1] > _FAR:
            raise NotRead(
                [item.text], f"“{item.text}” is not a part of this database that fits here"
            )
        if len(ranked) > 1 and ranked[1][1] - ranked[0][1] < _MARGIN:
            (one, _), (other, _) = ranked[:2]
            if not self._same_thing(one, other):
                said = " or ".join(
                    f"{head.table}.{head.column}" if head.column else head.table
                    for head in (one, other)
                )
                raise NotRead([item.text], f"“{item.text}” may be {said}", "ambiguous")
        return ranked[0][0]

    def _same_thing(self, one: Head, other: Head) -> bool:
        """Both ends of one key hold the same values."""
        return any(
            step.columns == (one.column,)
            and step.to_columns == (other.column,)
            and step.to_table == other.table
            for step in self.joins.steps(one.table)
        )

    # --- values --------------------------------------------------------------------------

    def value(
        self, item: Item, near: Sequence[str] = (), column: ColumnRef | None = None
    ) -> ValueName:
        """Where a value stands; `column` says it must be there."""
        costs: dict[Head, float] = {}
        chosen: dict[Head, ValueName] = {}
        for value in item.values:
            if column is not None and (value.table, value.column) != (column.table, column.column):
                continue
            head = Head(value.table, value.column)
            cost = (1 - value.score) + self._away(value.table, near)
            if cost < costs.get(head, 99.0):
                costs[head], chosen[head] = cost, value
        return chosen[self._cheapest(costs, item)]

    # --- kinds of columns ----------------------------------------------------------------

    def _is(self, head: Head | ColumnRef, *kinds: Kind) -> bool:
        if head.column is None or head.column == DISPLAY:
            return False
        return self.column(head).kind in kinds

    def numeric(self, head: Head | ColumnRef) -> bool:
        return self._is(head, "integer", "number")

    def dated(self, head: Head | ColumnRef) -> bool:
        return self._is(head, "date", "timestamp")

    def yearly(self, head: Head | ColumnRef) -> bool:
        """A column of years as numbers."""
        if not self._is(head, "integer", "number"):
            return False
        words = self.naming.column_words(self.table(head.table), self.column(head))
        return "year" in words

    def date_of(self, tables: Iterable[str]) -> ColumnRef | None:
        """The date that says when: of the first of these tables that has one.

        Raises NotRead where a table has several and none is the main one.
        """
        for key in dict.fromkeys(tables):
            table = self.table(key)
            dates = [c for c in table.columns if c.kind in ("date", "timestamp")]
            words = {c.name: self.naming.column_words(table, c) for c in dates}
            fresh = [c for c in dates if not _other_date(c, words[c.name])]
            main = [
                c
                for c in fresh
                if words[c.name] in _MAIN_DATES
                or words[c.name] == (*self.naming.words[key], "date")
            ]
            own = [
                c for c in main if words[c.name] not in (("created", "at"), ("created",))
            ] or main
            chosen = fresh if len(fresh) == 1 else own
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

    def column_by_words(self, table: str, wanted: Sequence[str]) -> ColumnRef | None:
        """The first column whose name has one of these words; `~word` among its dates."""
        found = self.table(table)
        for word in wanted:
            if word == "~date":
                return self.date_of([table])
            dates = word.startswith("~")
            stems = [stem(each) for each in word.removeprefix("~").split()]
            kinds = ("date", "timestamp") if dates else ("integer", "number")
            fitting = [
                column
                for column in found.columns
                if column.kind in kinds
                and not column.primary_key
                and set(stems) <= {stem(each) for each in self.naming.column_words(found, column)}
                and "id" not in self.naming.column_words(found, column)
            ]
            exact = [
                c
                for c in fitting
                if [stem(each) for each in self.naming.column_words(found, c)] == stems
            ]
            fitting = exact if len(exact) == 1 else fitting
            if len(fitting) == 1:
                return ColumnRef(table=table, column=fitting[0].name)
            if fitting:
                said = ", ".join(column.name for column in fitting)
                raise NotRead(
                    [word.removeprefix("~")],
                    f"which column of {table} is meant: {said}",
                    "ambiguous",
                )
        return None

    def amount_of(self, table: str) -> ColumnRef | None:
        """The one number of a table that is money."""
        found = self.table(table)
        keys = {name for key in found.foreign_keys for name in key.columns} | {
            c.name for c in found.columns if c.primary_key
        }
        own = [
            c for c in found.columns
            if c.kind in ("integer", "number") and c.name not in keys
            and self.naming.column_words(found, c)[-1] not in ("id", "number", "no", "code", "year", "zip")
        ]  # fmt: skip
        money = [
            c
            for c in own
            if " ".join(self.naming.column_words(found, c))
            in (*_MONEY, "price", "cost", "unit price")
        ]
        chosen = own if len(own) == 1 and own == money else money
        return ColumnRef(table=table, column=chosen[0].name) if len(chosen) == 1 else None

    def money(self, others: Sequence[str]) -> Measure | None:
        """What was paid: the total of an order-like table, or price times quantity of its lines.

        `others` are the tables that the question groups and filters by; lines are taken where these hang
        on lines and not on whole orders.
        """
        totals, lines = [], []
        for table in self.naming.catalogue.tables:
            words = self.naming.words[table.key]
            spelled = {
                " ".join(self.naming.column_words(table, c)): c
                for c in table.columns
                if c.kind in ("integer", "number")
            }
            if stem(words[-1]) in _MONEY_TABLES:
                name = next((spelled[each].name for each in _MONEY if each in spelled), None)
                if name:
                    totals.append(Measure(function="sum", table=table.key, column=name))
            price = next((spelled[each].name for each in _LINE_PRICE if each in spelled), None)
            if (
                price
                and "quantity" in spelled
                and any(
                    stem(word) in _MONEY_TABLES
                    for word in (
                        *words,
                        *(
                            w
                            for key in table.foreign_keys
                            for w in self.naming.words.get(key.to_table, ())
                        ),
                    )
                )
            ):
                lines.append(
                    Measure(
                        function="sum",
                        table=table.key,
                        column=price,
                        times=spelled["quantity"].name,
                    )
                )
        for measures in (totals, lines):
            fitting = [
                m for m in measures if all(self.joins.is_up(m.table, other) for other in others)
            ]
            if len(fitting) == 1:
                return fitting[0]
        return None

    def key_of(self, table: str) -> Column | None:
        return single_key(self.table(table))
