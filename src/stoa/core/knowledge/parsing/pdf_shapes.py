"""What is drawn on a PDF page: ruling lines for the tables, pictures for the choice of OCR."""

from collections.abc import Iterator
from ctypes import c_float, c_int
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from stoa.core.knowledge.parsing.pdf_geometry import UNIT, Geometry, Matrix, placed, times
from stoa.core.knowledge.parsing.tables import Edge
from stoa.core.knowledge.parsing.words import Rectangle

_THIN = 2.5
"""A drawn shape thinner than this many points is a ruling line."""
_MOST_OBJECTS = 20_000
_MOST_SEGMENTS = 2_000


def drawn_on(page: pypdfium2.PdfPage, geometry: Geometry) -> tuple[list[Edge], float, int]:
    """Ruling lines, the share of the page under pictures, and how many shapes are drawn."""
    edges: list[Edge] = []
    covered, shapes = 0.0, 0
    width, height = geometry.size
    for raw, kind, matrix in _objects(page):
        box = _bounds(raw, matrix, geometry)
        if box is None:
            continue
        x0, y0, x1, y1 = (
            max(box[0], 0.0),
            max(box[1], 0.0),
            min(box[2], width),
            min(box[3], height),
        )
        if x1 < x0 or y1 < y0:
            continue
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            covered += (x1 - x0) * (y1 - y0)
        else:
            shapes += 1
            edges += _edges_of(raw, (x0, y0, x1, y1), matrix, geometry)
    return edges, min(covered / max(width * height, 1.0), 1.0), shapes


def _edges_of(path: Any, box: Rectangle, matrix: Matrix, geometry: Geometry) -> list[Edge]:
    """The upright and level lines of a path; one line for a path that is as thin as one."""
    x0, y0, x1, y1 = box
    if min(x1 - x0, y1 - y0) <= _THIN:
        if max(x1 - x0, y1 - y0) <= _THIN:
            return []
        if x1 - x0 > y1 - y0:
            middle = (y0 + y1) / 2
            return [Edge(x0, middle, x1, middle)]
        middle = (x0 + x1) / 2
        return [Edge(middle, y0, middle, y1)]
    if pdfium.FPDFPath_CountSegments(path) > _MOST_SEGMENTS:
        return []
    drawn = _is_stroked(path)
    to_page = times(_matrix(path), matrix)
    edges = []
    for start, end in _straight(path):
        x0, y0, x1, y1 = placed((*start, *end), to_page, geometry)
        if min(x1 - x0, y1 - y0) < 1.0 and max(x1 - x0, y1 - y0) > _THIN:
            edges.append(Edge(x0, y0, x1, y1, drawn))
    return edges


Point = tuple[float, float]


def _straight(path: Any) -> Iterator[tuple[Point, Point]]:
    """The straight segments of a path, in its own space."""
    first = here = (0.0, 0.0)
    x, y = c_float(), c_float()
    for index in range(pdfium.FPDFPath_CountSegments(path)):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            first = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield here, point
        here = point
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield here, first
            here = first


def _is_stroked(path: Any) -> bool:
    fill, stroke = c_int(), c_int()
    return bool(pdfium.FPDFPath_GetDrawMode(path, fill, stroke) and stroke.value)


def _objects(page: pypdfium2.PdfPage) -> Iterator[tuple[Any, int, Matrix]]:
    """Paths and pictures with the matrix of the forms they are nested in; bounded in number."""
    wanted = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH)
    seen = 0
    stack: list[tuple[Iterator[Any], Matrix]] = [(_children(page.raw, None), UNIT)]
    while stack and seen < _MOST_OBJECTS:
        source, matrix = stack[-1]
        raw = next(source, None)
        if raw is None:
            stack.pop()
            continue
        seen += 1
        kind = pdfium.FPDFPageObj_GetType(raw)
        if kind == pdfium.FPDF_PAGEOBJ_FORM and len(stack) < 6:
            stack.append((_children(None, raw), times(_matrix(raw), matrix)))
        elif kind in wanted:
            yield raw, kind, matrix


def _children(page: Any, form: Any) -> Iterator[Any]:
    if form is None:
        for index in range(pdfium.FPDFPage_CountObjects(page)):
            yield pdfium.FPDFPage_GetObject(page, index)
    else:
        for index in range(pdfium.FPDFFormObj_CountObjects(form)):
            yield pdfium.FPDFFormObj_GetObject(form, index)


def _bounds(raw: Any, matrix: Matrix, geometry: Geometry) -> Rectangle | None:
    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    if not pdfium.FPDFPageObj_GetBounds(raw, left, bottom, right, top):
        return None
    return placed((left.value, bottom.value, right.value, top.value), matrix, geometry)


def _matrix(raw: Any) -> Matrix:
    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(raw, found):
        return UNIT
    return found.a, found.b, found.c, found.d, found.e, found.f
