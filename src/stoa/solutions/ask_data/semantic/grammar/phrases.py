"""Names in a sentence: what is shown, what must exist, what something is said about."""

from stoa.solutions.ask_data.semantic.grammar.times import Times
from stoa.solutions.ask_data.semantic.lexicon import PLACES, SALES, VERBS
from stoa.solutions.ask_data.semantic.meaning import ColumnRef, Condition, Measure, Operator
from stoa.solutions.ask_data.semantic.mentions import Item, is_flag
from stoa.solutions.ask_data.semantic.resolving import Head, NotRead
from stoa.solutions.ask_data.semantic.splitting import split_name


class Phrases(Times):
    """Names in a sentence."""

    def _name(self) -> None:
        start = self.at
        item = self.item
        if self._done(item):
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
            if not self.returning and self.outputs and isinstance(self.outputs[-1], Measure):
                raise NotRead([head.table], "two numbers of different things at once")
            self._output(head)
        else:
            self._mention(head.table)

    def _column(self, head: Head, item: Item) -> None:
        """A column that nothing is said about: an output, or something that must be filled in."""
        if self.negate or (self.has and self.filtering and self.outputs):
            self._add(Condition(column=head.ref, op="not_null"))
        elif self.rank is not None and self.outputs and self.filtering:
            raise NotRead([item.text], f"“{item.text}”: top by it?")
        elif self.filtering and not self.returning and not self._listed_output():
            raise NotRead([item.text], f"what about “{item.text}”?")
        else:
            self._output(head)

    def _listed_output(self) -> bool:
        return (
            not self.groups
            and not self.related
            and self.at >= 2
            and "and" in self.items[self.at - 2].ops
        )

    def _column_condition(self, head: Head) -> bool:
        """Whether a comparison follows the column, which is then read."""
        place = self.at
        self._pass_links()
        if self.at >= len(self.items):
            self.at = place
            return False
        item = self.item
        ops = set(item.ops)
        if self.returning or not (self.outputs or self.has or self.negate or self.base):
            self.at = place
            return False
        before = self.negate
        if "not" in ops:
            self.at += 1
            self.negate = True
            self._pass_links()
            if self.at >= len(self.items):
                raise NotRead(["not"], "not what?")
            item, ops = self.item, set(self.item.ops)
        if "null" in ops:
            self.at += 1
            self._add(Condition(column=head.ref, op="null"))
            return True
        if ops & {"starts", "ends", "like"}:
            self._pattern(head)
            return True
        when = self.resolve.dated(head) or self.resolve.yearly(head)
        if (
            when
            and (
                item.period
                or ops & {"before", "after", "gt", "lt", "ge", "le", "between", "from", "in"}
            )
            and self._period_soon()
        ):
            self.pending = head.ref
            return True
        if self.resolve.numeric(head) and (
            ops & {"gt", "ge", "lt", "le", "between", "eq"} or item.number is not None
        ):
            ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
            limits = (
                item.number is not None
                and ahead is not None
                and (ahead.superlative or ahead.table())
            )
            if not limits:
                self._compare(head.ref)
                return True
        if item.values and any((v.table, v.column) == head for v in item.values):
            self._value(column=head.ref)
            return True
        combined = self.at > 0 and any(
            token.lower == "of" for token in self.items[self.at - 1].tokens
        )
        if item.literal is not None and self.resolve.column(head).kind == "text" and not combined:
            self.at += 1
            self._text(head, item.literal)
            return True
        self.at, self.negate = place, before
        return False

    def _period_soon(self) -> bool:
        return any(item.period for item in self.items[self.at : self.at + 4])

    def _pass_links(self) -> None:
        while self.at < len(self.items):
            item = self.item
            if self.meant(item) or set(item.ops) & {
                "gt",
                "ge",
                "lt",
                "le",
                "between",
                "not",
                "starts",
                "ends",
                "like",
                "null",
                "and",
                "or",
                "group",
                "before",
                "after",
                "return",
                "order",
            }:
                return
            if set(item.ops) & {"is", "of", "named"} or item.text.lower() in (
                "the",
                "a",
                "an",
                "value",
                "of",
            ):
                self.at += 1
            else:
                return

    def _pattern(self, head: Head) -> None:
        ops = self.item.ops
        op: Operator = "starts" if "starts" in ops else "ends" if "ends" in ops else "contains"
        self.at += 1
        self.skip()
        if self.at >= len(self.items):
            raise NotRead(["with"], "with which text?")
        text = self.item.literal or " ".join(token.text for token in self.item.tokens)
        if self.item.literal is None and len(text) > 1 and not self.item.tokens[0].capital:
            raise NotRead([text], f"put “{text}” in quotes if it is a piece of text")
        self.at += 1
        if self.negate:
            raise NotRead(["not"], "a text that is not there")
        self._add(Condition(column=head.ref, op=op, values=(text,)))

    def _literal(self) -> None:
        """Text that isn't known as a value: a name, where the words before it say whose."""
        item = self.item
        text = item.literal or str(item.values[0].value)
        if item.values and not all(value.sampled for value in item.values):
            self._value()
            return
        before = self.items[self.at - 1] if self.at else None
        if (
            item.values
            and before is not None
            and set(before.ops) & {"in", "from"}
            and self._place(item)
        ):
            return
        place = self.at - 1
        while (
            before is not None
            and place > 0
            and (set(before.ops) & {"named", "is", "eq", "of"} or before.filler)
            and not before.names
        ):
            place -= 1
            before = self.items[place]
        head = None
        linked = any(
            set(each.ops) & {"of"} and not set(each.ops) & {"named"}
            for each in self.items[place + 1 : self.at]
        )
        if before is not None and before.names and not (linked and before.table()):
            head = self.resolve.name(before, self.near())
            if head.column and any(token.lower == "of" for token in before.tokens):
                head = Head(head.table, None)  # `the email of customer Luis Rojas`
        elif (
            self.at + 1 < len(self.items)
            and self.items[self.at + 1].names
            and self.items[self.at + 1].table()
        ):
            head = self.resolve.name(self.items[self.at + 1], self.near(), want="table")
        if head is None:
            raise NotRead(
                [item.text],
                f"“{item.text}”: say what it is the name of",
                "not_in_database",
            )
        self.at += 1
        self._text(head, text)

    def _place(self, item: Item) -> bool:
        """`customers in Paris`: a place of the base, though not all places are listed."""
        found = [
            value
            for value in item.values
            if value.table == self.base and set(split_name(value.column)) & PLACES
        ]
        if len(found) != 1:
            return False
        self._value(column=ColumnRef(table=found[0].table, column=found[0].column))
        return True

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
