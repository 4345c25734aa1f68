"""Tables of a page: ruled ones from their lines, unruled ones from the gaps between words.

The lines of ruled tables go through pdfplumber's table finder; the words in the cells are those of
the page, so that every cell keeps its exact place. A table without rules is a stretch of rows whose
pieces stand under each other in columns and are too short for prose.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stoa.core.knowledge.parsing.layout import Block, Row, rows_of
from stoa.core.knowledge.parsing.words import Rectangle, Run, Word, is_rtl, run_of, runs_of

Cell = list[Run]

_TOLERANCE = 3.0
_LEAST_EDGE = 4.0
_MOST_EDGES = 3_000
_LEAST_ROWS = 3
_LEAST_SPLIT_COLUMNS = 3
_SPLIT_FILL = 0.7
_SPLIT_WORDS = 3.0
_CELL_WORDS = 6.0
"""Cells of an unruled table have at most this many words in the mean."""


@dataclass
class Table:
    """Rows of cells; a cell holds its lines. The box is in the points of the layout."""

    rows: list[list[Cell]]
    box: Rectangle


@dataclass(slots=True)
class Edge:
    """A straight ruling line, or a side of a box."""

    x0: float
    y0: float
    x1: float
    y1: float
    drawn: bool = True
    """Whether ink marks it, and not only the end of a coloured ground."""

    @property
    def is_horizontal(self) -> bool:
        return self.x1 - self.x0 >= self.y1 - self.y0


def ruled_tables(words: list[Word], edges: Sequence[Edge]) -> tuple[list[Table], list[Word]]:
    """The tables that ruling lines enclose, and the words outside of them."""
    tables: list[Table] = []
    for chosen in ([edge for edge in edges if edge.drawn], edges):
        for cells in _grids(chosen):
            table = _fill(cells, words)
            if table is not None:
                tables.append(table)
                words = _outside(table, words)
        if tables:
            break  # coloured grounds count only where nothing is ruled
    return tables, words


def _outside(table: Table, words: list[Word]) -> list[Word]:
    inside = {id(word) for row in table.rows for cell in row for run in cell for word in run.words}
    return [word for word in words if id(word) not in inside]


def _grids(edges: Sequence[Edge]) -> list[list[Rectangle]]:
    if not 3 <= len(edges) <= _MOST_EDGES:
        return []
    from pdfplumber.table import (  # noqa: PLC0415 - costs 0.1 s, needed on few pages
        cells_to_tables,
        edges_to_intersections,
        intersections_to_cells,
        merge_edges,
    )

    merged = merge_edges(
        [_as_pdfplumber(edge) for edge in edges],
        snap_x_tolerance=_TOLERANCE,
        snap_y_tolerance=_TOLERANCE,
        join_x_tolerance=_TOLERANCE,
        join_y_tolerance=_TOLERANCE,
    )
    long = [edge for edge in merged if max(edge["width"], edge["height"]) >= _LEAST_EDGE]
    crossings = edges_to_intersections(long, _TOLERANCE, _TOLERANCE)
    grids: list[list[Rectangle]] = cells_to_tables(intersections_to_cells(crossings))
    return grids


def _as_pdfplumber(edge: Edge) -> dict[str, object]:
    return {
        "object_type": "line",
        "orientation": "h" if edge.is_horizontal else "v",
        "x0": edge.x0,
        "x1": edge.x1,
        "top": edge.y0,
        "bottom": edge.y1,
        "doctop": edge.y0,
        "width": edge.x1 - edge.x0,
        "height": edge.y1 - edge.y0,
    }


def _fill(cells: list[Rectangle], words: Sequence[Word]) -> Table | None:
    """Put the words into their cells; None for what is a frame around text and no table."""
    tops = sorted({cell[1] for cell in cells})
    if len({cell[0] for cell in cells}) < 2 or len(tops) < 2:
        return None
    inside: dict[Rectangle, list[Word]] = {cell: [] for cell in cells}
    for word in words:
        x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
        home = next((c for c in cells if c[0] <= x < c[2] and c[1] <= y < c[3]), None)
        if home:
            inside[home].append(word)
    if sum(1 for held in inside.values() if held) < 3:
        return None
    places = {(cell[1], cell[0]): _lines_of(held) for cell, held in inside.items()}
    lefts = sorted({left for _, left in places})
    grid = [[places.get((top, left), []) for left in lefts] for top in tops]
    rows = [part for row in grid if any(row) for part in _split(row)]
    return Table(_tidied(rows), _hull(cells))


def _split(row: list[Cell]) -> list[list[Cell]]:
    """Rows without a rule between them, taken apart again.

    Where most cells have a short piece on each line, or one cell holds all lines, the lines are
    rows; where only some cells have more than one line, or the lines are long, the text is wrapped.
    """
    runs = [run for cell in row for run in cell]
    lines = rows_of(runs)
    used = [cell for cell in row if cell]
    full = len(runs) >= _SPLIT_FILL * len(lines) * len(used)
    short = sum(len(run.words) for run in runs) <= _SPLIT_WORDS * len(runs)
    if len(used) > 1 and not (full and short and len(used) >= _LEAST_SPLIT_COLUMNS):
        return [row]
    homes = {id(run): index for index, cell in enumerate(row) for run in cell}
    parts: list[list[Cell]] = []
    for line in lines:
        part: list[Cell] = [[] for _ in row]
        for run in line:
            part[homes[id(run)]].append(run)
        parts.append(part)
    return parts


def _tidied(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Without empty columns; the first column is the one that is read first."""
    used = [index for index in range(len(rows[0])) if any(row[index] for row in rows)]
    if is_rtl(" ".join(run.text for row in rows for cell in row for run in cell)):
        used.reverse()
    return [[row[index] for index in used] for row in rows]


