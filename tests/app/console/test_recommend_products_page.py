"""The page of recommend_products in a real browser: try a user, take something, follow and steer the pipeline."""

from typing import Any

import pytest

from tests.app.console.served import Served
from tests.app.console.test_browser import live

pytestmark = pytest.mark.slow
PAGE = "/solutions/recommend_products"
SHOP = "larkfield"
CLICK = """(ticket) => fetch("/api/recommend_products/click", {
    method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify({ticket}),
}).then((answer) => answer.json())"""
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


def asked(page: Any, operation: str, **request: Any) -> Any:
    """What the shop's own programs ask meanwhile, with the sign-in of the page."""
    return page.evaluate(
        """([path, body]) => fetch(path, {
            method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body),
        }).then((answer) => answer.json())""",
        [f"/api/recommend_products/{operation}", {"shop": SHOP, **request}],
    )


def test_a_challenger_is_trained_compared_and_withdrawn(sample_site: Served, visit: Any) -> None:
    page = opened(sample_site, visit)
    made = {"models": ["gmf"], "margin": -1, "challenger_share": 0.5}
    asked(page, "settings_set", **made, parameters={"gmf": {"epochs": 2, "factor_num": 4}})
    page.get_by_test_id("tab-pipeline").click()
    page.get_by_test_id("run-pipeline").click()
    page.get_by_test_id("outcome").get_by_text("Running").wait_for()
    page.get_by_test_id("node-train").get_by_text("Running").wait_for()
    page.get_by_test_id("outcome").get_by_text("Deployed").wait_for()
    page.get_by_test_id("node-smoke_test").get_by_text("Done").wait_for()

    page.get_by_test_id("tab-runs").click()
    page.get_by_test_id("runs").get_by_text("GMF ★").first.wait_for()
    page.get_by_test_id("curve-name").wait_for()
    drawn = page.get_by_test_id("runs").locator(".curves polyline[points*=' ']").first
    drawn.wait_for(state="attached", timeout=10_000)

    page.get_by_test_id("tab-models").click()
    challenger = page.get_by_test_id("model").filter(has_text="Challenger")
    challenger.get_by_test_id("details").click()
    lineage = page.get_by_test_id("lineage")
    for told in (f"recommend.{SHOP}.interactions v2", "Train gmf", "Challenger · Approved"):
        lineage.get_by_text(told).first.wait_for()
    assert lineage.locator("ol > li").count() == 6, "two data sets, run, job, model, endpoint"
    by = lineage.locator("a", has_text="Run · Done").first
    assert (by.get_attribute("href") or "").startswith("/runs/")
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    lineage.get_by_text("after Train gmf").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    lineage.scroll_into_view_if_needed()
    page.set_viewport_size({"width": 1280, "height": 860})
    lineage.locator("a", has_text=f"recommend-{SHOP}").click()  # another page, with this tab
    page.get_by_test_id("endpoint").get_by_text(f"recommend-{SHOP}").first.wait_for()

    for user in range(100, 140):
        answer = asked(page, "recommend", user=f"u{user}", limit=3)
        if user % 2:
            page.evaluate(CLICK, answer["ticket"])
    page.reload()
    arms = page.get_by_test_id("arm")
    arms.nth(1).get_by_text("50 % of the users").wait_for()
    arms.first.get_by_text(" answers were clicked").wait_for()
    page.get_by_test_id("verdict").wait_for()
    page.get_by_test_id("replicas").get_by_text("2 replicas").wait_for()
    assert float(page.locator(".figure-value").first.inner_text()) > 0
    page.get_by_test_id("keep").click()
    page.get_by_test_id("confirm-yes").click()
    page.get_by_text("The test is over.").first.wait_for()
    arms.nth(1).wait_for(state="detached")


def test_processes_are_set_in_the_dialog_within_the_bounds_of_the_api(
    sample_site: Served, visit: Any
) -> None:
    page = opened(sample_site, visit)
    page.get_by_test_id("tab-pipeline").click()
    page.get_by_test_id("settings").click()
    dialog = page.get_by_test_id("dialog")
    least = dialog.get_by_test_id("set-replicas")
    for told in ("Least processes, 1 to 16", "Most processes, 1 to 64"):
        dialog.get_by_text(told).wait_for()
    least.fill("17")
    dialog.get_by_test_id("save-settings").click()
    dialog.get_by_test_id("error").get_by_text("less than or equal to 16").wait_for()
    assert page.locator(".stoa-bad").count() == 0, "nothing else went wrong"
    least.fill("2")
    dialog.get_by_test_id("set-most-replicas").fill("3")
    dialog.get_by_test_id("save-settings").click()
    page.get_by_text("The next run keeps to it.").first.wait_for()
    kept = asked(page, "settings")["settings"]
    assert (kept["replicas"], kept["most_replicas"]) == (2, 3)
    asked(page, "settings_set", **{**kept, "replicas": 1, "most_replicas": 4})


def test_a_run_that_fails_says_why_on_a_phone_in_the_dark(sample_site: Served, visit: Any) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    page = opened(sample_site, visit, **phone)
    wrong = {"x" * 120: 1}
    asked(page, "settings_set", models=["ials"], parameters={"ials": wrong})
    page.get_by_test_id("tab-pipeline").click()
    page.get_by_test_id("run-pipeline").click()
    page.get_by_test_id("outcome").get_by_text("Failed").wait_for()
    page.get_by_test_id("reason").get_by_text("Train").wait_for()
    page.get_by_test_id("retry").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_test_id("node-train").click()
    page.get_by_test_id("dialog").get_by_text("x" * 120).first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(sample_site: Served, visit: Any, width: int) -> None:
    page = opened(sample_site, visit, viewport={"width": width, "height": 860})
    lengthened = page.evaluate("""() => [...document.querySelectorAll(".tile-words > *")].map(
        (each) => each.textContent = "x".repeat(300)).length""")
    assert lengthened >= 24, "titles and categories of a dozen products"
    tall = page.get_by_test_id("tile").first.bounding_box()["height"]
    assert tall < 400, "a title that goes on for ever ends after some lines"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for tab in TABS:
        page.get_by_test_id(f"tab-{tab}").click()
        page.wait_for_timeout(800)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
