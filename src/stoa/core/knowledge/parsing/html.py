"""HTML: headings, paragraphs, lists and tables of the main content, without menus and scripts.

trafilatura finds the main content. Where it keeps much less than the page says (it is made for
articles), or the page is too deep or too large for it, all text outside of navigation is taken
instead: losing part of a document silently is worse than a menu in the text.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import trafilatura
from selectolax.lexbor import LexborHTMLParser, LexborNode

from stoa.core.knowledge.parsing import kinds, refusal
from stoa.core.knowledge.parsing.flowing import Block, heading, opened, row
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.plain import encoding_of
from stoa.core.knowledge.parsing.reading import Opened

_LEAST_KEPT = 0.5
"""trafilatura is trusted if it keeps at least this share of the text outside of navigation."""
_DEEPEST = 200
_DEEPEST_AT_ALL = 5_000
"""The parser's time grows with the square of the depth: 0.1 s here."""
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_NEVER_CLOSED = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "tfoot",
        "option",
        "colgroup",
        "html",
        "head",
        "body",
    ]
)
"""Elements that have no end tag, or may go without."""
_LARGE = 4 << 20
_DROPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "canvas",
        "iframe",
        "object",
        "nav",
        "aside",
        "footer",
        "form",
        "button",
        "select",
        "option",
        "head",
    ]
)
_DROPPED_SELECTOR = ", ".join(sorted(_DROPPED - {"head"}))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "body",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "figure",
        "figcaption",
        "table",
        "tbody",
        "thead",
        "tfoot",
        "address",
        "details",
        "summary",
        "hr",
        "fieldset",
        "li",
        "tr",
        "caption",
        "td",
        "th",
    ]
)


def open_html(path: Path, limits: Limits) -> Opened:
    """Raises TooLarge for a page nested beyond reason."""
    markup = path.read_bytes().decode(encoding_of(path), errors="replace")
    depth = _depth(markup)
    if depth > _DEEPEST_AT_ALL:
        raise refusal.bomb("HTML", f"its elements are nested {depth:,} deep")
    tree = LexborHTMLParser(markup)
    title = tree.css_first("title")
    blocks = list(_walk(tree.body))
    if depth <= _DEEPEST and len(markup) <= _LARGE:
        blocks = _main_content(markup, blocks)
    return opened(kinds.HTML.media_type, title.text() if title is not None else "", blocks, limits)


def _main_content(markup: str, everything: list[Block]) -> list[Block]:
    kept = trafilatura.extract(
        markup,
        output_format="html",
        include_tables=True,
        include_comments=True,
        include_formatting=False,
        favor_recall=True,
    )
    if not kept:
        return everything
    blocks = list(_walk(LexborHTMLParser(kept).body))
    if _characters(blocks) < _LEAST_KEPT * _characters(everything):
        return everything
    return blocks


def _characters(blocks: list[Block]) -> int:
    return sum(len(block.text) for block in blocks)


def _depth(markup: str) -> int:
    """How deep elements are nested at most, counted before any parser has to bear it."""
    depth = deepest = 0
    for match in _TAG.finditer(markup):
        if match[2].lower() in _NEVER_CLOSED:
            continue
        depth = max(depth - 1, 0) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _walk(body: LexborNode | None) -> Iterator[Block]:
    """Blocks in document order, without recursion: pages may be nested thousands deep."""
    gathered: list[str] = []
    prefix = ""

    def flush(kind: str = "paragraph", level: int = 0) -> Iterator[Block]:
        nonlocal prefix
        text = "\n".join(" ".join(line.split()) for line in "".join(gathered).split("\v")).strip()
        gathered.clear()
        if text and kind == "heading":
            yield heading(text, level)
        elif text:
            yield Block("item" if prefix else "paragraph", prefix + text)
            prefix = ""

    stack: list[tuple[LexborNode, bool]] = [(body, True)] if body is not None else []
    while stack:
        node, entering = stack.pop()
        tag = node.tag or ""
        if tag == "-text":
            gathered.append(node.text_content or "")
        elif not entering:
            if tag in _HEADINGS:
                yield from flush("heading", _HEADINGS[tag])
            else:
                yield from flush()
        elif tag in _DROPPED:
            continue
        elif tag == "br":
            gathered.append("\v")
        elif tag == "img":
            gathered.append(" ")
        elif tag == "table" and _is_data(node):
            yield from flush()
            yield from _rows(node)
        else:
            if tag in _BLOCKS or tag in _HEADINGS:
                yield from flush()
                prefix = "- " if tag == "li" else prefix
                stack.append((node, False))
            stack += [(child, True) for child in reversed(list(node.iter(include_text=True)))]
    yield from flush()


def _is_data(table: LexborNode) -> bool:
    """A table that holds no other table: one that does only lays the page out."""
    return len(table.css("table")) <= 1


def _rows(table: LexborNode) -> Iterator[Block]:
    for line in table.css("tr"):
        cells = []
        for cell in line.css("td, th"):
            for unwanted in cell.css(_DROPPED_SELECTOR):
                unwanted.decompose()
            cells.append(cell.text(separator=" ", deep=True))
        if any(cell.strip() for cell in cells):
            yield row(cells)
