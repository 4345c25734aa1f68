"""The words of a PDF page's text layer, each with its box, as pdfium tells them.

Asking pdfium costs half a microsecond a question and a page has thousands of letters, so a word is
asked for two of its letters, and a line for its direction. What pdfium gets wrong is put right here:
gaps that it missed, lam-alef ligatures turned around, words printed twice.
"""

import math
import re
from collections.abc import Iterable, Iterator
from ctypes import byref, c_int, c_ushort, create_string_buffer
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pypdfium2.raw as pdfium

from stoa.core.knowledge.parsing.pdf_geometry import Geometry
from stoa.core.knowledge.parsing.words import Rectangle, Word, plain

_SAMPLED = 150
_BOLD = re.compile(rb"bold|black|heavy|demi", re.I)
_SKEWED = 0.2
"""Radians off the right angle from which on text is a watermark or a drawing's label."""
_HYPHENS = "\x02\ufffe\u00ad"
"""How pdfium writes a hyphen that it takes for a hyphenation: the word goes on in the next line."""
_HYPHEN = re.compile(f"[{_HYPHENS}]")
_WORD = re.compile(rf"[^\s\x00{_HYPHENS}]*[{_HYPHENS}]|[^\s\x00{_HYPHENS}]+")
_LINE_END = re.compile(r"[\r\n]")
_ALEF_LAM = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
_WIDEST_LETTER = 0.9
_LONGEST_MENDED = 200
_SAME_SPOT = 1.5
"""Points."""
_REPLACEMENT = 0xFFFD


def words_of(textpage: Any, geometry: Geometry) -> Iterator[tuple[int, Word]]:
    """(quarter turns that make it upright, word in display points), in the order of the file."""
    text = _mended(textpage, _characters(textpage))
    turns, bold, end_before, glued = 0, False, 0, False
    for match in _WORD.finditer(text):
        start, end = match.span()
        starts_line = glued or start == 0 or _LINE_END.search(text, end_before, start) is not None
        if starts_line:
            angle = pdfium.FPDFText_GetCharAngle(textpage, start)
            turns = _turns(angle, geometry.rotation)
        # What counts is whether a whole line is bold, so after the first plain word nobody asks.
        bold = (starts_line or bold) and _is_bold(textpage, start)
        word = plain(_HYPHEN.sub("-", match[0]))
        if word:
            x0, y0, x1, y1 = geometry.display(*_word_box(textpage, start, end - 1))
            size = y1 - y0 if turns % 2 == 0 else x1 - x0
            whole = Word(word, x0, y0, x1, y1, size, bold, starts_line)
            whole.glued = glued or start == end_before != 0
            if _is_stretched(whole, turns):
                for part in _parts(textpage, geometry, start, end, whole):
                    yield turns, part
            else:
                yield turns, whole
        end_before = end
        glued = text[end - 1] in _HYPHENS


def _is_stretched(word: Word, turns: int) -> bool:
    """Whether letters this size can't be this far apart: then pdfium missed a gap between them."""
    length = word.x1 - word.x0 if turns % 2 == 0 else word.y1 - word.y0
    return 1 < len(word.text) < _LONGEST_MENDED and length > _WIDEST_LETTER * word.size * len(
        word.text
    )


def _parts(textpage: Any, geometry: Geometry, start: int, end: int, whole: Word) -> Iterator[Word]:
    """The word taken apart where a gap opens between its letters; as it is, if they are spaced out."""
    boxes = [geometry.display(*_character_box(textpage, index)) for index in range(start, end)]
    gaps = [
        max(after[0] - box[2], box[0] - after[2], after[1] - box[3], box[1] - after[3])
        for box, after in pairwise(boxes)
    ]
    cuts = [index + 1 for index, gap in enumerate(gaps) if gap > 0.5 * whole.size]
    if len(boxes) != len(whole.text) or len(cuts) > len(whole.text) / 2:
        yield whole
        return
    for first, last in pairwise([0, *cuts, len(boxes)]):
        part = boxes[first:last]
        yield replace(
            whole,
            text=whole.text[first:last],
            x0=min(box[0] for box in part),
            y0=min(box[1] for box in part),
            x1=max(box[2] for box in part),
            y1=max(box[3] for box in part),
            break_before=whole.break_before and first == 0,
            glued=whole.glued and first == 0,
        )


