"""Real documents against their ground truth: what share of words and letters comes back, and where."""

import re
from collections import Counter
from pathlib import Path

import pytest

from stoa.base.errors import InvalidInput
from stoa.core.knowledge.locate import locate
from tests.core.knowledge.test_parsing import parsed

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "documents"


def real(name: str) -> bytes:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"needs the shared document {name}")
    return path.read_bytes()


def truth(name: str) -> str:
    text = real(f"groundtruth/{name}.md").decode()
    return re.sub(r"<!--.*?-->|\[[ x]\]", "", text)


def recall(found: str, wanted: str, pattern: str) -> float:
    """Share of the wanted pieces that were found, each as often as it is wanted."""
    here, there = (Counter(re.findall(pattern, text)) for text in (found, wanted))
    return (here & there).total() / there.total()


@pytest.mark.parametrize("name", ["multi_page", "right_to_left_03"])
async def test_text_against_ground_truth(tmp_path: Path, name: str) -> None:
    _, pages = await parsed(tmp_path, real(f"{name}.pdf"))
    found, wanted = "\n".join(page.text for page in pages), truth(name)
    assert recall(found, wanted, r"\w+") > 0.995
    assert recall(found, wanted, r"\w") > 0.999
    assert recall(wanted, found, r"\w+") > 0.98


async def test_right_to_left_tables_keep_their_rows(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, real("right_to_left_03.pdf"))
    assert "شماره جلسه کميته عرضه | 436" in page.text
    assert page.tables == 2
    [box] = locate(page, "کارگزاری آرمون بورس")
    assert 0.18 < box.x0 < box.x1 < 0.36
    assert 0.54 < box.y0 < box.y1 < 0.57


async def test_a_double_page_is_read_page_by_page(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, real("table_mislabeled_as_picture.pdf"))
    numbers = [int(number) for number in re.findall(r"^(2\d)\. ", page.text, re.M)]
    assert numbers == [23, 24, 25, 26, 27, 28]


async def test_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="password"):
        await parsed(tmp_path, real("2206.01062_pg3.pdf"))


async def test_scan(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, real("ocr_test.pdf"))
    assert page.source == "ocr"
    assert "Docling bundles PDF document conversion" in page.text


async def test_hidden_text_layer(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, real("invisible_text_layer.pdf"))
    assert "Invisible OCR text layer" in page.text


@pytest.mark.parametrize(
    ("name", "pages", "found"),
    [
        ("word_sample.docx", 2, "Leaves | Ash, Elm, Maple | 50"),
        ("word_tables.docx", 1, "Header 0.0 | Header 0.1 | Header 0.2"),
        ("powerpoint_sample.pptx", 3, "Notes: Some notes on the second slide."),
        ("wiki_duck.html", 11, "Order: | Anseriformes"),
    ],
)
async def test_other_kinds(tmp_path: Path, name: str, pages: int, found: str) -> None:
    document, read = await parsed(tmp_path, real(name), name)
    assert document.pages == pages
    assert found in "\n".join(page.text for page in read)
