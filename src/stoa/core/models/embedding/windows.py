"""Cuts a text by characters, for embedders whose own tokens are not known here."""

from stoa.core.models.embedding.embedder import Window

_ROOM = 6_000
_LONGEST_HEADING = 400


def by_characters(text: str, *, heading: str = "", room: int = _ROOM) -> list[Window]:
    """Pieces of about `room` characters at most, cut at spaces, each led by the heading."""
    lead = f"{heading[:_LONGEST_HEADING]}\n" if heading else ""
    pieces, start = [], 0
    while start < len(text):
        end = start + room
        space = text.rfind(" ", start + room // 2, end) if end < len(text) else -1
        end = space + 1 if space > 0 else end
        pieces.append(Window(start, lead + text[start:end]))
        start = end
    return pieces or [Window(0, lead)]
