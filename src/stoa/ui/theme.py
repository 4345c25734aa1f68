"""The look: one style sheet with the tokens, scripts for light and dark and for reading curves,
one icon.

Everything is served from here; a page never asks another host for anything. It knows no page.
"""

import hashlib
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
STATIC_URL: Final = "/_stoa"
FAVICON: Final = (STATIC / "favicon.svg").read_text(encoding="utf-8").strip()


def static_link(name: str) -> str:
    """Address of a static file; it changes with the file's content, so it may be cached for good."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_URL}/{name}?v={digest}"


def head_html() -> str:
    """What every page has in its head: the script before the sheet, so that nothing flashes."""
    return (
        f'<script src="{static_link("stoa.js")}"></script>'
        f'<script src="{static_link("curves.js")}" defer></script>'
        f'<link rel="stylesheet" href="{static_link("stoa.css")}">'
        '<meta name="referrer" content="same-origin">'
    )
