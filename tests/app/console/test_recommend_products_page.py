"""The page of recommend_products in a real browser: try a user, take something, follow and steer the pipeline."""

from typing import Any

import pytest

from tests.app.console.served import Served
from tests.app.console.test_browser import live

pytestmark = pytest.mark.slow
PAGE = "/solutions/recommend_products"
TABS = ("trying", "pipeline", "runs", "models", "endpoint")


def opened(site: Served, visit: Any, **context: Any) -> Any:
    page = visit(site, PAGE, **context)
    live(page)
    page.set_default_timeout(90_000)  # the sample trains its first model beside the first visit
    page.get_by_test_id("recommended").wait_for()
    return page


def test_a_user_is_tried_and_takes_something(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    offered = page.get_by_test_id("recommended").get_by_test_id("tile")
    assert offered.count() == 12
    title = offered.first.locator(".tile-title").inner_text()
    offered.first.press("Enter")  # by keyboard, as by a click
    page.get_by_text("Counted as a click.").first.wait_for()
    page.get_by_text("with 1 thing just taken").wait_for()
    titles = page.get_by_test_id("recommended").locator(".tile-title").all_inner_texts()
    assert title not in titles
    page.get_by_test_id("rank").click()
    page.get_by_text("25 candidates in").wait_for()
    page.get_by_test_id("history").get_by_test_id("tile").first.click()
    page.get_by_test_id("similar").get_by_test_id("tile").first.wait_for()


def test_the_new_week_waits_is_approved_and_serves(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("tab-pipeline").click()
    page.get_by_test_id("asked").wait_for()
    page.get_by_test_id("node-train").click()
    page.get_by_test_id("dialog").get_by_text("Chosen").wait_for()
    page.keyboard.press("Escape")
    page.get_by_test_id("approve-run").click()
    page.get_by_test_id("outcome").get_by_text("Deployed").wait_for()
    page.get_by_test_id("tab-models").click()
    champion = page.get_by_test_id("model").filter(has_text="Champion")
    champion.get_by_text("v2").first.wait_for()
    page.get_by_test_id("roll-back").click()
    page.get_by_test_id("confirm-yes").click()
    page.get_by_text("v1 serves again.").first.wait_for()
    page.get_by_test_id("tab-endpoint").click()
    page.get_by_test_id("arm").get_by_text("v1").first.wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(sample_site: Served, visit: Any, width: int) -> None:
    page = opened(sample_site, visit, viewport={"width": width, "height": 860})
    for tab in TABS:
        page.get_by_test_id(f"tab-{tab}").click()
        page.wait_for_timeout(800)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
