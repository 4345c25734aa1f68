"""Every kind of document becomes numbered pages of text, and every bad one an error with a hint."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from stoa.base.errors import InvalidInput, NotFound, TooLarge, UnsupportedType, UserError
from stoa.core.knowledge.pages import ParsedDocument, ParsedPage
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.parse import parse_file
from stoa.core.knowledge.parsing.picture import render_page
from tests.core.knowledge import documents

Parsed = tuple[ParsedDocument, list[ParsedPage]]


async def parsed(
    folder: Path, content: bytes, name: str = "file.pdf", limits: Limits | None = None
) -> Parsed:
    """The document and its pages, with the page accounting checked."""
    path = folder / "upload"
    path.write_bytes(content)
    pages: list[ParsedPage] = []

    async def on_page(page: ParsedPage) -> None:
        pages.append(page)

    document = await parse_file(path, name, on_page=on_page, limits=limits)
    assert [page.number for page in pages] == list(range(1, document.pages + 1))
    for page in pages:
        check_page(page)
    return document, pages


def check_page(page: ParsedPage) -> None:
    """What holds for every page of every document."""
    if page.status == "reported":
        assert page.reason
        assert not page.text
        return
    assert page.text.strip()
    starts = [line.start for line in page.lines]
    assert starts == sorted(starts)
    for line in page.lines:
        assert 0 <= line.start < line.end <= len(page.text)
        assert 0 <= line.box.x0 <= line.box.x1 <= 1
        assert 0 <= line.box.y0 <= line.box.y1 <= 1
    for heading in page.headings:
        assert page.text[heading.start :].startswith(heading.text[:10])


async def test_text_pdf(tmp_path: Path) -> None:
    content = documents.text_pdf(["First page, first line.", "Second line."], ["Last page."])
    document, pages = await parsed(tmp_path, content)
    assert document.media_type == "application/pdf"
    assert [page.text for page in pages] == ["First page, first line.\nSecond line.", "Last page."]
    first = pages[0].lines[0]
    assert first.box.x0 == pytest.approx(documents.MARGIN / documents.WIDTH, abs=0.005)
    assert first.box.y1 == pytest.approx(documents.MARGIN / documents.HEIGHT, abs=0.01)


async def test_title_comes_from_metadata_else_from_the_first_heading(tmp_path: Path) -> None:
    document, _ = await parsed(tmp_path, documents.text_pdf(["Text."], title="A title"))
    assert document.title == "A title"
    document, _ = await parsed(tmp_path, documents.headings_pdf())
    assert document.title == "Handbook of Lanterns"


async def test_headings_by_size(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, documents.headings_pdf())
    assert [(heading.level, heading.text) for heading in page.headings] == [
        (1, "Handbook of Lanterns"),
        (2, "1 Lighting a lantern"),
        (2, "2 Putting it out"),
    ]


@pytest.mark.parametrize("interleaved", [True, False])
async def test_two_columns_are_read_one_after_the_other(tmp_path: Path, interleaved: bool) -> None:
    _, [page] = await parsed(tmp_path, documents.two_columns_pdf(interleaved=interleaved))
    body = " ".join(page.text.split())
    assert " ".join(documents.LEFT_COLUMN) in body
    assert " ".join(documents.RIGHT_COLUMN) in body
    assert body.index("left column ends") < body.index("right column turns")


async def test_hyphenated_words_are_joined_and_compounds_kept(tmp_path: Path) -> None:
    _, [page] = await parsed(
        tmp_path,
        documents.text_pdf(
            ["The docu-", "ment has a well-known author, a well-", "known man born 1990-", "2001."]
        ),
    )
    assert "The document has" in page.text
    assert "a well-known man" in page.text
    assert "1990-\n2001" in page.text


@pytest.mark.parametrize("build", [documents.ruled_table_pdf, documents.unruled_table_pdf])
async def test_table_rows_are_lines_in_place(tmp_path: Path, build: Callable[[], bytes]) -> None:
    _, [page] = await parsed(tmp_path, build())
    assert page.tables == 1
    rows = [" | ".join(row) for row in documents.TABLE]
    assert "\n".join(rows) in page.text
    assert page.text.index("table below") < page.text.index(rows[0])
    price = page.text.index("120.00")
    line = next(line for line in page.lines if line.start == price)
    assert page.text[line.start : line.end] == "120.00"
    assert line.box.x0 == pytest.approx((documents.MARGIN + 150) / documents.WIDTH, abs=0.02)


async def test_rows_without_a_rule_between_them_stay_rows(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, documents.ruled_table_pdf(rules=[0, 1, 4]))
    assert "\n".join(" | ".join(row) for row in documents.TABLE) in page.text


async def test_wrapped_cells_stay_one_cell(tmp_path: Path) -> None:
    def wrapped(canvas: Canvas) -> None:
        canvas.grid([72, 172, 372], [700, 640, 610])
        for x, y, text in (
            (76, 685, "Delivery"),
            (176, 685, "Within a week on the main"),
            (176, 670, "island, else within two"),
            (76, 625, "Returns"),
            (176, 625, "Free of charge"),
        ):
            canvas.drawString(x, y, text)

    _, [page] = await parsed(tmp_path, documents.pdf(wrapped))
    assert page.text.splitlines() == [
        "Delivery | Within a week on the main island, else within two",
        "Returns | Free of charge",
    ]


async def test_prose_in_a_frame_is_no_table(tmp_path: Path) -> None:
    framed = documents.together(
        lambda canvas: canvas.rect(60, 600, 400, 200), documents.lines(["Prose in a frame."])
    )
    _, [page] = await parsed(tmp_path, documents.pdf(framed))
    assert (page.text, page.tables) == ("Prose in a frame.", 0)


async def test_words_printed_twice_count_once(tmp_path: Path) -> None:
    bold = documents.together(
        documents.lines(["A poor man's bold."]), documents.lines(["A poor man's bold."], x=72.4)
    )
    _, [page] = await parsed(tmp_path, documents.pdf(bold))
    assert page.text == "A poor man's bold."


@pytest.mark.parametrize("degrees", [90, 180, 270])
async def test_boxes_follow_the_rotation_of_the_page(tmp_path: Path, degrees: int) -> None:
    texts = ["Upright text in the top left corner.", "And below it."]
    content = documents.turned_pdf(documents.text_pdf(texts), degrees)
    _, [page] = await parsed(tmp_path, content)
    assert page.text == "\n".join(texts)
    box = page.lines[0].box
    x, y = documents.MARGIN / documents.WIDTH, documents.MARGIN / documents.HEIGHT
    corner = {90: (1 - y, x), 180: (1 - x, 1 - y), 270: (y, 1 - x)}[degrees]
    nearest = {90: (box.x0, box.y0), 180: (box.x1, box.y0), 270: (box.x1, box.y1)}[degrees]
    assert nearest == pytest.approx(corner, abs=0.02)


async def test_boxes_follow_the_crop_box(tmp_path: Path) -> None:
    content = documents.cropped_pdf(documents.text_pdf(["Text."]), 36, 36, 559, 806)
    _, [page] = await parsed(tmp_path, content)
    assert page.lines[0].box.x0 == pytest.approx((documents.MARGIN - 36) / 523, abs=0.005)


async def test_text_that_runs_upwards(tmp_path: Path) -> None:
    _, [page] = await parsed(tmp_path, documents.sideways_pdf(["Runs upwards here.", "Second."]))
    assert page.text == "Runs upwards here.\nSecond."
    box = page.lines[0].box
    assert box.y1 - box.y0 > 2 * (box.x1 - box.x0)
    assert page.lines[1].box.x0 > box.x0


async def test_invisible_text_counts(tmp_path: Path) -> None:
    content = documents.pdf(documents.lines(["A hidden text layer."], mode=3))
    _, [page] = await parsed(tmp_path, content)
    assert page.text == "A hidden text layer."


async def test_blank_page_is_reported(tmp_path: Path) -> None:
    content = documents.text_pdf(["One."], [], ["Three."])
    _, pages = await parsed(tmp_path, content)
    assert [page.status for page in pages] == ["indexed", "reported", "indexed"]
    assert pages[1].reason == "blank page"


async def test_word_file(tmp_path: Path) -> None:
    document, pages = await parsed(tmp_path, documents.word_file(), "lanterns.docx")
    assert document.title == "Care of lanterns"
    assert len(pages) == 2
    assert "Lantern works, internal" in pages[0].text
    assert "- Wipe the glass with vinegar." in pages[0].text
    assert "Oak barrel | 120.00 | 3" in pages[0].text
    assert pages[0].tables == 1
    assert [heading.text for heading in pages[1].headings] == ["Storage"]


async def test_slides_file(tmp_path: Path) -> None:
    _, pages = await parsed(tmp_path, documents.slides_file(), "talk.pptx")
    assert [page.headings[0].text for page in pages] == ["Quarterly lanterns", "Numbers"]
    assert "more lanterns than kettles" in pages[0].text
    assert "Oak barrel | 120.00 | 3" in pages[1].text
    assert "Notes: Mention the oak barrels." in pages[1].text


async def test_sheets_file(tmp_path: Path) -> None:
    _, pages = await parsed(tmp_path, documents.sheets_file(more_rows=2_000), "stock.xlsx")
    assert pages[0].text.startswith("Stock\n\nProduct | Price | Stock\nCopper kettle")
    assert pages[1].text.startswith("Numbers\n\nnumber | square\n0 | 0\n1 | 1")
    assert pages[-1].text.endswith("1999 | 3996001")


async def test_rows_over_the_limit_are_reported(tmp_path: Path) -> None:
    content = documents.sheets_file(more_rows=50)
    _, pages = await parsed(tmp_path, content, "a.xlsx", Limits(sheet_rows=20))
    assert pages[-1].status == "reported"
    assert "rows after 20" in pages[-1].reason


async def test_html(tmp_path: Path) -> None:
    document, [page] = await parsed(tmp_path, documents.HTML_PAGE.encode(), "page.html")
    assert document.title == "Lanterns"
    assert [(h.level, h.text) for h in page.headings] == [
        (1, "Lanterns of the harbour"),
        (2, "Prices"),
    ]
    assert "Glass lantern | 24.50\nCopper kettle | 39.90" in page.text
    assert "- Delivered within a week" in page.text
    assert "never shown" not in page.text
    assert "Shop" not in page.text


async def test_markdown(tmp_path: Path) -> None:
    document, [page] = await parsed(tmp_path, documents.MARKDOWN_PAGE.encode(), "notes.md")
    assert document.title == "Lantern notes"
    assert [heading.text for heading in page.headings] == ["Lanterns", "Prices"]
    assert "Product | Price\nGlass lantern | 24.50" in page.text
    assert "```\n# not a heading\n```" in page.text


async def test_csv(tmp_path: Path) -> None:
    content = "Product;Price\nÖllampe;24,50\n".encode("latin-1")
    document, [page] = await parsed(tmp_path, content, "stock.csv")
    assert document.media_type == "text/csv"
    assert page.text == "Product | Price\nÖllampe | 24,50"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_plain_text_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = (
        "Müller fährt über die Brücke nach Köln.\n\n" + "Grüße aus Österreich, schöne Straße. " * 5
    )
    _, [page] = await parsed(tmp_path, text.encode(encoding), "notes.txt")
    assert page.text.split() == text.split()


async def test_long_text_is_cut_into_pages_without_loss(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"Paragraph {n} " + "of many words that go on and on. " * 9 for n in range(60)
    )
    _, pages = await parsed(tmp_path, text.encode(), "long.txt")
    assert all(len(page.text) <= 3_300 for page in pages)
    assert " ".join(page.text for page in pages).split() == text.split()


async def test_form_feeds_are_page_breaks(tmp_path: Path) -> None:
    _, pages = await parsed(tmp_path, b"one\n\ftwo\f\nthree", "a.txt")
    assert [page.text for page in pages] == ["one", "two", "three"]


async def test_content_decides_not_the_ending(tmp_path: Path) -> None:
    document, _ = await parsed(tmp_path, documents.text_pdf(["Text."]), "report.docx")
    assert document.media_type == "application/pdf"
    document, _ = await parsed(tmp_path, documents.HTML_PAGE.encode(), "page.txt")
    assert document.media_type == "text/html"


OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")
BadFile = tuple[Callable[[], bytes], str, type[UserError], str]
BAD_FILES: dict[str, BadFile] = {
    "empty": (lambda: b"", "a.pdf", InvalidInput, "empty"),
    "encrypted": (
        lambda: documents.text_pdf(["Secret."], password="x"),
        "a.pdf",
        InvalidInput,
        "password",
    ),
    "no pdf": (lambda: b"%PDF-1.7\n" + b"rubbish" * 50, "a.pdf", InvalidInput, "damaged"),
    "old word": (lambda: OLD_OFFICE + bytes(600), "a.doc", UnsupportedType, "DOC"),
    "encrypted word": (
        lambda: OLD_OFFICE + "EncryptedPackage".encode("utf-16-le"),
        "a.docx",
        InvalidInput,
        "password",
    ),
    "binary": (lambda: bytes(range(256)) * 20, "a.txt", UnsupportedType, "binary"),
    "archive": (lambda: documents.archive({"a.txt": b"x"}), "a.zip", UnsupportedType, "archive"),
    "cut archive": (lambda: documents.word_file()[:5_000], "a.docx", InvalidInput, "damaged"),
    "zip bomb": (documents.zip_bomb, "a.docx", TooLarge, "unpacks"),
    "crowded zip": (lambda: documents.crowded_zip(10_001), "a.docx", TooLarge, "parts"),
    "lying zip": (documents.lying_zip, "a.docx", InvalidInput, "damaged"),
    "entity bomb": (documents.entity_bomb, "a.docx", TooLarge, "entities"),
    "UTF-16 entity bomb": (
        lambda: documents.entity_bomb("utf-16"),
        "a.docx",
        TooLarge,
        "entities",
    ),
    "html bomb": (lambda: b"<html>" + b"<div>" * 300_000 + b"x", "a.html", TooLarge, "nested"),
}


@pytest.mark.parametrize("case", BAD_FILES)
async def test_bad_files_are_refused_with_a_hint(tmp_path: Path, case: str) -> None:
    build, name, kind, message = BAD_FILES[case]
    with pytest.raises(kind, match=message) as refused:
        await parsed(tmp_path, build(), name)
    assert refused.value.hint


async def test_deep_html_within_reason_is_read(tmp_path: Path) -> None:
    content = b"<html><body>" + b"<div>" * 5_000 + b"At the bottom." + b"</div>" * 5_000
    _, [page] = await parsed(tmp_path, content, "deep.html")
    assert page.text == "At the bottom."


async def test_over_the_page_limit(tmp_path: Path) -> None:
    content = documents.text_pdf(["1"], ["2"], ["3"])
    with pytest.raises(TooLarge, match="3 pages"):
        await parsed(tmp_path, content, limits=Limits(pages=2))
    with pytest.raises(TooLarge, match="2 pages"):
        await parsed(tmp_path, b"1\f2\f3", "a.txt", limits=Limits(pages=2))


@pytest.mark.parametrize(("share", "least"), [(0.4, 0), (0.8, 15), (0.98, 25)])
async def test_truncated_pdf_is_read_as_far_as_it_goes(
    tmp_path: Path, share: float, least: int
) -> None:
    document = pypdfium2.PdfDocument(
        documents.text_pdf(*([f"Page {n}, " + "and on " * 9] * 40 for n in range(30)))
    )
    content = documents.saved(document)
    _, pages = await parsed(tmp_path, content[: int(len(content) * share)])
    indexed = [page for page in pages if page.status == "indexed"]
    assert least <= len(indexed) < 31
    assert len(pages) == 31
    assert all(page.text.startswith(f"Page {page.number - 1},") for page in indexed)
    assert "cut off" in pages[-1].reason


async def test_a_pdf_without_a_page_left_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="none of its pages"):
        await parsed(tmp_path, documents.text_pdf(["Text."])[:300])


async def test_a_page_that_hangs_costs_only_itself(tmp_path: Path) -> None:
    content = documents.pdf(
        documents.lines(["Before."]), documents.heavy_page(600_000), documents.lines(["After."])
    )
    _, pages = await parsed(tmp_path, content, limits=Limits(page_seconds=0.4))
    assert [page.status for page in pages] == ["indexed", "reported", "indexed"]
    assert pages[1].reason == "took longer than 0.4 s"
    assert pages[2].text == "After."


async def test_a_page_that_needs_too_much_memory_costs_only_itself(tmp_path: Path) -> None:
    content = documents.pdf(
        documents.lines(["Before."]), documents.heavy_page(3_000_000), documents.lines(["After."])
    )
    _, pages = await parsed(tmp_path, content, limits=Limits(memory_mb=300))
    assert [page.status for page in pages] == ["indexed", "reported", "indexed"]
    assert pages[2].text == "After."


async def test_pages_after_too_many_failures_are_reported(tmp_path: Path) -> None:
    heavy = [documents.heavy_page(300_000)] * 3
    content = documents.pdf(*heavy, documents.lines(["Never reached."]))
    _, pages = await parsed(tmp_path, content, limits=Limits(page_seconds=0.2, restarts=1))
    assert [page.status for page in pages] == ["reported"] * 4
    assert "2 pages before it failed" in pages[3].reason


async def test_a_worker_that_grew_hands_over_to_a_fresh_one(tmp_path: Path) -> None:
    content = documents.text_pdf(*([f"Page {n}."] for n in range(5)))
    _, pages = await parsed(tmp_path, content, limits=Limits(recycle_mb=1))
    assert [page.text for page in pages] == [f"Page {n}." for n in range(5)]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_thousands_of_pages_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(documents.text_pdf(*([f"Page {n}", "word " * 15] for n in range(1, 5_002))))
    told = 0

    async def on_page(page: ParsedPage) -> None:
        nonlocal told
        told += 1
        assert page.text.startswith(f"Page {page.number}\n")

    document = await parse_file(path, "long.pdf", on_page=on_page, limits=Limits(memory_mb=250))
    assert document.pages == told == 5_001


async def test_progress_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(documents.text_pdf(["1"], ["2"]))
    told: list[tuple[int, int]] = []

    async def on_page(page: ParsedPage) -> None: ...

    async def on_progress(done: int, total: int) -> None:
        told.append((done, total))

    await parse_file(path, "a.pdf", on_page=on_page, on_progress=on_progress)
    assert told == [(1, 2), (2, 2)]


async def test_cancelling_kills_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    heavy = documents.heavy_page(2_000_000)  # several: the worker must still be at it when we look
    path.write_bytes(documents.pdf(documents.lines(["One."]), *[heavy] * 5))
    first_page = asyncio.Event()

    async def on_page(page: ParsedPage) -> None:
        first_page.set()

    task = asyncio.create_task(parse_file(path, "a.pdf", on_page=on_page))
    await first_page.wait()
    while _workers() != 1:  # a busy process may show no command line for a moment
        assert not task.done()
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _workers() == 0


def _workers() -> int:
    """How many workers this process has; needs Linux.

    Read process by process: the list in `/proc/…/children` may leave out living ones while
    another child ends (proc(5)).
    """
    workers = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            command = (process / "cmdline").read_bytes()
            workers += parent == os.getpid() and b"parsing.worker" in command
    return workers


async def test_page_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(documents.text_pdf(["Text."]))
    png = await render_page(path, 1, 400)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20]) == 400
    with pytest.raises(NotFound):
        await render_page(path, 2)
    path.write_bytes(b"plain text")
    with pytest.raises(NotFound):
        await render_page(path, 1)


def test_a_worker_does_not_count_the_memory_of_who_started_it() -> None:
    held = bytearray(300 << 20)
    held[:: 4 << 10] = b"1" * len(held[:: 4 << 10])
    script = "from stoa.core.knowledge.parsing.worker import _memory_mb; print(_memory_mb())"
    started = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert 0 < int(started.stdout) < 250, len(held)
