"""How the tables of a catalogue hang together: keys, and the shortest ways along them.

Keys that the database does not declare are guessed from names (`customer_id` beside `customer.id`) and
from counted values (a column that repeats nowhere). Knows no question.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stoa.core.tables.catalogue import Column, Table
from stoa.solutions.ask_data.semantic.keys import KEY_WORDS, single_key
from stoa.solutions.ask_data.semantic.naming import Naming
from stoa.solutions.ask_data.semantic.splitting import name_words

_UP, _DOWN, _GUESSED = 1.0, 1.2, 0.15
_SHARED_PARENT = 1.0
"""Rows that only share a parent have little to do with each other."""
_AS_GOOD = 1.3


@dataclass(frozen=True)
class Step:
    """One join: from a table to the next. `up`: at most one row there for each row here."""

    table: str
    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    up: bool
    cost: float

    def back(self) -> "Step":
        cost = self.cost + (_DOWN - _UP if self.up else _UP - _DOWN)
        return Step(self.to_table, self.to_columns, self.table, self.columns, not self.up, cost)


class Ambiguous(Exception):
    """Two tables hang together in two ways of the same length."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} are connected in more than one way")
        self.tables = (one, other)


class Joins:
    """The graph of keys."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._steps: dict[str, list[Step]] = defaultdict(list)
        declared = [step for table in naming.catalogue.tables for step in _declared(table)]
        for step in declared:
            self._add(step)
        taken = {(step.table, step.columns) for step in declared}
        for step in self._guessed():
            if (step.table, step.columns) not in taken and (step.table, step.to_table) not in {
                (each.table, each.to_table) for each in declared
            }:
                self._add(step)
        self._ways: dict[tuple[str, str], list[Step] | Ambiguous | None] = {}

    def _add(self, step: Step) -> None:
        self._steps[step.table].append(step)
        self._steps[step.to_table].append(step.back())

    def steps(self, table: str) -> list[Step]:
        """All joins from a table."""
        return self._steps.get(table, [])

    def way(self, start: str, end: str) -> list[Step] | None:
        """The shortest way between two tables; None where there is none.

        Raises Ambiguous: two ways are equally short.
        """
        if (start, end) not in self._ways:
            self._ways[start, end] = self._search(start, end)
        found = self._ways[start, end]
        if isinstance(found, Ambiguous):
            raise found
        return found

    def distance(self, start: str, end: str) -> float:
        """How far apart two tables are; 99 where they do not hang together."""
        if start == end:
            return 0.0
        try:
            way = self.way(start, end)
        except Ambiguous:
            return 2.0
        return 99.0 if way is None else sum(step.cost for step in way)

    def is_up(self, start: str, end: str) -> bool:
        """Whether each row of `start` has at most one row of `end`."""
        try:
            way = [] if start == end else self.way(start, end)
        except Ambiguous:  # said where the two are joined, if they ever are
            return False
        return way is not None and all(step.up for step in way)

    def nearest(self, tables: Iterable[str], end: str) -> float:
        """The distance from the nearest of several tables."""
        return min((self.distance(table, end) for table in tables), default=0.0)

    def _search(self, start: str, end: str) -> list[Step] | Ambiguous | None:
        best: dict[str, float] = {start: 0.0}
        queue: list[tuple[float, int, str, list[Step]]] = [(0.0, 0, start, [])]
        found: list[list[Step]] = []
        limit, count = 99.0, 0
        while queue:
            cost, _, table, way = heapq.heappop(queue)
            if cost > limit + 1e-9 or len(way) > 6:
                continue
            if table == end:
                found.append(way)
                limit = cost
                continue
            for step in self._steps.get(table, ()):
                total = cost + step.cost
                if way and way[-1].up and not step.up:
                    total += _SHARED_PARENT
                if total <= best.get(step.to_table, 99.0) + 1e-9 and all(
                    step.to_table != each.table for each in way
                ):
                    best[step.to_table] = min(total, best.get(step.to_table, 99.0))
                    count += 1
                    heapq.heappush(queue, (total, count, step.to_table, [*way, step]))
        if not found:
            return None
        if len(found) > 1 or self._another(start, end, found[0], limit):
            return Ambiguous(start, end)
        return found[0]

    def _another(self, start: str, end: str, way: list[Step], cost: float) -> bool:
        """Whether a way over other tables is about as short, where rows meet many to many."""
        if len(way) < 2 or all(step.up for step in way):
            return False
        avoided = {step.to_table for step in way[:-1]}
        queue: list[tuple[float, int, str, bool]] = [(0.0, 0, start, False)]
        seen: dict[str, float] = {}
        count = 0
        while queue:
            here, _, table, up = heapq.heappop(queue)
            if table == end:
                return True
            for step in self._steps.get(table, ()):
                total = here + step.cost + (_SHARED_PARENT if up and not step.up else 0.0)
                within = total <= cost + _AS_GOOD and total < seen.get(step.to_table, 99.0)
                if step.to_table not in avoided and within:
                    seen[step.to_table] = total
                    count += 1
                    heapq.heappush(queue, (total, count, step.to_table, step.up))
        return False

    # --- guessing keys -----------------------------------------------------------------------

    def _key_words(
        self, table: Table, column: Column, known: Mapping[tuple[str, ...], object]
    ) -> set[tuple[str, ...]]:
        """The wordings that a column may name another table's key by; shorter ones only where it must."""
        whole = {
            self._naming.without_prefix(_words(column)),
            *self._naming.stripped(table, column),
        }
        if any(words in known for words in whole):
            return whole
        return {shorter for words in whole for shorter in _shortened(words) if shorter in known}

    def _guessed(self) -> list[Step]:
        keys = [
            (table, column)
            for table in self._naming.catalogue.tables
            if (column := single_key(table)) is not None
        ]
        by_words: dict[tuple[str, ...], list[tuple[Table, Column]]] = defaultdict(list)
        for table, column in keys:
            own = self._naming.words[table.key]
            full = self._naming.without_prefix(_words(column))
            by_words[full].append((table, column))
            last = full[-1] if full[-1] in KEY_WORDS else "id"
            for words in {(*own, last), (*own, "id"), (*own[-1:], "id")}:
                if (table, column) not in by_words[words]:
                    by_words[words].append((table, column))
        steps = []
        for table in self._naming.catalogue.tables:
            own_key = single_key(table)
            for column in table.columns:
                for words in self._key_words(table, column, by_words):
                    if words in (("id",), ("name",)):
                        continue
                    ends = [each for each in by_words.get(words, []) if each[0].key != table.key]
                    if len(ends) > 1:  # the owner is the one that the key is called after
                        ends = [
                            each
                            for each in ends
                            if each[0].name[0].lower() == column.name[0].lower()
                        ]
                    named = bool(ends) and words[:-1] == self._naming.words[ends[0][0].key]
                    if (
                        len(ends) == 1
                        and (column != own_key or named)
                        and ends[0][1].kind == column.kind
                    ):
                        other, key = ends[0]
                        step = Step(
                            table.key, (column.name,), other.key, (key.name,), True, _UP + _GUESSED
                        )
                        if step not in steps:
                            steps.append(step)
        return steps


def _shortened(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """`agent id` for `assigned agent id`: the key without the role that it plays."""
    if words[-1] in KEY_WORDS:
        yield from (words[start:] for start in range(1, len(words) - 1))


def _words(column: Column) -> tuple[str, ...]:
    return name_words(column.name)


def _declared(table: Table) -> list[Step]:
    return [
        Step(
            table.key,
            key.columns,
            key.to_table,
            key.to_columns,
            True,
            _UP + (_GUESSED if key.inferred else 0),
        )
        for key in table.foreign_keys
        if key.to_table != table.key
    ]
