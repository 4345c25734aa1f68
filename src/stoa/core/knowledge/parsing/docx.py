"""DOCX: headings, paragraphs, lists, tables, headers and footnotes, in document order.

Page breaks are those a person set and those Word noted when it last laid the document out; where it
noted any, our pages are the pages that people see.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import docx
from docx.opc.exceptions import OpcError
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from stoa.core.knowledge.parsing import kinds, refusal
from stoa.core.knowledge.parsing.flowing import BREAK, Block, heading, opened, row
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import Opened

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_WRAPPERS = {
    f"{_W}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "smartTag", "customXml")
}
_DEEPEST_WRAPPER = 20
_BODY = 10
"""Outline level of what is no heading."""


def open_docx(path: Path, limits: Limits) -> Opened:
    """Raises InvalidInput for a file that python-docx can't follow."""
    try:
        document = docx.Document(str(path))
        body = document.element.body
        noted = body.find(f".//{_W}lastRenderedPageBreak") is not None
        title = document.core_properties.title or ""
    except (OpcError, KeyError, ValueError, AttributeError, BadZipFile, SyntaxError) as error:
        raise refusal.damaged("DOCX") from error
    return opened(kinds.DOCX.media_type, title, _blocks(document), limits, keep_breaks_only=noted)


def _blocks(document: Any) -> Iterator[Block]:
    styles = _styles(document)
    seen: set[str] = set()
    for section in document.sections:
        for part in (section.header, section.first_page_header):
            if not part.is_linked_to_previous:
                yield from _once(_children(part._element, styles), seen)
    yield from _children(document.element.body, styles)
    for section in document.sections:
        for part in (section.footer, section.first_page_footer):
            if not part.is_linked_to_previous:
                yield from _once(_children(part._element, styles), seen)
    yield from _notes(document, styles)


def _once(blocks: Iterator[Block], seen: set[str]) -> Iterator[Block]:
    for block in blocks:
        if block.text and block.text not in seen:
            seen.add(block.text)
            yield block


@dataclass
class _Styles:
    """What the style sheet says of paragraphs, by style id."""

    levels: dict[str, int] = field(default_factory=dict)
    """Outline level, 1 the highest; also of styles derived from a heading."""
    lists: set[str] = field(default_factory=set)


def _styles(document: Any) -> _Styles:
    found = _Styles()
    for style in document.styles.element.findall(f"{_W}style"):
        style_id = style.get(f"{_W}styleId", "")
        outline = _value(style.find(f"{_W}pPr/{_W}outlineLvl"))
        name = _value(style.find(f"{_W}name")).lower()
        based_on = _value(style.find(f"{_W}basedOn"))
        if outline.isdigit():
            found.levels[style_id] = int(outline) + 1
        elif name == "title":
            found.levels[style_id] = 1
        elif name.startswith("heading ") and name[8:].isdigit():
            found.levels[style_id] = int(name[8:])
        elif based_on in found.levels:
            found.levels[style_id] = found.levels[based_on]
        if based_on in found.lists or style.find(f"{_W}pPr/{_W}numPr") is not None:
            found.lists.add(style_id)
    return found


def _value(element: Any) -> str:
    return "" if element is None else element.get(f"{_W}val") or ""


def _children(parent: Any, styles: _Styles, depth: int = 0) -> Iterator[Block]:
    """Paragraphs and tables below an element, also inside content controls and tracked insertions."""
    for element in parent:
        if element.tag == qn("w:p"):
            yield from _paragraph(element, styles)
        elif element.tag == qn("w:tbl"):
            yield from _table(element)
        elif element.tag in _WRAPPERS and depth < _DEEPEST_WRAPPER:
            yield from _children(element, styles, depth + 1)


def _paragraph(element: Any, styles: _Styles) -> Iterator[Block]:
    style, outline, listed = "", "", False
    properties = element.find(f"{_W}pPr")
    if properties is not None:
        if properties.find(f"{_W}pageBreakBefore") is not None:
            yield BREAK
        style = _value(properties.find(f"{_W}pStyle"))
        outline = _value(properties.find(f"{_W}outlineLvl"))
        listed = properties.find(f"{_W}numPr") is not None
    level = int(outline) + 1 if outline.isdigit() else styles.levels.get(style, _BODY)
    parts = _text(element).split("\f")
    for index, part in enumerate(parts):
        if index:
            yield BREAK
        text = part.strip()
        if not text:
            continue
        if level < _BODY:
            yield heading(text, level)
        elif listed or style in styles.lists:
            yield Block("item", f"- {text}")
        else:
            yield Block("paragraph", text)


def _text(element: Any) -> str:
    """What a paragraph says, text boxes included; a form feed where a page ends."""
    parts: list[str] = []
    for node in element.iter():
        tag = node.tag
        if tag == qn("w:t"):
            if not any(above.tag == _FALLBACK for above in node.iterancestors()):
                parts.append(node.text or "")
        elif tag == qn("w:tab"):
            if node.getparent().tag == qn("w:r"):
                parts.append(" ")
        elif tag == qn("w:br"):
            parts.append("\f" if node.get(qn("w:type")) == "page" else "\n")
        elif tag == qn("w:cr"):
            parts.append("\n")
        elif tag == qn("w:noBreakHyphen"):
            parts.append("-")
        elif tag == f"{_W}lastRenderedPageBreak":
            parts.append("\f")
    return "".join(parts)


def _table(element: Any) -> Iterator[Block]:
    for table_row in element.findall(f"{_W}tr"):
        cells = []
        for cell in table_row.findall(f".//{_W}tc"):
            if next(cell.iterancestors(f"{_W}tbl")) is not element:
                continue  # of a nested table: its text is part of the outer cell
            texts = (_text(paragraph).replace("\f", " ") for paragraph in cell.iter(f"{_W}p"))
            cells.append(" ".join(texts))
        if any(cell.strip() for cell in cells):
            yield row(cells)


def _notes(document: Any, styles: _Styles) -> Iterator[Block]:
    for related in document.part.rels.values():
        if related.is_external or not related.reltype.endswith(("/footnotes", "/endnotes")):
            continue
        root = parse_xml(related.target_part.blob)
        for note in root:
            yield from _children(note, styles)
