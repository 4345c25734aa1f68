"""Conditions of a reading: values, flags and texts, kept with the rows that they speak of."""

from collections.abc import Sequence
from typing import Final

from stoa.solutions.ask_data.semantic.columns import Head, NotRead
from stoa.solutions.ask_data.semantic.grammar.cursor import Cursor
from stoa.solutions.ask_data.semantic.meaning import (
    ColumnRef,
    Condition,
    Number,
    Operator,
    Order,
    Related,
)
from stoa.solutions.ask_data.semantic.vocabulary import PERSONS

NEGATED: Final[dict[Operator, Operator]] = {
    "eq": "ne", "in": "not_in", "gt": "le", "ge": "lt", "lt": "ge", "le": "gt", "ne": "eq",
    "null": "not_null", "not_null": "null", "true": "false", "false": "true",
    "weekend": "workday", "workday": "weekend",
}  # fmt: skip


class Conditions(Cursor):
    """Conditions of a reading."""

    def _output(self, output: Head | Number) -> None:
        if not isinstance(output, Head) and self.rank is not None:
            self._ranked_by(output, shown=True)
            return
        if self.returning and isinstance(output, Head) and output.column is None:
            shown = self.naming.display(self.resolve.table(output.table))
            self.outputs += [Head(output.table, name) for name in shown]
            return
        if output not in self.outputs:
            self.outputs.append(output)
        if self.base is None:
            self.base = output.table

    def _ranked_by(
        self, measure: Number, *, shown: bool = False, descending: bool | None = None
    ) -> None:
        down = self.rank if descending is None else descending
        self.order.append(Order(measure=measure, descending=True if down is None else down))
        self.limit = 1 if self.limit is None else self.limit
        self.rank = None
        if shown or self.limit > 1:
            self.shown_rank = measure

    def _rank_column(self, ref: ColumnRef, descending: bool) -> None:
        heads = [each.table for each in self.outputs if isinstance(each, Head)]
        if heads and ref.table not in heads and self.joins.is_up(heads[0], ref.table):
            raise NotRead([ref.column], f"the {ref.column} of {ref.table} for many of {heads[0]}")
        self.order.append(Order(column=ref, descending=descending))
        self.limit = 1 if self.limit is None else self.limit
        self.rank = None

    def _person(self, around: Sequence[str]) -> bool:
        """Take the one table of people near these as what `who` asks for."""
        people = [
            table.key
            for table in self.naming.catalogue.tables
            if self.naming.words[table.key][-1] in PERSONS
        ]
        near = sorted((self.joins.nearest(around, each), each) for each in people)
        near = [each for each in near if each[0] < 4]
        if not near or (len(near) > 1 and near[1][0] - near[0][0] < 0.9):
            return False
        self._output(Head(near[0][1], None))
        self.filtering = True
        return True

    def _relate(self, table: str, *, negated: bool) -> None:
        self.related.append(Related(table=table, negated=negated))
        self.negate = self.has = False
        self.filtering = True
        self.last_group = None

    def _join_table(self, table: str) -> None:
        """A table that is named beside the base: its rows must be there."""
        if self.base is None or table == self.base or self.joins.is_up(self.base, table):
            return
        if not any(each.table == table for each in self.related):
            self.related.append(Related(table=table))

    def _mention(self, table: str) -> None:
        """`customers who placed orders`: a table that must be joined, or have rows."""
        if self.base is None:
            self.base = table
            return
        if any(key.table == table for key in self.keys) or table in self.near():
            return
        if any(self.joins.is_up(each.table, table) for each in self.related):
            return
        if self.done is not None and self.joins.distance(self.done, table) < 4:
            return  # `who bought garden products`: it is what was bought
        if any(self._carries(each.column.table, table) for group in self.groups for each in group):
            return  # `who finished an episode`: what was finished is one
        self.filtering = True
        if self.joins.distance(self.base, table) > 50:
            raise NotRead([table], f"{self.base} and {table} are not connected", "not_in_database")
        if not self.joins.is_up(self.base, table):
            ranked = [order.measure for order in self.order if order.measure]
            measured = any(each.table == table for each in (*self.numbers(), *ranked))
            if not measured:
                self._relate(table, negated=False)
        elif self.joins.is_up(self.base, table):
            self.mentioned.append(table)

    def _carries(self, many: str, table: str) -> bool:
        """Whether rows that a condition speaks of, of which there may be many, each have one of a table."""
        base = self.base or ""
        return not self.joins.is_up(base, many) and self.joins.is_up(many, table)

    def _add(self, condition: Condition) -> None:
        """Keep a condition, beside or as a choice with the one before it."""
        if self.negate and not self._of_many(condition):
            op = NEGATED.get(condition.op)
            if op is None:
                raise NotRead(["not"], "what is denied is not clear")
            condition = condition.model_copy(update={"op": op})
        if self.negate and self._of_many(condition):
            self._deny(condition)
            return
        if self.both and self._second(condition):
            self._both(condition)
            return
        merged = self._merged(condition)
        if merged:
            return
        self.negate = False
        group = [condition]
        home = self._home(condition.column.table)
        if self.joined_by_or and self.last_group is not None:
            self.last_group.append(condition)
        else:
            home.append(group)
            self.last_group = group
        self.joined_by_or = self.has = False
        self.filtering = True

    def _of_many(self, condition: Condition) -> bool:
        """Whether it speaks of rows that there may be many of for each row of the base."""
        table = condition.column.table
        return (
            self.base is not None
            and not self.sharing
            and not self.joins.is_up(self.base, table)
            and not self.related
        )

    def _deny(self, condition: Condition) -> None:
        """`artists who do not belong to Cubism`: none of the many may be so."""
        self._relate(condition.column.table, negated=True)
        group = [condition]
        self.related_conditions[len(self.related) - 1] = [group]
        self.last_group = group
        self.joined_by_or = False

    def _second(self, condition: Condition) -> bool:
        """Whether `both` has named its first of the same kind before this one."""
        last = self.last_group[-1] if self.last_group else None
        return last is not None and last.column == condition.column and not self.joined_by_or

    def _both(self, condition: Condition) -> None:
        """`in both the domain A and the domain B`: there must be a row of each."""
        table, last = condition.column.table, self.last_group
        if self.base is None or self.joins.is_up(self.base, table):
            raise NotRead(["both"], f"nothing has two of {table} at once")
        self.both = False
        if last in self.groups:
            self.groups.remove(last)
            self.related += [Related(table=table), Related(table=table)]
            first, second = len(self.related) - 2, len(self.related) - 1
            self.related_conditions |= {first: [last or []], second: [[condition]]}
            return
        place = next(at for at, groups in self.related_conditions.items() if last in groups)
        others = [group for group in self.related_conditions[place] if group != last]
        self.related.append(self.related[place])
        self.related_conditions[len(self.related) - 1] = [*others, [condition]]

    def _home(self, table: str) -> list[list[Condition]]:
        """The conditions of the related rows, where this table hangs on them; else those of the base."""
        for place, related in reversed(list(enumerate(self.related))):
            base = self.base or table
            here, there = (self.joins.distance(each, table) for each in (related.table, base))
            closer = here <= there if not self.joins.is_up(base, table) else here < there
            if table != base and (
                closer
                or (self.joins.is_up(related.table, table) and not self.joins.is_up(base, table))
            ):
                return self.related_conditions.setdefault(place, [])
        return self.groups

    def _merged(self, condition: Condition) -> bool:
        """`Paris or Oslo`, `Paris, Oslo and Rome`: one column, several values."""
        last = self.last_group[-1] if self.last_group else None
        if last is None or last.column != condition.column or not self._listed():
            return False
        together: dict[Operator, Operator] = {
            "eq": "in",
            "in": "in",
            "ne": "not_in",
            "not_in": "not_in",
        }
        if last.op not in together or condition.op not in ("eq", "ne"):
            return False
        if condition.op == "ne" and last.op not in ("ne", "not_in"):
            return False
        many = self.base is not None and not self.joins.is_up(self.base, condition.column.table)
        if (
            many
            and not self.joined_by_or
            and any("and" in item.ops and item.text != "," for item in self.items)
        ):
            raise NotRead(["and"], "both at once, or either of them?", "ambiguous")
        values = (*last.values, *condition.values)
        changed = last.model_copy(update={"op": together[last.op], "values": values})
        assert self.last_group is not None
        self.last_group[-1] = changed
        self.negate = self.joined_by_or = False
        return True

    def _listed(self) -> bool:
        """Whether this place follows `or`, `and` or a comma."""
        place = self.at - 2
        while place >= 0 and self.items[place].filler and not self.items[place].ops:
            place -= 1
        return any(
            set(item.ops) & {"or", "and"} for item in self.items[max(0, self.at - 4) : self.at - 1]
        )

    def finished_related(self) -> tuple[Related, ...]:
        """What is related, each with its conditions; none that says nothing beyond another."""
        made = []
        for place, related in enumerate(self.related):
            conditions = tuple(tuple(group) for group in self.related_conditions.get(place, []))
            made.append(related.model_copy(update={"conditions": conditions}))
        return tuple(made)

    def _related_near(self) -> list[str]:
        return [each.table for each in reversed(self.related)]

    def _value_near(self) -> list[str]:
        """A name right after the value says where it belongs: `Rock tracks`."""
        ahead = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        table = ahead.table() if ahead else None
        return [table.table, *self.near()] if table else self.near()

    def _value(self, near: Sequence[str] = (), column: ColumnRef | None = None) -> None:
        item = self.item
        if self.base is None and self.who and not near:
            self._person(list({value.table for value in item.values}))
        around = [*near, *self._related_near(), *self._value_near()]
        found = self.resolve.value(item, around, column)
        self.at += 1
        ref = ColumnRef(table=found.table, column=found.column)
        ahead = self.items[self.at] if self.at < len(self.items) else None
        if ahead is not None and any(
            (n.table, n.column) == (ref.table, ref.column) for n in ahead.names
        ):
            self.at += not self._compared_at(self.at + 1)  # `the north region`
        self._add(Condition(column=ref, op="eq", values=(found.value,)))

    def _flag(self, head: Head) -> None:
        value = not self.items[self.at].negative if self.at < len(self.items) else True
        self.at += 1
        if self.resolve.dated(head):  # `unresolved tickets` have no day on which they were resolved
            self._add(Condition(column=head.ref, op="not_null" if value else "null"))
            return
        self._add(Condition(column=head.ref, op="true" if value else "false"))

    def _text(self, head: Head, text: str) -> None:
        """A text that must stand in a column, or be the name of a row."""
        names = (
            [head.column]
            if head.column
            else list(self.naming.display(self.resolve.table(head.table)))
        )
        words = text.split()
        if len(names) == 2 and len(words) == 2:
            for name, word in zip(names, words, strict=True):
                self._equals(Head(head.table, name), word)
        elif len(names) == 1:
            self._equals(Head(head.table, names[0]), text)
        else:
            raise NotRead([text], f"which column holds “{text}”?")

    def _equals(self, head: Head, text: str) -> None:
        column = self.resolve.column(head)
        if column.kind != "text":
            raise NotRead([text], f"{head.column} does not hold text")
        known = [str(value).lower() for value in column.values or ()]
        if column.values is not None and text.lower() not in known:
            if any(text.lower() in value.split() for value in known):
                self._add(Condition(column=head.ref, op="contains", values=(text,)))
                return
            raise NotRead([text], f"{head.table}.{head.column} has no “{text}”", "not_in_database")
        self._add(Condition(column=head.ref, op="eq", values=(text,), ignore_case=True))
