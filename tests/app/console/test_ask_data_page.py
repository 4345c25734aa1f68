"""The page of ask_data in a real browser: from a question to rows, edited, judged and reported."""

from typing import Any

import pytest

from stoa.solutions.ask_data.pages.words import SAMPLE_QUESTIONS
from tests.app.console.served import Served
from tests.app.console.test_browser import live

pytestmark = pytest.mark.slow
PAGE = "/solutions/ask_data"
EVIL = "How many <img src=x onerror=window.pwned=1> are there?"


def ready(page: Any) -> None:
    """Wait until the sample is in: a fresh server fills it while it already serves."""
    live(page)
    while not page.get_by_test_id("ask-form").or_(page.get_by_test_id("empty")).first.is_visible():
        page.wait_for_timeout(100)
    while page.get_by_test_id("ask-form").count() == 0:
        page.wait_for_timeout(500)
        page.reload()
        live(page)
        page.get_by_test_id("ask-form").or_(page.get_by_test_id("empty")).first.wait_for()


def ask(page: Any, *questions: str) -> list[Any]:
    """Ask a question and its follow-ups; returns the finished cards."""
    page.get_by_test_id("tab-ask").click()
    for number, question in enumerate(questions):
        if number >= page.get_by_test_id("question-line").count():
            page.get_by_test_id("add-question").click()
        page.get_by_role("textbox", name="Follow-up" if number else "Ask your database").nth(
            number - 1 if number else 0
        ).fill(question)
    page.get_by_test_id("ask").click()
    cards = []
    for question in questions:
        heading = page.get_by_role("heading", name=question, exact=True)
        card = page.get_by_test_id("answer-card").filter(has=heading)
        card.get_by_test_id("answered-by").wait_for()
        cards.append(card)
    return cards


def test_from_a_question_to_the_report(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    first, then = ask(page, "How many electric bikes are there?", "And cargo?")
    for card in (first, then):
        assert card.get_by_test_id("english").inner_text()
        assert card.get_by_test_id("reasoning").inner_text()
        assert card.get_by_test_id("rows").count() == 1

    page.get_by_test_id("delete-question").click()
    page.get_by_test_id("question-line").nth(1).wait_for(state="detached")
    (card,) = ask(page, "How many repairs were there for each fault?")
    card.get_by_test_id("chart").wait_for()
    assert card.get_by_role("row").count() >= 5
    with page.expect_download() as loading:
        card.get_by_test_id("csv").click()
    assert b"fault" in loading.value.path().read_bytes()

    card.get_by_test_id("query").get_by_text("Query").click()
    editor = card.get_by_role("textbox", name="SQL")
    editor.fill("DELETE FROM repair")
    card.get_by_test_id("run-sql").click()
    card.get_by_test_id("no-answer").wait_for()
    card.get_by_test_id("query").get_by_text("Query").click()
    card.get_by_role("textbox", name="SQL").fill("SELECT name FROM town ORDER BY name")
    card.get_by_test_id("run-sql").click()
    card.get_by_text("Easton", exact=True).first.wait_for()

    card.get_by_test_id("save").click()
    page.get_by_text("Saved. You find it under Saved.").wait_for()
    card.get_by_test_id("bad").click()
    page.get_by_label("Reason").fill("Not what I asked")
    page.get_by_test_id("send-reason").click()
    page.get_by_text("It goes into the report").wait_for()
    page.get_by_test_id("tab-saved").click()
    page.get_by_test_id("run-saved").first.click()
    page.get_by_test_id("answer-card").last.get_by_test_id("answered-by").wait_for()
    page.get_by_test_id("tab-report").click()
    page.get_by_test_id("acceptance").wait_for()
    page.get_by_text("Not what I asked").first.wait_for()


def test_the_sample_questions_are_answered(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("suggestion").first.wait_for()
    for question in SAMPLE_QUESTIONS:
        (card,) = ask(page, question)
        assert card.get_by_test_id("english").count() == 1, question


def test_databases_are_tried_described_and_refused(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("tab-databases").click()
    line = page.get_by_test_id("connection").first
    line.get_by_test_id("test").click()
    page.get_by_text("answers; the login").wait_for()
    line.get_by_test_id("look").click()
    table = page.get_by_test_id("catalogue-table").filter(has_text="repair").first
    table.get_by_text("repair").first.click()
    field = table.get_by_test_id("description").first
    field.fill("A repair in our workshop.")
    field.press("Enter")
    page.get_by_text("Kept.").wait_for()
    page.get_by_label("URL", exact=True).fill("oracle://somewhere/else")
    page.get_by_test_id("test-url").click()
    page.get_by_test_id("error").wait_for()


def test_what_people_type_stays_text(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    (card,) = ask(page, EVIL)
    assert "onerror" in card.get_by_role("heading").first.inner_text()
    assert page.evaluate("window.pwned") is None
