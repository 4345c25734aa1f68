"""The page of ask_docs in a real browser: from a PDF to a cited answer and the passage it came from."""

import re
from pathlib import Path
from typing import Any

import pytest

from stoa.solutions.ask_docs.pages.words import SAMPLE_QUESTIONS
from tests.app.console.served import Served
from tests.app.console.test_browser import live, tab_to
from tests.forked import ROOT

pytestmark = pytest.mark.slow
SAMPLE = ROOT / "src/stoa/solutions/ask_docs/sample"
HANDBOOK = SAMPLE / "employee-handbook.pdf"
PAGE = "/solutions/ask_docs"
EVIL_NAME = "<img src=x onerror=window.pwned=1>.md"
EVIL_TEXT = """# <img src=x onerror=window.pwned=2> Rules of the kiln

The kiln <script>window.pwned=3</script> is lit at 640 degrees by <b onclick="x">two people</b>.

[A link](javascript:window.pwned=4) about the kiln.
"""


def with_a_blank_page(folder: Path) -> Path:
    """The handbook with an empty page at its end."""
    pdfium = pytest.importorskip("pypdfium2")
    document = pdfium.PdfDocument(HANDBOOK)
    document.new_page(595, 842)
    path = folder / "handbook-and-blank.pdf"
    document.save(path)
    document.close()
    return path


def upload(page: Any, file: Any) -> Any:
    """Upload on the documents tab and wait until it has been read; returns its line."""
    page.get_by_test_id("tab-documents").click()
    page.get_by_test_id("upload-input").set_input_files(file)
    line = page.get_by_test_id("intake-line").first
    line.get_by_text("indexed").or_(line.get_by_test_id("intake-problem")).first.wait_for(
        timeout=100_000
    )
    return line


def approve(line: Any) -> None:
    line.get_by_test_id("approve-new").click()
    line.get_by_text("Current").wait_for()


def ask(page: Any, question: str) -> Any:
    """Ask on the first tab; returns the finished answer."""
    page.get_by_test_id("tab-ask").click()
    before = page.get_by_test_id("answered-by").count()
    page.get_by_label("Ask your documents").fill(question)
    page.keyboard.press("Enter")
    page.get_by_test_id("answered-by").nth(before).wait_for()
    return page.get_by_test_id("answer").last


def test_from_a_pdf_to_the_highlighted_passage(
    sample_site: Served, visit: Any, tmp_path: Path
) -> None:
    page = visit(sample_site, PAGE)
    live(page)
    line = upload(page, with_a_blank_page(tmp_path))
    words = line.get_by_test_id("intake-words").inner_text()
    assert words.startswith("5 pages: 4 indexed, 1 reported: ")
    approve(line)

    answer = ask(page, "By when must carried-over leave be taken?")
    assert "31 March" in answer.inner_text()
    answer.get_by_test_id("citation").first.click()
    panel = page.get_by_test_id("source-panel")
    panel.get_by_test_id("highlight").first.wait_for()
    pages = re.fullmatch(r"Page 2 of ([45])", panel.get_by_test_id("source-page").inner_text())
    assert pages, "the sample holds the same handbook without the blank page: either may be cited"
    picture = panel.get_by_test_id("page-picture").locator("img")
    picture.evaluate("image => image.decode()")
    box = panel.get_by_test_id("highlight").first.bounding_box()
    frame = picture.bounding_box()
    assert frame["x"] <= box["x"]
    assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    assert frame["y"] <= box["y"] <= frame["y"] + frame["height"]
    panel.get_by_test_id("page-after").click()
    panel.get_by_text(f"Page 3 of {pages[1]}").wait_for()
    assert panel.get_by_test_id("highlight").count() == 0


