"""The page of pretrain_llm in a real browser: runs with their curves, alarms and scores, plans, failures, and
bad input."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stoa.base.settings import Settings
from stoa.solutions.pretrain_llm.choosing import changed, named_recipe
from tests.app.console.served import Served
from tests.app.console.test_browser import live
from tests.conftest import lacking
from tests.solutions.pretrain_llm.conftest import SAMPLE, TINY

pytestmark = pytest.mark.slow
PAGE = "/solutions/pretrain_llm"
TASKS = SAMPLE.parent / "tasks"


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
    head = page.get_by_test_id("run-head").inner_text()
    for value, name in (
        ("19.3 %", "MFU, 6N"),
        ("22.3 %", "MFU with attention"),
        ("54.9 %", "goodput"),
    ):
        assert f"{value}\n{name}" in head
    assert "Lost work" in str(page.get_by_test_id("ledger-bar").get_attribute("aria-label"))
    assert "85 spikes" in str(page.get_by_test_id("curves").nth(1).get_attribute("aria-label"))
    figure = page.get_by_test_id("curves").first
    figure.press("End")
    readout = figure.locator(".curves-readout")
    readout.get_by_text("step 600").wait_for()
    assert "Training loss: 0." in readout.inner_text()
    page.keyboard.press("Escape")
    readout.wait_for(state="hidden")
    figure.locator(".curves-plot").hover(position={"x": 5, "y": 60})
    readout.get_by_text("step").wait_for()


@pytest.mark.timeout(600)
def test_a_run_at_work_is_read_with_the_keyboard_and_stopped(
    sample_site: Served, visit: Any
) -> None:
    """New figures every second or two take neither the focus nor what is read off, nor close a log."""
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("new-run").click()
    page.get_by_test_id("steps").fill("3000")
    page.get_by_test_id("run-title").fill("At work")
    page.get_by_test_id("start-run").click()
    page.get_by_test_id("stop-run").wait_for(timeout=90_000)
    figure = page.get_by_test_id("run-detail").get_by_test_id("curves").first
    figure.wait_for(timeout=300_000)
    page.get_by_text("Log", exact=True).last.click()
    figure.press("Home")
    drawn = figure.get_attribute("data-curves")
    while figure.get_attribute("data-curves") == drawn:
        page.wait_for_timeout(500)
    assert figure.evaluate("element => element === document.activeElement")
    assert "Training loss" in figure.locator(".curves-readout").inner_text()
    assert page.get_by_text("[schedule]").last.is_visible()
    page.get_by_test_id("stop-run").click()
    page.get_by_test_id("confirm-yes").click()
    page.get_by_test_id("run-stopped").wait_for(timeout=120_000)
    page.get_by_test_id("resume-run").wait_for()
    page.get_by_test_id("evaluate-run").wait_for()  # it has checkpoints


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
    page.get_by_test_id("memory-bar").wait_for()
    layouts = page.get_by_test_id("layouts").get_by_role("row")
    layouts.nth(1).wait_for()
    for each in layouts.all()[1:]:
        step, tokens, mfu, memory, days = each.inner_text().split("\t")[1:6]
        digits = [len(value.partition(".")[2]) for value in (step, tokens, mfu, memory, days)]
        assert digits == [3, 0, 1, 2, 2]
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


def test_nothing_is_wider_than_a_phone(sample_site: Served, visit: Any) -> None:
    page = visit(sample_site, PAGE, viewport={"width": 390, "height": 800})
    ready(page)
    for tab, part in (
        ("runs", "ledger-bar"),
        ("compare", "compare-curves"),
        ("plan", "memory-bar"),
        ("simulate", "goodput-curves"),
        ("texts", "recipe-card"),
    ):
        page.get_by_test_id(f"tab-{tab}").click()
        page.get_by_test_id(part).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, tab


def nervous(home: Path) -> None:
    """An operator's recipe of six steps, whose alarm goes off as soon as a norm grows, and their tasks: two of
    ours with few examples."""
    recipe = changed(
        named_recipe(Settings.load(home=home), "sample"),
        [
            *TINY,
            "name=nervous",
            "stability.window=1",
            "stability.alarm=1.01",
            "checkpoints.keep_every=3",
        ],
    )
    (home / "recipes").mkdir()
    (home / "recipes" / "nervous.toml").write_text(recipe.to_toml(), encoding="utf-8")
    (home / "tasks").mkdir()
    for name in ("harbour_spelling", "harbour_text"):
        shutil.copy(TASKS / f"{name}.yaml", home / "tasks")
        examples = (TASKS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (home / "tasks" / f"{name}.jsonl").write_text("".join(examples[:4]), encoding="utf-8")


@pytest.mark.timeout(400)
def test_an_alarm_is_told_and_checkpoints_are_judged(sample_site: Served, visit: Any) -> None:
    if find_spec("lm_eval") is None:
        lacking("lm_eval")
    nervous(sample_site.home)
    page = visit(sample_site, PAGE)
    ready(page)
    page.get_by_test_id("new-run").click()
    page.get_by_role("combobox", name="Recipe").click()
    page.get_by_role("option", name="nervous").click()
    page.get_by_test_id("start-run").click()
    page.get_by_test_id("evaluate-run").wait_for(timeout=180_000)
    told = page.get_by_test_id("alarm").inner_text()
    assert "The mean of the gradient norm grew beyond 1.01 times its lowest" in told

    page.get_by_test_id("evaluate-run").click()
    page.get_by_test_id("judge").click()
    scores = page.get_by_test_id("scores")
    scores.wait_for(timeout=180_000)
    head, *rows = [each.inner_text().split("\t") for each in scores.get_by_role("row").all()]
    assert len(head) == 4
    assert [(step, tokens) for step, tokens, _, _ in rows] == [("3", "96"), ("6", "192")]
    for _, _, spelled, bits in rows:
        assert 0 <= float(spelled) <= 1
        assert 4 < float(bits) < 8
    figure = page.get_by_test_id("score-curves")
    figure.press("End")
    figure.locator(".curves-readout").get_by_text("tokens 192").wait_for()
    assert f"harbour text: {rows[-1][3][:4]}" in figure.locator(".curves-readout").inner_text()
