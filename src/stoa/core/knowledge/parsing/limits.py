"""How much a document may cost to read. Handed from the parent to its worker as plain values."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Limits:
    """Bounds of one `parse_file`. Seconds are wall time; the worker also bounds processor time."""

    pages: int = 20_000
    """A document with more pages is refused."""
    open_seconds: float = 60.0
    """To open a PDF, or to read a flowing document up to its first page."""
    page_seconds: float = 30.0
    ocr_seconds: float = 120.0
    memory_mb: int = 1_400
    """Address space of the worker. What needs more is reported or refused, never swapped."""
    recycle_mb: int = 600
    """A worker that has grown past this hands over to a fresh one at the next page."""
    restarts: int = 20
    """How many pages may crash or hang their worker before the rest is reported unread."""
    page_characters: int = 500_000
    text_mb: int = 64
    """Largest HTML, Markdown, CSV or plain text file."""
    unpacked_mb: int = 400
    """Largest unpacked size of a DOCX, PPTX or XLSX; and its highest ratio and entry count:"""
    ratio: int = 150
    entries: int = 10_000
    sheet_rows: int = 200_000
    """Rows read of one sheet; the rest is reported."""
    ocr: Literal["auto", "tesseract", "rapidocr", "none"] = "auto"
    """Which engine reads scanned pages; auto: tesseract where installed, else rapidocr."""
    ocr_languages: str = ""
    """As tesseract names them, joined by `+`; empty: English and up to two more installed ones."""
    ocr_dpi: int = 200
    tables: bool = True
    """Whether PDF tables are looked for; otherwise their cells are read as any text."""
