"""The look, measured: contrast of every pair of tokens that stands on one another, in both themes."""

import re

import pytest

from stoa.ui.theme import STATIC, head_html, static_link
from tests.forked import ROOT

SHEET = (STATIC / "stoa.css").read_text(encoding="utf-8")
TEXT = [
    ("ink", "ground"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("ink-soft", "ground"),
    ("ink-soft", "surface"),
    ("ink-soft", "sunken"),
    ("ink", "mark"),
    ("accent", "ground"),
    ("accent", "surface"),
    ("accent", "accent-soft"),
    ("ink", "accent-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("ink", "warn-soft"),
    ("bad", "bad-soft"),
    ("bad", "surface"),
    ("ink", "bad-soft"),
    ("surface", "bad"),
    ("ground", "ink"),
]
EDGES = [("line-strong", "surface"), ("line-strong", "ground"), ("accent", "sunken")]


def tokens(theme: str) -> dict[str, str]:
    """The colours of a theme by name."""
    light, dark = SHEET.split('[data-theme="dark"] {', 1)
    block = light if theme == "light" else dark.split("}", 1)[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def contrast(one: str, two: str) -> float:
    """WCAG 2 contrast ratio."""
    low, high = sorted((_luminance(one), _luminance(two)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT)
def test_text_can_be_read(theme: str, front: str, back: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[front], colours[back]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), EDGES)
def test_edges_of_controls_can_be_seen(theme: str, front: str, back: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[front], colours[back]) >= 3


def test_nothing_is_asked_of_other_hosts() -> None:
    for path in STATIC.iterdir():
        found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text())
        assert set(found) <= {"http://www.w3.org"}, path.name
    assert "http" not in head_html()


def test_the_address_of_a_static_file_changes_with_its_content() -> None:
    assert re.fullmatch(r"/_stoa/stoa\.css\?v=[0-9a-f]{12}", static_link("stoa.css"))


def test_pages_use_classes_never_raw_colours() -> None:
    pages = [
        *(ROOT / "src/stoa/solutions").glob("*/page.py"),
        *(ROOT / "src/stoa/solutions").glob("*/pages/*.py"),
        *(ROOT / "src/stoa/app/console").glob("*.py"),
    ]
    assert pages
    for path in pages:
        written = path.read_text(encoding="utf-8")
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|\.style\(", written), path.name
