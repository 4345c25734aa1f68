"""Two texts beside each other as one: what was taken out, what was put in; and texts with marked parts.

It compares words, so that a changed comma shows as a comma. A long text is compared by lines instead.
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from stoa.ui.elements import Tag, tag

Change = tuple[str, str]
"""`same`, `out` or `in`, and the text."""
_MOST_WORDS = 3_000
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def changes(before: str, after: str) -> list[Change]:
    """The way from one text to the other; the `same` and `in` parts together are `after`."""
    old, new = _parts(before), _parts(after)
    if len(old) + len(new) > _MOST_WORDS:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found: list[Change] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, from_old, to_old, from_new, to_new in matcher.get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(new[from_new:to_new])))
            continue
        if to_old > from_old:
            found.append(("out", "".join(old[from_old:to_old])))
        if to_new > from_new:
            found.append(("in", "".join(new[from_new:to_new])))
    return found


def diff_view(before: str, after: str, **attributes: object) -> Tag:
    """The changes, readable without colour, too: taken out is struck through, put in is underlined."""
    element = tag("div", "", "quoted diff", **attributes)
    with element:
        for kind, part in changes(before, after):
            tag({"same": "span", "out": "del", "in": "ins"}[kind], part)
    return element


def marked_text(parts: Iterable[tuple[str, str | None]], **attributes: object) -> Tag:
    """A text in which parts are marked. A part is its text, and None or why it is marked."""
    element = tag("div", "", "quoted", **attributes)
    with element:
        for part, note in parts:
            if note is None:
                tag("span", part)
            else:
                tag("mark", part, title=note or None)
    return element


def _parts(text: str) -> list[str]:
    return _WORDS.findall(text)
