"""Reading order: runs of words in, blocks of rows out. Knows nothing of PDF.

Columns are found by their left edges: where several runs start at one x and none crosses the gutter
before it, everything between two crossing runs is read column by column, each column in turn laid
out the same way. Only prose makes columns; narrow cells side by side are a table and stay in rows.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stoa.core.knowledge.parsing.words import Run, is_rtl

Row = list[Run]
Block = list[Row]

_MOST_COLUMNS = 5
_LEAST_ROWS = 3
"""A column has at least this many runs, or it is not one."""
_PROSE_WORDS = 3.2
"""Runs of prose have at least this many words in the mean."""
_CANDIDATES = 12


def blocks_of(runs: Sequence[Run], depth: int = 0) -> list[Block]:
    """Blocks in reading order; each a list of rows from top to bottom."""
    if not runs:
        return []
    gutter = _best_gutter(runs) if depth < _MOST_COLUMNS else None
    if gutter is None:
        return [rows_of(runs)]
    result: list[Block] = []
    for band in _bands(runs, gutter):
        if band.is_columns:
            sides = [band.left, band.right]
            if is_rtl(" ".join(run.text for run in band.left + band.right)):
                sides.reverse()
            for side in sides:
                result.extend(blocks_of(side, depth + 1))
        else:
            result.extend(
                [rows_of(band.everything)]
                if depth + 1 >= _MOST_COLUMNS or len(band.everything) == len(runs)
                else blocks_of(band.everything, depth + 1)
            )
    return result


def rows_of(runs: Iterable[Run]) -> Block:
    """Runs side by side share a row; rows from top to bottom, runs as the script runs."""
    rows: list[tuple[float, float, Row]] = []
    for run in sorted(runs, key=lambda run: (run.y0 + run.y1, run.x0)):
        if rows:
            top, bottom, row = rows[-1]
            overlap = min(bottom, run.y1) - max(top, run.y0)
            if overlap > 0.5 * min(bottom - top, run.y1 - run.y0):
                row.append(run)
                continue
        rows.append((run.y0, run.y1, [run]))
    return [_in_order(row) for _, _, row in rows]


def _in_order(row: Row) -> Row:
    if len(row) == 1:
        return row
    if is_rtl(" ".join(run.text for run in row)):
        return sorted(row, key=lambda run: -run.x1)
    return sorted(row, key=lambda run: run.x0)


@dataclass(slots=True)
class _Band:
    """What stands between two runs that cross the gutter, or a stretch of those runs."""

    left: list[Run]
    right: list[Run]
    crossing: list[Run]

    @property
    def everything(self) -> list[Run]:
        return self.left + self.right + self.crossing

    @property
    def is_columns(self) -> bool:
        return not self.crossing and _is_column(self.left) and _is_column(self.right)


def _is_column(runs: list[Run]) -> bool:
    return len(runs) >= _LEAST_ROWS and sum(len(run.words) for run in runs) >= _PROSE_WORDS * len(
        runs
    )


def _best_gutter(runs: Sequence[Run]) -> tuple[float, float] | None:
    """(end of the left column, start of the right one) that splits most runs into columns."""
    if len(runs) < 2 * _LEAST_ROWS:
        return None
    starts = Counter(round(run.x0 / 3) for run in runs)
    leftmost = min(run.x0 for run in runs)
    best: tuple[float, float] | None = None
    best_score = 0
    for start, count in starts.most_common(_CANDIDATES):
        edge = min(run.x0 for run in runs if abs(run.x0 / 3 - start) <= 1)
        if count < _LEAST_ROWS or edge <= leftmost + 20:
            continue
        gutter = (edge - 5.0, edge - 0.5)
        score = sum(
            min(len(band.left), len(band.right)) for band in _bands(runs, gutter) if band.is_columns
        )
        if score > best_score:
            best, best_score = gutter, score
    return best


def _bands(runs: Sequence[Run], gutter: tuple[float, float]) -> list[_Band]:
    """From top to bottom: stretches that respect the gutter, and the runs that cross it between."""
    end, start = gutter
    crossing = sorted(
        (run for run in runs if run.x0 < start and run.x1 > end), key=lambda run: run.y0 + run.y1
    )
    middles = [run.y0 + run.y1 for run in crossing]
    free = [_Band([], [], []) for _ in range(len(crossing) + 1)]
    for run in runs:
        if run.x0 < start and run.x1 > end:
            continue
        band = free[bisect(middles, run.y0 + run.y1)]
        (band.left if run.x1 <= end else band.right).append(run)
    result: list[_Band] = []
    pending: list[Run] = []
    for index, band in enumerate(free):
        if band.is_columns:
            if pending:
                result.append(_Band([], [], pending))
            result.append(band)
            pending = []
        else:
            pending += band.left + band.right
        if index < len(crossing):
            pending.append(crossing[index])
    if pending:
        result.append(_Band([], [], pending))
    return result
