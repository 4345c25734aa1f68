"""Percentages, fractions and ratios of rows."""

from stoa.solutions.ask_data.semantic.grammar.phrases import Phrases
from stoa.solutions.ask_data.semantic.meaning import Condition, Share
from stoa.solutions.ask_data.semantic.meaning import Conditions as Groups
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.resolving import Head, NotRead


class Shares(Phrases):
    """Percentages, fractions and ratios of rows."""

    def _share(self, item: Item) -> None:
        """`what percentage of orders are cancelled`, `ratio of active to closed customers`."""
        if self.outputs or self.share:
            raise NotRead([item.text], "a share of a share")
        ratio = "ratio" in item.ops
        self.at += 1
        self.skip("of")
        self._share_whole()
        assert self.base is not None
        whole = self._taken()
        self.filtering = True
        self._until("to" if ratio else "")
        part = self._taken()
        other: tuple[tuple[Condition, ...], ...] = ()
        if ratio:
            if self.at < len(self.items):
                self.at += 1
            if not part:
                part, whole = whole, ()
            self.last_group = None
            if self._whole_again():
                self.groups += [list(group) for group in whole]
                self.share = Share(kind="fraction", part=part)
                return
            self._until("")
            other, whole = _apart(self._taken(), part, whole)
            if not other:
                raise NotRead([item.text], "a ratio of what to what?")
        if not part:
            raise NotRead([item.text], "which part of them?")
        if self.related or self.keys or self.having or self.order:
            raise NotRead([item.text], "a share in steps that I don't take")
        self.groups += [list(group) for group in whole]
        self.share = Share(kind="ratio" if ratio else "percent", part=part, other=other)

    def _whole_again(self) -> bool:
        """`… to the total number of restaurants`, up to the end."""
        ahead = self.items[self.at :]
        rest = [
            each
            for each in ahead
            if not each.filler and not set(each.ops) & {"count", "sum", "all"}
        ]
        if len(rest) != 1 or not any(set(each.ops) & {"count", "sum", "all"} for each in ahead):
            return False
        table = rest[0].table()
        if table is None or table.table != self.base:
            return False
        self.at = len(self.items)
        return True

    def _share_whole(self) -> None:
        self.skip("all", "of")
        places = self._adjectives()
        if not self._name_here():
            raise NotRead([self.items[self.at - 1].text], "a share of what?")
        head = self._head(want="table")
        self._describe(places, head)
        self.base = head.table

    def _until(self, stop: str) -> None:
        while self.at < len(self.items):
            if stop and stop in self.item.ops and not self.item.names and stop == "to":
                return
            before = self.at
            self.clause()
            if self.at == before:
                raise NotRead([self.item.text], f"“{self.item.text}” has no place here")
        if self.outputs:
            self.outputs = [
                each
                for each in self.outputs
                if not (isinstance(each, Head) and each.table == self.base and each.column is None)
            ]
            if self.outputs:
                raise NotRead(["share"], "a share and something else")

    def _taken(self) -> tuple[tuple[Condition, ...], ...]:
        taken = tuple(tuple(group) for group in self.groups)
        self.groups.clear()
        self.last_group = None
        return taken


def _apart(other: Groups, part: Groups, whole: Groups) -> tuple[Groups, Groups]:
    """Of `A to B in Rome`, what tells B from A, and what (`in Rome`) holds for both."""
    columns = {condition.column for group in part for condition in group}
    own = tuple(group for group in other if any(each.column in columns for each in group))
    return own, (*whole, *(group for group in other if group not in own))
