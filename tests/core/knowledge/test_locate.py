"""A quote is found on its page however it was wrapped, and its boxes lie on its words."""

from pathlib import Path

import pytest

from stoa.core.knowledge.locate import locate, span
from stoa.core.knowledge.pages import Box, Line, ParsedPage
from tests.core.knowledge import documents
from tests.core.knowledge.test_parsing import parsed

PAGE = ParsedPage(
    number=1,
    status="indexed",
    text="The lantern is lit\nevery evening.",
    lines=[
        Line(start=0, end=18, box=Box(x0=0.1, y0=0.1, x1=0.5, y1=0.12)),
        Line(start=19, end=33, box=Box(x0=0.1, y0=0.13, x1=0.4, y1=0.15)),
    ],
)


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("The docu-\nment is here.", "document is", "docu-\nment is"),
        ("The document is here.", "docu-ment\n is", "document is"),
        ("a fine  day", "A Fine Day", "a fine  day"),
        ("an oﬃcial ﬁle", "official file", "oﬃcial ﬁle"),
        ("he said “no”", 'said "no"', "said “no”"),
    ],
)
def test_quotes_are_found_however_they_are_set(text: str, quote: str, found: str) -> None:
    place = span(text, quote)
    assert place
    assert text[slice(*place)] == found


@pytest.mark.parametrize("quote", ["", " ", "lantern was", "evening at"])
def test_what_does_not_stand_there_is_not_found(quote: str) -> None:
    assert locate(PAGE, quote) == []


def test_boxes_are_cut_to_the_quote() -> None:
    first, second = locate(PAGE, "is lit every")
    assert (first.x0, first.x1) == pytest.approx((0.1 + 0.4 * 12 / 18, 0.5))
    assert (second.x0, second.x1) == pytest.approx((0.1, 0.1 + 0.3 * 5 / 14))


async def test_a_quote_in_a_real_page(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, documents.two_columns_pdf())
    quote = " ".join(documents.RIGHT_COLUMN[1:3])
    boxes = locate(page, quote)
    assert len(boxes) == 2
    assert all(box.x0 > 0.5 for box in boxes)
    assert boxes[0].y0 < boxes[1].y0
