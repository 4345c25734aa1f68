"""Opens PDF files, cut-off ones too, and renders their pages with pdfium. Runs in the worker only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from stoa.core.knowledge.parsing import refusal

_MOST_PIXELS = 16_000_000
_LARGEST_MENDED = 200 << 20
_OBJECT = re.compile(rb"(?<!\d)(\d{1,9})\s+(\d{1,5})\s+obj\b")
_CATALOG = re.compile(rb"/Type\s*/Catalog\b")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_HEAD_BYTES = 4_096
"""A page's dictionary says that it is one within this many bytes."""


@dataclass(frozen=True)
class LoadedPdf:
    """An opened file; `cut_off` if its end is missing and pages may be."""

    document: pypdfium2.PdfDocument
    cut_off: bool = False


def load(path: Path) -> LoadedPdf:
    """The opened file. Raises InvalidInput."""
    try:
        return LoadedPdf(pypdfium2.PdfDocument(path))
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise refusal.encrypted("PDF") from error
        if error.err_code != pdfium.FPDF_ERR_FORMAT or path.stat().st_size > _LARGEST_MENDED:
            raise refusal.damaged("PDF") from error
    content = path.read_bytes()
    if b"/Encrypt" in content:
        raise refusal.damaged("PDF")
    content = content[
        : content.rfind(b"endobj") + len(b"endobj")
    ]  # half an object hides the new end
    for end in _new_ends(content):
        try:
            mended = LoadedPdf(pypdfium2.PdfDocument(content + end), cut_off=True)
        except pypdfium2.PdfiumError:
            continue
        if len(mended.document):
            return mended
    raise refusal.damaged("PDF", "none of its pages is left")


def _new_ends(content: bytes) -> Iterator[bytes]:
    """What the missing end of a file would have said: where its pages are.

    pdfium finds the objects of a file by itself, but not the root of them. That is the old one if
    the tree below it is still there; else a new one over the pages that are.
    """
    pages: dict[int, bytes] = {}
    catalog = b""
    for match in _OBJECT.finditer(content):
        end = content.find(b"endobj", match.end(), match.end() + _HEAD_BYTES)
        head = content[match.end() : end] if end >= 0 else b""
        reference = b"%s %s R" % (match[1], match[2])
        if _CATALOG.search(head):
            catalog = reference
        elif _PAGE.search(head):
            pages[int(match[1])] = reference
    if catalog:
        yield b"\ntrailer\n<< /Root %s >>\n%%%%EOF\n" % catalog
    if not pages:
        return
    free = max(pages) + 1_000_000
    kids = b" ".join(pages.values())
    yield (
        b"\n%d 0 obj\n<< /Type /Pages /Count %d /Kids [%s] /MediaBox [0 0 612 792] >>\nendobj\n"
        b"%d 0 obj\n<< /Type /Catalog /Pages %d 0 R >>\nendobj\n"
        b"trailer\n<< /Root %d 0 R >>\n%%%%EOF\n"
        % (free, len(pages), kids, free + 1, free, free + 1)
    )


def rendered(page: pypdfium2.PdfPage, scale: float, *, grey: bool = False) -> Image.Image:
    """The page at `scale` pixels a point, smaller where that would be too many pixels."""
    width, height = page.get_size()
    pixels = width * height * scale * scale
    if pixels > _MOST_PIXELS:
        scale *= (_MOST_PIXELS / pixels) ** 0.5
    bitmap = page.render(scale=scale, grayscale=grey, may_draw_forms=True)
    try:
        picture: Image.Image = bitmap.to_pil().copy()
        return picture
    finally:
        bitmap.close()