def once(directed: Iterable[tuple[int, Word]]) -> Iterator[tuple[int, Word]]:
    """Without words printed twice on one spot, as shadows and poor man's bold do."""
    seen: dict[tuple[str, int], list[Word]] = {}
    for turns, word in directed:
        line = int(word.y0 / 4)
        twins = (
            twin for near in (line - 1, line, line + 1) for twin in seen.get((word.text, near), ())
        )
        if any(abs(twin.x0 - word.x0) + abs(twin.y0 - word.y0) < _SAME_SPOT for twin in twins):
            continue
        seen.setdefault((word.text, line), []).append(word)
        yield turns, word


def _characters(textpage: Any) -> str:
    """One character for each that pdfium counts, so that places in the string are its indices."""
    count = max(pdfium.FPDFText_CountChars(textpage), 0)
    if count == 0:
        return ""
    buffer = (c_ushort * (count + 1))()
    units = pdfium.FPDFText_GetText(textpage, 0, count, buffer) - 1
    text = bytes(buffer)[: 2 * max(units, 0)].decode("utf-16-le", errors="replace")
    if len(text) == units == count:
        return text
    codes = (pdfium.FPDFText_GetUnicode(textpage, index) for index in range(count))
    return "".join(map(chr, codes))


def _mended(textpage: Any, text: str) -> str:
    """pdfium turns right-to-left text around letter by letter, also inside a lam-alef glyph."""

    def mend(match: re.Match[str]) -> str:
        first = match.start()
        same = _character_box(textpage, first) == _character_box(textpage, first + 1)
        return match[0][::-1] if same else match[0]

    return _ALEF_LAM.sub(mend, text)


_font_name = create_string_buffer(128)
_font_flags = c_int()
_rectangle = pdfium.FS_RECTF()


def _is_bold(textpage: Any, index: int) -> bool:
    pdfium.FPDFText_GetFontInfo(textpage, index, _font_name, 128, byref(_font_flags))
    return _BOLD.search(_font_name.value) is not None


def _word_box(textpage: Any, first: int, last: int) -> Rectangle:
    box = _character_box(textpage, first)
    if last == first:
        return box
    other = _character_box(textpage, last)
    return (  # spelled out: this line is the warmest of the reader, and min() costs twice as much
        box[0] if box[0] < other[0] else other[0],
        box[1] if box[1] < other[1] else other[1],
        box[2] if box[2] > other[2] else other[2],
        box[3] if box[3] > other[3] else other[3],
    )


def _turns(angle: float, rotation: int) -> int:
    """Quarters anticlockwise that make text upright; -1 for skewed text.

    `angle` is that of the text in the page's own space, in radians clockwise.
    """
    quarters = angle / (math.pi / 2)
    if abs(quarters - round(quarters)) * math.pi / 2 > _SKEWED:
        return -1
    return (rotation // 90 + round(quarters)) % 4


def _character_box(textpage: Any, index: int) -> Rectangle:
    pdfium.FPDFText_GetLooseCharBox(textpage, index, _rectangle)
    return _rectangle.left, _rectangle.bottom, _rectangle.right, _rectangle.top


def unmapped(textpage: Any) -> float:
    """Share of characters, from a sample, whose glyphs map to no letter."""
    count = pdfium.FPDFText_CountChars(textpage)
    step = max(count // _SAMPLED, 1)
    looked = bad = 0
    for index in range(0, count, step):
        code = pdfium.FPDFText_GetUnicode(textpage, index)
        if code in (10, 13, 32):
            continue
        looked += 1
        bad += (
            code in (0, _REPLACEMENT)
            or 0xE000 <= code <= 0xF8FF
            or (code < 32 and code != 2)
            or pdfium.FPDFText_HasUnicodeMapError(textpage, index) == 1
        )
    return bad / looked if looked else 0.0
