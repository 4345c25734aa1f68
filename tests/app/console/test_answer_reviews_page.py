"""The page of answer_reviews in a real browser: a review comes in, is shown live, and is looked at."""

from typing import Any

import pytest

from tests.app.console.served import Served
from tests.app.console.test_browser import live

pytestmark = pytest.mark.slow
PAGE = "/solutions/answer_reviews"
EVIL = "<img src=x onerror=window.pwned=1> The delivery was quick and the kettle is lovely."


def opened(site: Served, visit: Any, **context: Any) -> Any:
    page = visit(site, PAGE, **context)
    live(page)
    return page


def test_a_review_is_sent_answered_and_looked_at(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("send").click()
    page.get_by_test_id("review-text").fill(EVIL)
    page.get_by_test_id("review-channel").fill("browser")
    page.get_by_test_id("send-review").click()
    row = page.get_by_test_id("review").filter(has_text="onerror=window.pwned=1")
    row.get_by_text("Answered").wait_for()
    row.get_by_role("button").first.click()
    dialog = page.get_by_test_id("dialog")
    assert EVIL in dialog.get_by_test_id("review-text").inner_text()
    assert dialog.get_by_test_id("reply").inner_text().startswith("Hello, thank you")
    dialog.get_by_text("new review response created").wait_for()
    dialog.get_by_test_id("label-harmless").click()
    page.get_by_text("Noted").first.wait_for()
    assert page.evaluate("window.pwned") is None


def test_the_sample_shows_what_waits_and_leads_to_the_inbox(
    sample_site: Served, visit: Any
) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("waiting").wait_for()
    page.get_by_test_id("to-inbox").click()
    page.wait_for_url("**/inbox**")
    page.get_by_text("May this re").first.wait_for()


def test_thresholds_are_suggested_and_set(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("tab-thresholds").click()
    page.get_by_test_id("curve").locator("polyline").nth(1).wait_for(state="attached")
    page.get_by_test_id("set-low").fill("0.9")
    page.get_by_test_id("save-channel").click()
    page.get_by_text("above the upper one").last.wait_for()
    page.get_by_test_id("use-suggestion").click()
    page.get_by_text("It holds for reviews").first.wait_for()


def test_statistics_and_events(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("review").first.wait_for()
    page.get_by_test_id("tab-statistics").click()
    page.get_by_test_id("statistics").get_by_text("without a person").first.wait_for()
    page.get_by_test_id("tab-events").click()
    page.get_by_test_id("event").first.wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(sample_site: Served, visit: Any, width: int) -> None:
    page = opened(sample_site, visit, viewport={"width": width, "height": 860})
    for tab in ("reviews", "thresholds", "statistics", "events"):
        page.get_by_test_id(f"tab-{tab}").click()
        page.wait_for_timeout(400)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab


def test_an_empty_list_says_how_to_fill_it(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("search").fill("nothing has these words in it")
    page.get_by_text("No review matches").wait_for()
