"""The page of pretrain_llm in a real browser: runs with their curves, plans, failures, and bad input."""

from typing import Any

import pytest

from tests.app.console.served import Served
from tests.app.console.test_browser import live

pytestmark = pytest.mark.slow
PAGE = "/solutions/pretrain_llm"


def ready(page: Any) -> None:
    """Wait until the sample is in: a fresh server fills it while it already serves."""
    live(page)
    page.get_by_test_id("runs").wait_for()
    while page.get_by_test_id("run").count() == 0:
        page.wait_for_timeout(1000)
    page.get_by_test_id("curves").first.wait_for()


def test_runs_are_read_by_pointer_and_keys(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_role("button", name="Harbour log, killed once").click()
    page.get_by_test_id("run-head").get_by_text("killed once").wait_for()
    assert "Lost work" in str(page.get_by_test_id("ledger-bar").get_attribute("aria-label"))
    figure = page.get_by_test_id("curves").first
    figure.press("End")
    readout = figure.locator(".curves-readout")
    readout.get_by_text("step 600").wait_for()
    assert "Training loss: 0." in readout.inner_text()
    page.keyboard.press("Escape")
    readout.wait_for(state="hidden")
    figure.locator(".curves-plot").hover(position={"x": 5, "y": 60})
    readout.get_by_text("step").wait_for()


def test_runs_are_compared(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("tab-compare").click()
    page.get_by_test_id("compare-curves").wait_for()
    assert page.get_by_test_id("differences").get_by_text("optimiser.rate").count() == 1


def test_plans_and_failures_are_drawn(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("tab-plan").click()
    page.get_by_test_id("layouts").wait_for()
    page.get_by_test_id("memory-bar").wait_for()
    page.get_by_test_id("plan-sequences").fill("7")  # over 4,096 devices
    page.get_by_test_id("plan").click()
    page.get_by_test_id("nothing-fits").wait_for()
    page.get_by_test_id("tab-simulate").click()
    page.get_by_test_id("goodput-curves").wait_for()
    assert "Productive" in str(page.get_by_test_id("shares").get_attribute("aria-label"))


def test_what_can_not_be_trained_is_said(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("tab-texts").click()
    page.get_by_test_id("recipe-card").first.wait_for()
    page.get_by_test_id("dataset-name").fill("mine")
    page.get_by_test_id("add-dataset").click()
    page.get_by_role("alert").first.wait_for()
