"""Keyword search in PostgreSQL: BM25 over a GIN index, counted within the scope.

PostgreSQL's own ranks know nothing of how rare a word is. So the words of a question are counted in
the scope first, rows are taken by the rarest ones, and scored by all. It knows the columns of the
index table, and not who made it.
"""

import math
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from stoa.core.knowledge.index.index import Scope

_K1: Final = 1.2
_B: Final = 0.75
_ROWS_SCORED: Final = 2_000
_WORDS_SCORED: Final = 16
_COUNTED: Final = 20_000
_COUNTS_LAST: Final = 60.0
_COUNTS_FROM: Final = 5_000
_COUNTS_KEPT: Final = 1_000
_EVEN: Final[sa.ColumnElement[Any]] = sa.literal_column("'{1,1,1,1}'::real[]")
_ONE_OCCURRENCE: Final = math.pi**2 / 6
"""`ts_rank` of a word that stands once is its weight divided by this."""

_ScopeKey = tuple[str, str, frozenset[str], frozenset[str] | None]


@dataclass(frozen=True)
class _Counts:
    """How many rows a scope has, how long they are, and how many hold each word."""

    at: float
    rows: int
    average: float
    holding: dict[str, int]


class Ranking:
    """Makes the queries, and remembers the counts of large scopes for a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_ScopeKey, _Counts] = {}

    def query(
        self, connection: sa.Connection, table: sa.Table, scope: Scope, words: list[str]
    ) -> sa.Select[Any] | None:
        """Rows that hold one of the rarer words, scored by all; None where no row holds any."""
        counts = self._counted(connection, table, scope, words)
        held = [word for word in words if counts.holding[word]]
        held.sort(key=counts.holding.__getitem__)
        return _bm25(table, scope, counts, held[:_WORDS_SCORED]) if held else None

    def _counted(
        self, connection: sa.Connection, table: sa.Table, scope: Scope, words: list[str]
    ) -> _Counts:
        """Statistics of the scope, counted anew every minute: they shape scores, not who is found."""
        key = (table.name, scope.workspace, scope.collections, scope.documents)
        with self._lock:
            counts = self._counts.get(key)
            if counts is None or time.monotonic() - counts.at > _COUNTS_LAST:
                counts = None
        if counts is None:
            within = sa.select(sa.func.count(), sa.func.avg(table.c.length)).where(
                within_scope(table, scope)
            )
            rows, average = connection.execute(within).one()
            counts = _Counts(time.monotonic(), max(rows, 1), max(float(average or 1), 1.0), {})
        for word in words:
            # A word that no row held may stand in a document that was published since.
            if not counts.holding.get(word):
                counts.holding[word] = connection.scalar(_holding(table, scope, word)) or 0
        with self._lock:
            if len(self._counts) >= _COUNTS_KEPT:
                self._counts.clear()
            if counts.rows >= _COUNTS_FROM:  # few rows are counted fast, and change fast
                self._counts[key] = counts
        return counts


def within_scope(table: sa.Table, scope: Scope) -> sa.ColumnElement[bool]:
    """What may be found, as a condition inside the query."""
    row = table.c
    parts = [
        row.live,
        row.workspace_id == scope.workspace,
        row.collection.in_(sorted(scope.collections)),
    ]
    if scope.documents is not None:
        parts.append(row.document_id.in_(sorted(scope.documents)))
    return sa.and_(*parts)


def _bm25(table: sa.Table, scope: Scope, counts: _Counts, words: list[str]) -> sa.Select[Any]:
    """BM25 (Robertson & Zaragoza 2009). `words`: rarest first.

    Rows are taken that hold one of the rarest words, as many words as lead to a few thousand rows;
    a word that half of all rows hold finds nothing by itself, it only adds to the scores. What stands
    for a word's frequency is PostgreSQL's own rank of it, 1 for one occurrence, 1.25 for two, up to
    1.64, read in a microsecond.
    """
    row = table.c
    led: list[str] = []
    for word in words:
        if led and sum(counts.holding[each] for each in led) > _ROWS_SCORED:
            break
        led.append(word)
    taken = (
        sa.select(row.id, row.page, row.length, row.words)
        .where(within_scope(table, scope), row.words.op("@@")(_any_of(led)))
        .limit(_ROWS_SCORED * 2)
        .cte("taken")
    )
    norm = _K1 * (1 - _B + _B * taken.c.length / counts.average)
    score: sa.ColumnElement[Any] = sa.literal(0.0)
    for word in words:
        holding = counts.holding[word]
        idf = math.log(1 + (max(counts.rows - holding, 0) + 0.5) / (holding + 0.5))
        rank = sa.func.ts_rank(_EVEN, taken.c.words, _any_of([word])) * _ONE_OCCURRENCE
        score += idf * rank * (_K1 + 1) / (rank + norm)
    return sa.select(taken.c.id, taken.c.page, score.label("score")).order_by(
        sa.desc("score"), taken.c.id
    )


def _holding(table: sa.Table, scope: Scope, word: str) -> sa.Select[Any]:
    """How many rows of the scope hold a word; beyond some ten thousand it makes no difference."""
    some = (
        sa.select(sa.literal(1))
        .where(within_scope(table, scope), table.c.words.op("@@")(_any_of([word])))
        .limit(_COUNTED)
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(some)


def _any_of(words: list[str]) -> sa.ColumnElement[Any]:
    """A query for any of the words; prepared ones hold letters and digits only."""
    return sa.cast(" | ".join(f"'{word}'" for word in words), TSQUERY)
