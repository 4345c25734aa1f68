"""Names in a sentence: what is shown, what must exist, what something is said about."""

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.flags import is_flag
from stoa.solutions.ask_data.semantic.grammar.predicates import Predicates
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Condition, Measure
from stoa.solutions.ask_data.semantic.mentions import Item
from stoa.solutions.ask_data.semantic.vocabulary import PERSONS, SALES, VERBS


class Phrases(Predicates):
    """Names in a sentence."""

    def _name(self) -> None:
        start = self.at
        item = self.item
        if self._done(item) or self._plain_date(item):
            return
        if self._state(item):
            raise NotRead([item.text], f"“{item.text}” at some time, or from then on?", "ambiguous")
        if item.negative and self.resolve.dated(Head(item.names[0].table, item.names[0].column)):
            self._empty_date(item)
            return
        if (
            is_flag(self.naming, item.names[0])
            and (self._named(item) or item.negative)
            and (self.filtering or self._name_follows() or item.negative)
        ):
            near = [table.table] if (ahead := self.peek(1)) and (table := ahead.table()) else []
            self._flag(self.resolve.name(item, [*near, *self.near()], want="column"))
            return
        owner = [self.owner] if self.owner else []
        self.owner = None
        head = self._head(near=[*owner, *self._related_near()])
        if head.column is None:
            self.latest = head.table
            self._table(head, start)
        elif not self._column_condition(head):
            self._column(head, item)

    def _plain_date(self, item: Item) -> bool:
        """`return the id and the date`: of what the question is about."""
        vague = all(name.score <= 0.7 for name in item.names)
        shown = self.returning or self.listing
        if item.text.lower() not in ("date", "dates") or not (vague and shown):
            return False
        found = self.resolve.date_of(self._when())
        if found is None:
            return False
        self.at += 1
        self._output(Head(found.table, found.column))
        return True

    def _state(self, item: Item) -> bool:
        """`exhibitions that were open in 2022`, of which only the day of the opening is kept."""
        before = self.items[self.at - 1] if self.at else None
        linked = before is not None and "is" in before.ops and not item.text.lower().endswith("ed")
        return (
            linked
            and self._dated_name(item)
            and not any(self.naming.says(name, item.tokens[-1]) for name in item.names)
        )

    def _empty_date(self, item: Item) -> None:
        """`unpaid invoices`: the date of the payment is not there."""
        ahead = self.peek(1)
        table = ahead.table() if ahead else None
        near = [*([table.table] if table else []), *self.near()]
        self._flag(self.resolve.name(item, near, want="column"))

    def _done(self, item: Item) -> bool:
        """`bought`, `ordered`: the table that keeps what was done must have a row."""
        text = item.text.lower()
        if text not in VERBS or (item.names[0].score > 0.9 and not self.who):
            return False
        if self.base is None:
            table = item.table()
            if not self.who or table is None or not self._person([table.table]):
                return False
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if (
            ahead is not None
            and set(ahead.ops) & {"max", "min", "most", "fewest"}
            and item.table() is None
        ):
            self.at += 1  # `earns the highest salary` says it twice
            return True
        head = self.resolve.name(item, self.near())
        if head.column is not None:
            skipped = item.filler and not any(
                each.period for each in self.items[self.at : self.at + 4]
            )
            self.at += skipped  # `enrolled in Algebra` is not about the date
            return skipped
        self.at += 1
        self.sold = self.sold or text in SALES
        if self.negate:
            self._relate(head.table, negated=True)
        else:
            self._mention(head.table)
        self.done = head.table
        self._rehome(head.table)
        return True

    def _rehome(self, table: str) -> None:
        """`products that Nora bought`: Nora's name speaks of the purchase, though it came before."""
        if not self.related or self.related[-1].table != table or self.base is None:
            return
        base = self.base
        moved = [
            group for group in self.groups
            if all(not self.joins.is_up(base, each.column.table) for each in group)
        ]  # fmt: skip
        self.groups = [group for group in self.groups if group not in moved]
        self.related_conditions.setdefault(len(self.related) - 1, []).extend(moved)

    def _table(self, head: Head, start: int) -> None:
        person = self.naming.words[head.table][-1] in PERSONS
        if self.who and not self.outputs and not person and not self._person([head.table]):
            raise NotRead(["who"], f"who, of {head.table}?", "ambiguous")
        ahead = self.items[self.at] if self.at < len(self.items) else None
        own = self.resolve.key_of(head.table)
        if (
            ahead is not None
            and ahead.number is not None
            and own
            and own.kind == "integer"
            and not ahead.names
            and not ahead.period
        ):
            after = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
            if after is None or not after.names:
                self.at += 1
                self._mention(head.table)
                self._add(
                    Condition(
                        column=ColumnRef(table=head.table, column=own.name),
                        op="eq",
                        values=(int(ahead.number or 0),),
                    )
                )
                return
        if self.negate and self.base and head.table != self.base:
            self._relate(head.table, negated=True)
        elif (
            self.returning or self.base is None or (not self.filtering and self._and_before(start))
        ):
            counted = self.outputs[-1] if self.outputs else None
            if (
                self.returning
                and isinstance(counted, Measure)
                and self._and_before(start)
                and counted.column is None
            ):
                self._output(Measure(function="count", table=head.table))
                return  # `return the numbers of papers and journals`
            if not self.returning and self.outputs and not isinstance(self.outputs[-1], Head):
                raise NotRead([head.table], "two numbers of different things at once")
            self._output(head)
        else:
            self._mention(head.table)

    def _column(self, head: Head, item: Item) -> None:
        """A column that nothing is said about: an output, or something that must be filled in."""
        if self.returning and (ranked := self._ranked_of(head)) is not None:
            self._output(ranked)
            return
        filled = self.has and self.filtering and self.outputs and not self.returning
        if self.resolve.dated(head) and self._counted_by_unit():
            self.pending = head.ref  # `joined each year`
        elif self.listing and not self.negate:
            self._output(head)
        elif self.negate or filled or self._was_done(item):
            self._add(Condition(column=head.ref, op="not_null"))
        elif self.outputs and not self.returning and self._happened(head, item):
            self.filtering = True
        elif self.rank is not None and head in self.outputs:
            return  # `…, for the top 3 types by number of orders`
        elif self.rank is not None and self.outputs and self.filtering:
            raise NotRead([item.text], f"“{item.text}”: top by it?")
        elif self.filtering and not (self.returning or self.listing or self._listed_output()):
            raise NotRead([item.text], f"what about “{item.text}”?")
        elif self.outputs and not self.returning and self.acts(item) and self._object_next():
            self.filtering = True  # `which contact sent the most messages`
        elif not self.outputs and item.tokens[0].lower == "total" and self.resolve.numeric(head):
            self._output(Measure(function="sum", table=head.table, column=head.column))
        else:
            self._output(head)

    def _ranked_of(self, head: Head) -> Measure | None:
        """`… by total amount. Return the total amount`: the number of each group, not the column."""
        measures = [order.measure for order in self.order if isinstance(order.measure, Measure)]
        same = [each for each in measures if (each.table, each.column) == head[:2]]
        return same[0] if same else None

    def _was_done(self, item: Item) -> bool:
        """`which invoices were paid`, without saying when."""
        before = self.items[self.at - 2] if self.at >= 2 else None
        linked = before is not None and "is" in before.ops and self.base is not None
        timed = any(each.period or each.unit for each in self.items[self.at :])
        return linked and not timed and not self.returning and self.acts(item)

    def _object_next(self) -> bool:
        ahead = self.peek()
        return ahead is not None and bool(
            ahead.table() or set(ahead.ops) & {"most", "fewest", "gt", "ge", "lt", "le", "eq"}
        )

    def _happened(self, head: Head, item: Item) -> bool:
        """`messages sent by agents in each month`: a verb, which says of which date the month is."""
        if not self.resolve.dated(head) or not (self.acts(item) or item.text.lower() in VERBS):
            return False
        timed = any(each.unit or each.period for each in self.items[self.at :])
        self.pending = head.ref if timed else None
        return timed or (self.at < len(self.items) and self.item.text.lower() == "by")

    def _counted_by_unit(self) -> bool:
        """Whether `each year` or `per month` comes next."""
        ahead = self.items[self.at : self.at + 3]
        return (
            bool(ahead)
            and bool(set(ahead[0].ops) & {"group", "in"})
            and any(item.unit and not item.period for item in ahead)
        )

    def _listed_output(self) -> bool:
        return (
            not self.groups
            and not self.related
            and self.at >= 2
            and "and" in self.items[self.at - 2].ops
        )

    def _without(self) -> None:
        """`artists without albums`, `customers with no email`."""
        text = self.item.text
        self.at += 1
        self.skip("all", "of", "distinct")
        places = self._adjectives()
        if not self._name_here() or self.base is None:
            raise NotRead([text], f"“{text}” what?")
        head = self._head(near=self.near())
        self.negate = False
        if head.column is not None:
            self._add(Condition(column=head.ref, op="null"))
            return
        self._relate(head.table, negated=True)
        self._describe(places, head)

    def _every(self) -> bool:
        """`who bought all products`: each of them, not any."""
        if not self.filtering or self.item.text.lower() in ("any",):
            return False
        before = self.items[self.at - 1] if self.at else None
        return before is not None and not set(before.ops) & {"in", "of", "from", "group", "not"}
