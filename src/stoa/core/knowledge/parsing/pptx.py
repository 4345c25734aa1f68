"""PPTX: a slide is a page; its title, shapes from top to bottom, tables, and the speaker's notes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pptx
from pptx.exc import PythonPptxError
from pptx.util import Emu

from stoa.core.knowledge.pages import ParsedPage
from stoa.core.knowledge.parsing import kinds, refusal
from stoa.core.knowledge.parsing.flowing import Block, heading, page_of, row
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import Opened, Patience

_DEEPEST_GROUP = 8


def open_pptx(path: Path, limits: Limits) -> Opened:
    """Raises InvalidInput for a file that python-pptx can't follow, TooLarge over the page limit."""
    try:
        presentation = pptx.Presentation(str(path))
        slides = len(presentation.slides)
        title = presentation.core_properties.title or ""
    except (
        PythonPptxError,
        KeyError,
        ValueError,
        AttributeError,
        BadZipFile,
        SyntaxError,
    ) as error:
        raise refusal.damaged("PPTX") from error
    if slides == 0:
        raise refusal.damaged("PPTX", "it has no slides")
    if slides > limits.pages:
        raise refusal.too_large(f"It has {slides:,} slides", f"{limits.pages:,} pages")

    def read(first: int, patience: Patience) -> Iterator[ParsedPage]:
        for number in range(first, slides + 1):
            yield page_of(number, _slide(presentation.slides[number - 1]))

    if title == "PowerPoint Presentation":
        title = ""  # what the program writes when nobody named it
    return Opened(kinds.PPTX.media_type, title, slides, read)


def _slide(slide: Any) -> Iterator[Block]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield heading(title.text_frame.text, 1)
    skip = title.shape_id if title is not None else None
    for shape in _in_order(slide.shapes):
        if shape.shape_id != skip:
            yield from _shape(shape, 0)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield Block("paragraph", f"Notes: {notes}")


def _in_order(shapes: Iterable[Any]) -> list[Any]:
    return sorted(shapes, key=lambda shape: (shape.top or Emu(0), shape.left or Emu(0)))


def _shape(shape: Any, depth: int) -> Iterator[Block]:
    if hasattr(shape, "shapes") and depth < _DEEPEST_GROUP:
        for inner in _in_order(shape.shapes):
            yield from _shape(inner, depth + 1)
    elif getattr(shape, "has_table", False):
        for table_row in shape.table.rows:
            cells = [cell.text_frame.text for cell in table_row.cells]
            if any(cell.strip() for cell in cells):
                yield row(cells)
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape.chart)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            text = "".join(run.text for run in paragraph.runs).replace("\v", "\n").strip()
            if text:
                yield Block("item" if paragraph.level else "paragraph", text)


def _chart(chart: Any) -> Iterator[Block]:
    if chart.has_title and chart.chart_title.has_text_frame:
        yield Block("paragraph", chart.chart_title.text_frame.text)
    for plot in chart.plots:
        yield row(["", *(str(category) for category in plot.categories)])
        for series in plot.series:
            yield row(
                [series.name, *("" if value is None else f"{value:g}" for value in series.values)]
            )
