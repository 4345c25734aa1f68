"""Percentages, fractions, ratios and rates: a part of the rows beside all of them, or beside others."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.flags import is_flag
from stoa.solutions.ask_data.semantic.grammar.phrases import Phrases
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Combined, Condition, Measure
from stoa.solutions.ask_data.semantic.meaning import Conditions as Groups
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.stems import word_set

_SAYING: Final = word_set("is with who which that")
_CIRCUMSTANCES: Final = word_set("in from for during among on at within")
_ENDING: Final = word_set("group order desc asc return")


class _Said(NamedTuple):
    """Conditions of one clause, and where it stood."""

    groups: Groups
    after_verb: bool
    circumstance: bool
    """It began with a preposition: `in 2022`, `for members from Oslo`."""


class Shares(Phrases):
    """Percentages, fractions, ratios and rates."""

    def _share(self, item: Item) -> None:
        """`what percentage of orders are cancelled`, `ratio of active to closed customers`."""
        if self.outputs or self.groups or self.related:
            raise NotRead([item.text], "a share of a share")
        self.at += 1
        self.skip("of")
        self.outputs.append(self._ratio(item) if "ratio" in item.ops else self._percentage(item))
        self.filtering = True

    def rate(self) -> Combined:
        """`success rate`: the percentage of the rows that are a success."""
        found = self.resolve.value(self.item, [*self.near(), *self.resolve.context])
        rows = Head(found.table, None)
        if (
            rows in self.outputs
            and (name := self.items[self.at - 1].table())
            and name.table == found.table
        ):
            self.outputs.remove(rows)  # `inspection pass rate`
        self.at += 1
        column = ColumnRef(table=found.table, column=found.column)
        where = ((Condition(column=column, op="eq", values=(found.value,)),),)
        return _part_of(found.table, where)

    # --- a part of the whole -----------------------------------------------------------------

    def _percentage(self, item: Item) -> Combined:
        rows = self._whole()
        whole = self._taken()
        said = self._spoken()
        if self.related:
            found = rows.model_copy(update={"related": self.finished_related()})
            self.related, self.related_conditions = [], {}
            self._hold([*whole, *(group for each in said for group in each.groups)])
            return Combined(kind="percent", first=found, second=rows)
        part, rest = _divided(said)
        if not part:
            part, whole = whole, ()
        if not part:
            raise NotRead([item.text], "which part of them?")
        self._hold([*whole, *rest])
        return _beside(rows, part)

    def _whole(self) -> Measure:
        """What a part is taken of: the number of `active customers`, the sum of `the total weight`."""
        self.skip("all", "of", "count", "sum")
        places = self._adjectives()
        if not self._name_here():
            raise NotRead([self.items[self.at - 1].text], "a share of what?")
        if self.item.table() is None:
            head = self._head(want="number")
            if self._is_key(head):
                raise NotRead([self.items[self.at - 1].text], "a share of what?")
            rows = Measure(function="sum", table=head.table, column=head.column)
        else:
            head = self._head(want="table")
            rows = Measure(function="count", table=head.table)
        self.base = head.table
        self._describe(places, head)
        return rows

    def _spoken(self, stop: str = "") -> list[_Said]:
        """What is said of the rows, clause by clause, up to a word that ends it."""
        said: list[_Said] = []
        verb = False
        self.sharing = self.filtering = True
        while self.at < len(self.items) and not self._ends(stop):
            place = self.at
            verb = verb or bool(set(self.item.ops) & _SAYING) or self.item.text.lower() == "that"
            self.clause()
            if self.at == place:
                raise NotRead([self.item.text], f"“{self.item.text}” has no place here")
            self._tie()
            if taken := self._taken():
                said.append(_Said(taken, verb, self._circumstance(place)))
        self.sharing = False
        if self.outputs:
            raise NotRead(["share"], "a share and something else")
        return said

    def _ends(self, stop: str) -> bool:
        ops = set(self.item.ops)
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        valued = self.item.text.lower() == "by" and ahead is not None and bool(ahead.values)
        grouping = bool(ops & {"group"}) and not self.item.names and not valued
        return (grouping or bool(ops & (_ENDING - {"group"}))) if not stop else stop in ops

    def _circumstance(self, place: int) -> bool:
        started = self.items[max(0, place - 1) : place + 1]
        return any(set(item.ops) & _CIRCUMSTANCES for item in started)

    def _tie(self) -> None:
        """`papers that appeared in journals`: those that have one."""
        for table in self.mentioned:
            step = next(
                (each for each in self.joins.steps(self.base or "") if each.to_table == table), None
            )
            if step is None:
                raise NotRead([table], f"whether there is a {table}")
            column = ColumnRef(table=step.table, column=step.columns[0])
            self.groups.append([Condition(column=column, op="not_null")])
        self.mentioned.clear()

    def _taken(self) -> Groups:
        taken = tuple(tuple(group) for group in self.groups)
        self.groups = []
        return taken

    def _hold(self, groups: Sequence[tuple[Condition, ...]]) -> None:
        """Let these hold for all rows, whatever the part is."""
        self.groups = [list(group) for group in groups]
        self.last_group = None

    # --- one part beside another -------------------------------------------------------------

    def _ratio(self, item: Item) -> Combined:
        """`A to B`, `A to all of them`, `refrigerated to dry containers`."""
        stop = "and" if "between" in item.text.lower() else "to"
        self.skip("all", "of", "count", "sum")
        places = self._adjectives()
        if self._flag_alone(stop):
            places.append((self.at, False))
            self.at += 1
        named = self._name_here()
        if named:
            self._side(places)
        part = self._groups_of(self._spoken(stop)) if named else ()
        if self.at >= len(self.items):
            raise NotRead([item.text], "a ratio of what to what?")
        self.at += 1
        if named and self._everything():
            return _part_of(self.base or "", part).model_copy(update={"kind": "fraction"})
        first = self.base
        self.last_group = None
        self.skip("all", "of", "count", "sum")
        self._side(self._adjectives())
        if not named:
            part, first = self._described_alone(places), self.base
        beside = self._taken() + self._groups_of(self._spoken())
        second, self.base = self.base, first
        return self._one_to_another(first or "", part, second or "", beside)

    def _described_alone(self, places: list[tuple[int, bool]]) -> Groups:
        """What the first side of a ratio says, where only the second says of what."""
        kept, self.groups = self.groups, []
        self._describe(places, Head(self.base or "", None))
        said, self.groups = self._taken(), kept
        return said

    def _one_to_another(self, first: str, part: Groups, second: str, beside: Groups) -> Combined:
        if first != second and (part or beside):
            raise NotRead(["ratio"], "a ratio of parts of different things")
        if first == second:
            beside, whole = _apart(beside, part)
            self._hold(whole)
            if not part or not beside:
                raise NotRead(["ratio"], "a ratio of what to what?")
        return Combined(
            kind="ratio",
            first=Measure(function="count", table=first, where=part),
            second=Measure(function="count", table=second, where=beside),
        )

    def _flag_alone(self, stop: str) -> bool:
        """`active to closed customers`: what the first is of comes with the second."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        return (
            self._name_here() and ahead is not None and stop in ahead.ops
            and bool(self.item.names) and is_flag(self.naming, self.item.names[0])
        )  # fmt: skip

    def _side(self, places: list[tuple[int, bool]]) -> None:
        """The rows that one side of a ratio counts."""
        if not self._name_here():
            raise NotRead([self.items[self.at - 1].text], "a ratio of what to what?")
        head = self._head(want="table")
        self.base = head.table
        self._describe(places, head)

    def _groups_of(self, said: list[_Said]) -> Groups:
        if self.related:
            raise NotRead([self.related[0].table], "a ratio in steps that I don't take")
        return (*self._taken(), *(group for each in said for group in each.groups))

    def _everything(self) -> bool:
        """`… to the total number of restaurants`: the same rows, all of them."""
        place = self.at
        self.skip("all", "of", "count", "sum")
        passed = self.items[place : self.at]
        whole = any(set(each.ops) & {"count", "sum", "all"} for each in passed)
        table = self.item.table() if self.at < len(self.items) else None
        if whole and table is not None and table.table == self.base:
            self.at += 1
            return True
        self.at = place
        return False


def _part_of(table: str, where: Groups) -> Combined:
    return _beside(Measure(function="count", table=table), where)


def _beside(rows: Measure, where: Groups) -> Combined:
    part = rows.model_copy(update={"where": where})
    return Combined(kind="percent", first=part, second=rows)


def _divided(said: list[_Said]) -> tuple[Groups, Groups]:
    """What is said of the part, and what of the whole.

    Of the whole speaks what comes before the verb (`orders in 2022 that were cancelled`), and a
    circumstance after another condition (`orders that were cancelled in 2022`).
    """
    after = [each for each in said if each.after_verb] or said
    part = [each for place, each in enumerate(after) if not place or not each.circumstance]
    rest = [each for each in said if each not in part]
    return _all_groups(part), _all_groups(rest)


def _all_groups(said: list[_Said]) -> Groups:
    return tuple(group for each in said for group in each.groups)


def _apart(other: Groups, part: Groups) -> tuple[Groups, Groups]:
    """Of `A to B in Rome`, what tells B from A, and what (`in Rome`) holds for both."""
    columns = {condition.column for group in part for condition in group}
    own = tuple(group for group in other if any(each.column in columns for each in group))
    return own, tuple(group for group in other if group not in own)
