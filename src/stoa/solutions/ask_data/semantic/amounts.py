"""Which column holds the money. Knows no grammar."""

from collections.abc import Sequence
from typing import Final

from stoa.solutions.ask_data.semantic.columns import Columns
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Measure
from stoa.solutions.ask_data.semantic.stems import stem

MONEY_TABLES: Final = frozenset(
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


class Amounts(Columns):
    """The amounts among the columns."""

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
            if stem(words[-1]) in MONEY_TABLES:
                name = next((spelled[each].name for each in _MONEY if each in spelled), None)
                if name:
                    totals.append(Measure(function="sum", table=table.key, column=name))
            price = next((spelled[each].name for each in _LINE_PRICE if each in spelled), None)
            if (
                price
                and "quantity" in spelled
                and any(
                    stem(word) in MONEY_TABLES
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