def test_the_sample_questions_are_answered_by_the_sample_documents(
    sample_site: Served, visit: Any
) -> None:
    page = visit(sample_site, PAGE)
    live(page)
    for name in ("employee-handbook.pdf", "it-runbook.md", "travel-policy.docx"):
        line = upload(page, SAMPLE / name)
        if line.get_by_test_id("approve-new").count():
            approve(line)
        page.reload()
        live(page)
    for question in SAMPLE_QUESTIONS:
        page.get_by_test_id("new-conversation").click()
        page.get_by_test_id("suggestion").filter(has_text=question).click()
        page.get_by_test_id("answered-by").wait_for()
        assert page.get_by_test_id("citation").count() >= 1, question
    page.get_by_test_id("citation").first.click()
    page.get_by_test_id("source-panel").get_by_test_id("highlight").first.wait_for()


def test_markup_in_documents_stays_text_everywhere(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    live(page)
    evil = {"name": EVIL_NAME, "mimeType": "text/markdown", "buffer": EVIL_TEXT.encode()}
    approve(upload(page, evil))
    answer = ask(page, "At how many degrees is the kiln lit?")
    assert "640" in answer.inner_text()
    answer.get_by_test_id("citation").first.click()
    page.get_by_test_id("source-panel").wait_for()
    page.get_by_test_id("close-source").click()
    ask(page, "<img src=x onerror=window.pwned=5> kiln?")
    page.get_by_test_id("tab-documents").click()
    page.get_by_test_id("documents").get_by_text("kiln").first.click()
    page.get_by_test_id("accounting").wait_for()
    page.keyboard.press("Escape")
    for tab in ("review", "collections", "report"):
        page.get_by_test_id(f"tab-{tab}").click()
        page.wait_for_timeout(300)
    page.goto(sample_site.url + "/runs")
    page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img[src=x]").count() == 0


def test_a_file_that_cannot_be_read_says_why(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    live(page)
    broken = {"name": "torn.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 torn"}
    line = upload(page, broken)
    assert line.get_by_test_id("intake-problem").inner_text().strip()
    assert line.get_by_text("Failed").is_visible()


def test_review_feedback_and_conversations(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    live(page)
    note = {"name": "moss.txt", "mimeType": "text/plain", "buffer": b"Moss is watered on Mondays."}
    upload(page, note)
    page.get_by_test_id("tab-review").click()
    row = page.get_by_test_id("review-row").filter(has_text="moss").first
    row.get_by_test_id("reject").click()
    page.get_by_test_id("reason").fill("Nobody has moss.")
    page.get_by_test_id("reason-yes").click()
    page.get_by_test_id("review-row").filter(has_text="moss").wait_for(state="detached")

    answer = ask(page, "On which day is moss watered?")
    assert "Monday" not in answer.inner_text()
    answer.get_by_test_id("unhelpful").click()
    page.get_by_test_id("reason").fill("The moss rules are missing.")
    page.get_by_test_id("send-reason").click()
    page.get_by_test_id("tab-report").click()
    page.get_by_test_id("report").get_by_text("found unhelpful").wait_for()
    page.get_by_test_id("reasons").get_by_text("The moss rules are missing.").wait_for()

    page.get_by_test_id("tab-ask").click()
    row = page.get_by_test_id("conversations").get_by_role("listitem").filter(has_text="moss")
    row.get_by_test_id("conversation-more").click()
    with page.expect_download() as download:
        page.get_by_test_id("export").click()
    assert "moss" in Path(download.value.path()).read_text()
    row.get_by_test_id("conversation-more").click()
    page.get_by_test_id("delete-conversation").click()
    page.get_by_test_id("confirm-yes").click()
    row.wait_for(state="detached")


def test_asking_by_keyboard_only_on_a_phone_in_the_dark(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE, viewport={"width": 390, "height": 844}, color_scheme="dark")
    live(page)
    tab_to(page, "question")
    page.keyboard.type("By when must carried-over leave be taken?")
    page.keyboard.press("Enter")
    page.get_by_test_id("answered-by").wait_for()
    tab_to(page, "citation")
    page.keyboard.press("Enter")
    page.get_by_test_id("source-panel").wait_for()
    page.get_by_test_id("highlight").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    page.get_by_test_id("source-panel").wait_for(state="hidden")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
