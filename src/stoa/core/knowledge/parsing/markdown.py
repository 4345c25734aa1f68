"""Markdown: headings and tables are recognised, all other text stays as it was written."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stoa.core.knowledge.parsing import kinds
from stoa.core.knowledge.parsing.flowing import Block, heading, opened, row
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.plain import encoding_of
from stoa.core.knowledge.parsing.reading import Opened

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})\s*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_ROW_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_FRONT_MATTER_TITLE = re.compile(r"^title:\s*[\"']?(.*?)[\"']?\s*$", re.I)
_ANCHOR = re.compile(r"\s*\{#[\w-]+\}$")


def open_markdown(path: Path, limits: Limits) -> Opened:
    """The title is that of the front matter, else the first heading."""
    with path.open(encoding=encoding_of(path), errors="replace") as file:
        lines = file.read().splitlines()
    title, lines = _front_matter(lines)
    return opened(kinds.MARKDOWN.media_type, title, blocks_of(lines), limits)


def _front_matter(lines: list[str]) -> tuple[str, list[str]]:
    if not lines or lines[0].strip() != "---":
        return "", lines
    end = next((i for i, line in enumerate(lines[1:100], 1) if line.strip() == "---"), None)
    if end is None:
        return "", lines
    titles = (match[1] for line in lines[:end] if (match := _FRONT_MATTER_TITLE.match(line)))
    return next(titles, ""), lines[end + 1 :]


def blocks_of(lines: Iterable[str]) -> Iterator[Block]:
    """Blocks in order; code fences are one paragraph whatever stands in them."""
    gathered: list[str] = []
    fence = ""

    def flush() -> Iterator[Block]:
        if gathered:
            yield Block("paragraph", "\n".join(gathered))
            gathered.clear()

    for line in lines:
        if fence:
            gathered.append(line)
            if line.strip().startswith(fence):
                fence = ""
            continue
        if opening := _FENCE.match(line):
            yield from flush()
            fence = opening[1]
            gathered.append(line)
        elif match := _HEADING.match(line):
            yield from flush()
            yield heading(_ANCHOR.sub("", match[2]), len(match[1]))
        elif gathered and len(gathered) == 1 and _UNDERLINE.match(line):
            text = gathered.pop()
            yield heading(text, 1 if "=" in line else 2)
        elif _ROW.match(line):
            yield from flush()
            if not _ROW_RULE.match(line):
                yield row(_cells(line))
        elif not line.strip():
            yield from flush()
        else:
            gathered.append(line)
    yield from flush()


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "/").strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
