"""Stretches of time, and the date that they speak of."""

from dataclasses import replace

from stoa.solutions.ask_data.semantic.columns import NotRead
from stoa.solutions.ask_data.semantic.grammar.comparisons import Comparisons
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Condition, Operator, Value
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.periods import Period


class Times(Comparisons):
    """Stretches of time, and the date that they speak of."""

    def _bound(self, item: Item) -> None:
        """`before 2012`, `since March 2020`, `between … and …`, `on or after …`."""
        ops = set(item.ops)
        text = item.text.lower()
        self.at += 1
        self.skip("in", "is")
        if self.at >= len(self.items) or self.item.period is None:
            word = self.items[min(self.at, len(self.items) - 1)].text
            raise NotRead([text], f"“{text} {word}”: when is that?")
        period = self.item.period
        self.at += 1
        if ops & {"between"} or (ops & {"from"} and self._to_period()):
            self.skip("and", "to")
            if self.at >= len(self.items) or self.item.period is None:
                raise NotRead([text], f"{text} when and when?")
            other = self.item.period
            self.at += 1
            self._when_is(
                Period(
                    period.start,
                    other.end,
                    f"{period.text} to {other.text}",
                    period.relative or other.relative,
                )
            )
            return
        from_start = text == "since" or ops & {"ge"} or (self._or_before(item) and ops & {"after"})
        to_end = ops & {"le"} or (self._or_before(item) and ops & {"before"})
        if ops & {"after", "gt", "ge", "from"}:
            start = period.start if from_start or ops & {"from"} else period.end
            self._when_is(Period(start, None, period.text, period.relative))
        else:
            self._when_is(
                Period(None, period.end if to_end else period.start, period.text, period.relative)
            )

    def _part_of_week(self, op: Operator) -> None:
        """`on weekends`: of whatever date says when."""
        ref = self.pending or self.resolve.date_of(self._when())
        if ref is None or self.resolve.yearly(ref):
            raise NotRead([self.item.text], f"nothing here has a date for “{self.item.text}”")
        self.pending = None
        self.at += 1
        self._add(Condition(column=ref, op=op))

    def _timed(self, ref: ColumnRef) -> bool:
        """Whether a stretch of time was said of this date already."""
        related = [group for groups in self.related_conditions.values() for group in groups]
        said = [each for group in (*self.groups, *related) for each in group if each.column == ref]
        starts = [each for each in said if each.op == "ge"]
        return bool(starts) and len(said) > len(starts)

    def _or_before(self, item: Item) -> bool:
        """`on or after`, where `or` was read just before."""
        place = next(i for i, each in enumerate(self.items) if each is item)
        found = (
            place >= 2
            and "or" in self.items[place - 1].ops
            and self.items[place - 2].text.lower() in ("on", "in", "at")
        )
        if found:
            self.joined_by_or = False
        return found

    def _to_period(self) -> bool:
        ahead = self.items[self.at : self.at + 3]
        return any("to" in item.ops or "and" in item.ops for item in ahead[:1]) and any(
            item.period for item in ahead
        )

    def _period(self, period: Period) -> None:
        self.at += 1
        ahead = self.items[self.at].text.lower() if self.at < len(self.items) else ""
        if ahead == "or later":  # `in 2022 or later`
            self.at += 1
            period = replace(period, end=None)
        elif ahead == "or earlier":
            self.at += 1
            period = replace(period, start=None)
        self._when_is(period)

    def _when_is(self, period: Period) -> None:
        ref = self.pending or self.resolve.date_of(self._when())
        self.pending = None
        if ref is None:
            raise NotRead([period.text], f"nothing here has a date for “{period.text}”")
        if self.negate:
            raise NotRead(["not"], f"not in {period.text}")
        if self.both or self._timed(ref):
            raise NotRead([period.text], "two times at once, or either of them?", "ambiguous")
        yearly = self.resolve.yearly(ref) and not self.resolve.dated(ref)
        for op, day in (("ge", period.start), ("lt", period.end)):
            if day is None:
                continue
            if yearly and (day.month, day.day) != (1, 1):
                raise NotRead([period.text], f"{ref.column} holds years only")
            value: Value = day.year if yearly else day.isoformat()
            kept = self.joined_by_or
            if kept:
                raise NotRead(["or"], "a choice between times")
            self._add(Condition(column=ref, op="ge" if op == "ge" else "lt", values=(value,)))
