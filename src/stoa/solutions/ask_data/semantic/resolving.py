"""Which of its readings a word has: the column, table or value that lies nearest to what else was said.

Each reading costs: how far its name is from the word, and how far its table is from the tables that the
question names. Two readings that cost the same are ambiguous, and said to be. Knows no grammar.
"""

from collections.abc import Sequence

from stoa.solutions.ask_data.semantic.amounts import MONEY_TABLES, Amounts
from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.dating import Dates
from stoa.solutions.ask_data.semantic.joins import Joins
from stoa.solutions.ask_data.semantic.meaning import ColumnRef
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.naming import DISPLAY, Name, Naming, ValueName
from stoa.solutions.ask_data.semantic.stems import stem
from stoa.solutions.ask_data.semantic.vocabulary import SALES

_MARGIN = 0.12
_FAR = 20.0


class Resolver(Dates, Amounts):
    """Chooses readings, given the tables that the question names (`context`)."""

    def __init__(self, naming: Naming, joins: Joins, items: Sequence[Item]) -> None:
        super().__init__(naming, joins)
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
                stem(self.naming.words[step.to_table][-1]) in MONEY_TABLES
                for step in self.joins.steps(table.key)
                if step.up
            )
        ]

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

    # --- values and words ----------------------------------------------------------------

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
