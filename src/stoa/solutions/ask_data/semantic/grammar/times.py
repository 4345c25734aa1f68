"""Stretches of time, and the date that they speak of."""

from stoa.solutions.ask_data.semantic.grammar.comparisons import Comparisons
from stoa.solutions.ask_data.semantic.meaning import Condition, Value
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.periods import Period
from stoa.solutions.ask_data.semantic.resolving import NotRead


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
        self._when_is(period)

    def _when_is(self, period: Period) -> None:
        ref = self.pending or self.resolve.date_of(self._when())
        self.pending = None
        if ref is None:
            raise NotRead([period.text], f"nothing here has a date for “{period.text}”")
        if self.negate:
            raise NotRead(["not"], f"not in {period.text}")
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