def _hull(boxes: Sequence[Rectangle]) -> Rectangle:
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _lines_of(words: list[Word]) -> Cell:
    return [run_of([w for run in row for w in run.words]) for row in rows_of(runs_of(words))]


def unruled_tables(rows: Block) -> list[Block | Table]:
    """Cut a block of rows into stretches of prose and tables, in order."""
    result: list[Block | Table] = []
    prose: Block = []
    index = 0
    while index < len(rows):
        end = _table_end(rows, index)
        if end is None:
            prose.append(rows[index])
            index += 1
            continue
        if prose:
            result.append(prose)
            prose = []
        result.append(_as_table(rows[index:end]))
        index = end
    if prose:
        result.append(prose)
    return result


def _table_end(rows: Block, start: int) -> int | None:
    """Where the table that starts at this row ends, if one does."""
    if len(rows[start]) < 2:
        return None
    end = start
    while end < len(rows) and len(rows[end]) >= 2 and _near(rows, end, start):
        end += 1
    while end - start >= _LEAST_ROWS:
        candidate = rows[start:end]
        if _is_tabular(candidate):
            return end
        end -= 1
    return None


def _near(rows: Block, index: int, start: int) -> bool:
    if index == start:
        return True
    above, here = rows[index - 1], rows[index]
    gap = min(run.y0 for run in here) - max(run.y1 for run in above)
    return gap < 2.5 * max(run.size for run in here)


def _is_tabular(rows: Sequence[Row]) -> bool:
    cells = [run for row in rows for run in row]
    if sum(len(run.words) for run in cells) > _CELL_WORDS * len(cells):
        return False
    columns = columns_of(rows)
    if len(columns) < 2:
        return False
    widths = [len(row) for row in rows]
    return sum(1 for width in widths if 2 * width > len(columns)) >= 0.6 * len(rows)


def columns_of(rows: Iterable[Row]) -> list[tuple[float, float]]:
    """Horizontal stretches that hold the pieces of all rows, with empty gutters between them."""
    spans = sorted((run.x0, run.x1) for row in rows for run in row)
    columns: list[tuple[float, float]] = []
    for x0, x1 in spans:
        if columns and x0 < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], x1))
        else:
            columns.append((x0, x1))
    return columns


def _as_table(rows: Sequence[Row]) -> Table:
    columns = columns_of(rows)
    filled: list[list[Cell]] = []
    for row in rows:
        cells: list[Cell] = [[] for _ in columns]
        for run in row:
            home = next(i for i, (x0, x1) in enumerate(columns) if x0 <= run.x0 <= x1)
            cells[home].append(run)
        filled.append(cells)
    boxes = [(run.x0, run.y0, run.x1, run.y1) for row in rows for run in row]
    return Table(_tidied(filled), _hull(boxes))
