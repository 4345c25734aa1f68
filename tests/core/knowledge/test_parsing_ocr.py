"""Scanned pages are read by either engine, whichever way up they lie, and boxes sit on the words."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from stoa.core.knowledge.parsing.limits import Limits
from tests.conftest import lacking
from tests.core.knowledge import documents
from tests.core.knowledge.test_parsing import parsed

TEXT = [
    "The lighthouse keeper writes down every ship",
    "that passes the cape between dusk and dawn.",
    "On the third of March he counted forty two,",
    "more than in any night of the year before.",
]


@pytest.fixture(params=["tesseract", "rapidocr"])
def engine(request: pytest.FixtureRequest) -> Limits:
    name: str = request.param
    if name == "tesseract" and not shutil.which("tesseract"):
        lacking("tesseract on PATH")
    if name == "rapidocr" and not find_spec("rapidocr"):
        lacking("rapidocr (pip install stoa[ocr])")
    return Limits(ocr=request.param)


def share_found(text: str) -> float:
    wanted = " ".join(TEXT).lower().split()
    found = text.lower().split()
    return sum(word in found for word in wanted) / len(wanted)


async def test_a_scan_is_read(tmp_path: Path, engine: Limits) -> None:
    _, [page] = await parsed(tmp_path, documents.scanned_pdf(TEXT), limits=engine)
    assert page.source == "ocr"
    assert share_found(page.text) > 0.9
    first, last = page.lines[0].box, page.lines[-1].box
    assert first.x0 == pytest.approx(150 / 1240, abs=0.02)
    assert first.y0 == pytest.approx(200 / 1754, abs=0.02)
    assert last.y0 == pytest.approx((200 + 3 * 52) / 1754, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [90, 180, 270])
async def test_a_scan_that_lies_the_wrong_way_is_turned(
    tmp_path: Path, engine: Limits, degrees: int
) -> None:
    content = documents.scanned_pdf(TEXT * 4, degrees=degrees)
    _, [page] = await parsed(tmp_path, content, limits=engine)
    assert share_found(page.text) > 0.8
    box = page.lines[0].box
    x, y = 150 / 1240, 200 / 1754
    corner = {90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[degrees]
    nearest = {90: (box.x0, box.y1), 180: (box.x1, box.y1), 270: (box.x1, box.y0)}[degrees]
    assert nearest == pytest.approx(corner, abs=0.03)


async def test_a_stamp_is_no_text_layer(tmp_path: Path, engine: Limits) -> None:
    _, [page] = await parsed(tmp_path, documents.stamped_scan_pdf(TEXT), limits=engine)
    assert page.source == "ocr"
    assert share_found(page.text) > 0.9


async def test_without_an_engine_the_page_is_reported(tmp_path: Path) -> None:
    content = documents.scanned_pdf(TEXT)
    _, [page] = await parsed(tmp_path, content, limits=Limits(ocr="none"))
    assert page.status == "reported"
    assert page.reason == "needs OCR: install tesseract"


async def test_an_empty_scan_is_reported(tmp_path: Path, engine: Limits) -> None:
    _, [page] = await parsed(tmp_path, documents.scanned_pdf([]), limits=engine)
    assert page.status == "reported"
    assert page.reason == "OCR found no text on this page"
