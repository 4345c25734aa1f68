"""PDF: opens a file with pdfium and turns each page into text with places, or says why not.

A page goes one of four ways: it has a text layer worth reading; it is a picture of text and goes to
OCR; it is blank; or it can't be read, and the reason is the report.
"""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pypdfium2

from stoa.core.knowledge.pages import ParsedPage
from stoa.core.knowledge.parsing import kinds, refusal
from stoa.core.knowledge.parsing.layout import blocks_of
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.ocr import NoEngine, Recognised, recognise
from stoa.core.knowledge.parsing.page_text import PageText, body_size, compounds_of
from stoa.core.knowledge.parsing.pdf_file import load, rendered
from stoa.core.knowledge.parsing.pdf_page import Group, PageContent, look_at
from stoa.core.knowledge.parsing.reading import Opened, Patience, unread
from stoa.core.knowledge.parsing.tables import Table, ruled_tables, unruled_tables
from stoa.core.knowledge.parsing.words import Run, Word, run_of, runs_of

_FEW_CHARACTERS = 80
"""Beside a picture that covers the page, less text than this is a stamp or a page number."""
_COVERING = 0.55
_UNMAPPED = 0.3
_DRAWN = 150
"""So many drawn shapes on a page without text may be letters turned into outlines."""


def open_pdf(path: Path, limits: Limits) -> Opened:
    """Raises InvalidInput for encrypted or damaged files, TooLarge over the page limit."""
    loaded = load(path)
    document = loaded.document
    pages = len(document)
    if pages == 0:
        raise refusal.damaged("PDF", "it has no pages that can be found")
    if pages > limits.pages:
        raise refusal.too_large(f"The PDF has {pages:,} pages", f"{limits.pages:,} pages")
    total = pages + loaded.cut_off

    def read(first: int, patience: Patience) -> Iterator[ParsedPage]:
        for number in range(first, pages + 1):
            yield _page(document, number, limits, patience)
        if loaded.cut_off:
            yield unread(total, "the file is cut off: pages from here on may be missing")

    title = document.get_metadata_value("Title").strip()
    return Opened(kinds.PDF.media_type, title, total, read)


def _page(
    document: pypdfium2.PdfDocument, number: int, limits: Limits, patience: Patience
) -> ParsedPage:
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError:
        return unread(number, "the page is damaged")
    try:
        content = look_at(page)
        if not _needs_ocr(content):
            if content.characters:
                return text_page(content.groups, number, limits)
            return unread(number, "blank page")
        return _scanned(page, content, number, limits, patience)
    finally:
        page.close()


def _needs_ocr(content: PageContent) -> bool:
    if content.unmapped > _UNMAPPED * max(content.characters, 1) and content.characters:
        return True
    if content.characters < _FEW_CHARACTERS and content.picture_share > _COVERING:
        return True
    return not content.characters and (content.picture_share > 0.02 or content.shapes > _DRAWN)


def _scanned(
    page: pypdfium2.PdfPage, content: PageContent, number: int, limits: Limits, patience: Patience
) -> ParsedPage:
    """What OCR makes of the page; the text layer, where that says more."""
    patience(limits.ocr_seconds)
    scale = limits.ocr_dpi / 72
    picture = rendered(page, scale, grey=True)
    scale = picture.width / content.size[0]
    try:
        found = recognise(picture, limits)
    except NoEngine:
        found, reason = Recognised([]), "needs OCR: install tesseract"
    except subprocess.TimeoutExpired:
        found, reason = Recognised([]), f"OCR took longer than {limits.ocr_seconds:g} s"
    else:
        reason = "OCR found no text on this page"
    read = sum(len(word.text) for word in found.words)
    if content.characters > read and content.unmapped <= _UNMAPPED:
        return text_page(content.groups, number, limits)
    if not found.words:
        return unread(number, reason)
    words = [_scaled(word, 1 / scale) for word in found.words]
    return text_page([Group(words, found.turns, content.size)], number, limits, "ocr")


def _scaled(word: Word, by: float) -> Word:
    return replace(
        word,
        x0=word.x0 * by,
        y0=word.y0 * by,
        x1=word.x1 * by,
        y1=word.y1 * by,
        size=word.size * by,
    )


def text_page(
    groups: Sequence[Group],
    number: int,
    limits: Limits,
    source: Literal["text", "ocr"] = "text",
) -> ParsedPage:
    """The page written down from its words, direction by direction."""
    size = body_size([word for group in groups for word in group.words])
    text, lines, headings, tables = "", [], [], 0
    for group in groups:
        edges = group.edges if limits.tables else []
        found, rest = ruled_tables(group.words, edges)
        written = PageText(group.place, size, compounds_of(group.words))
        tables += len(found) + _write(written, rest, found, unruled=limits.tables)
        shift = len(text) + 2 if text else 0
        text = f"{text}\n\n{written.text.rstrip()}" if text else written.text.rstrip()
        lines += [
            line.model_copy(update={"start": line.start + shift, "end": line.end + shift})
            for line in written.lines
        ]
        headings += [
            heading.model_copy(update={"start": heading.start + shift})
            for heading in written.headings
        ]
    return ParsedPage(
        number=number,
        status="indexed",
        source=source,
        text=text,
        lines=lines,
        headings=headings,
        tables=tables,
    )


def _write(written: PageText, words: list[Word], tables: list[Table], *, unruled: bool) -> int:
    """Blocks in reading order, ruled tables in their place. Returns how many more tables there were."""
    stand_ins = [run for table in tables for run in [_stand_in(table)]]
    standing = {id(run): table for run, table in zip(stand_ins, tables, strict=True)}
    more = 0
    for block in blocks_of([*runs_of(words), *stand_ins]):
        rows: list[list[Run]] = []
        for row in block:
            rows.append([run for run in row if id(run) not in standing])
            for run in row:
                if id(run) in standing:
                    more += _write_rows(written, rows, unruled=unruled)
                    rows = []
                    written.add_table(standing[id(run)])
        more += _write_rows(written, rows, unruled=unruled)
    return more


def _write_rows(written: PageText, rows: list[list[Run]], *, unruled: bool) -> int:
    filled = [row for row in rows if row]
    parts = unruled_tables(filled) if unruled or not filled else [filled]
    written.add_blocks(parts)
    return sum(isinstance(part, Table) for part in parts)


def _stand_in(table: Table) -> Run:
    """A ruled table takes part in the reading order as one wide piece."""
    x0, y0, x1, y1 = table.box
    return run_of([Word("", x0, y0, x1, y1, 0.0)])
