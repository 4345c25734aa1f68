"""A PDF page as PNG, for people to look at. Runs in the worker only."""

from io import BytesIO
from pathlib import Path

from stoa.base.errors import NotFound
from stoa.core.knowledge.parsing.pdf_file import load, rendered

_WIDTHS = range(16, 8_001)


def page_png(path: Path, number: int, width_px: int) -> bytes:
    """PNG of a page. Raises NotFound for a file that is no PDF or has no such page."""
    with path.open("rb") as file:
        is_pdf = b"%PDF-" in file.read(1_024)
    if not is_pdf:
        raise NotFound("This document has no page pictures.", hint="Only PDF has; read its text.")
    document = load(path).document
    if not 1 <= number <= len(document):
        raise NotFound(f"There is no page {number}.", hint=f"It has pages 1 to {len(document)}.")
    page = document[number - 1]
    width = min(max(width_px, _WIDTHS.start), _WIDTHS.stop - 1)
    buffer = BytesIO()
    rendered(page, width / page.get_width()).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
