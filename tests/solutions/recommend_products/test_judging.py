"""Whether a model may serve: each condition alone, and what is said when it does not hold."""

import math
from pathlib import Path

import pytest

from stoa.core.jobs.folder import RunFolder
from stoa.solutions.recommend_products.judging import best_of, checks_of, problem_of, reason_of
from stoa.solutions.recommend_products.schema import Candidate, Model, Settings

GOOD = {"ndcg": 0.30, "hr": 0.5, "coverage": 0.4, "megabytes": 2.0}


def trained(model: Model = Model.EASE, problem: str = "", **metrics: float) -> Candidate:
    found = {} if problem else {**GOOD, **metrics}
    return Candidate(
        model=model, job="job_1", state="done", metrics=found, seconds=1, chosen=False, problem=problem
    )  # fmt: skip


def failed(candidate: Candidate | None, champion: dict[str, float], **settings: float) -> list[str]:
    checks = checks_of(candidate, champion, Settings.model_validate(settings))
    return [each.name for each in checks if not each.passed]


def test_the_best_is_chosen_by_validation_and_not_by_the_test() -> None:
    one = trained(Model.EASE, validation_ndcg=0.31, ndcg=0.30)
    other = trained(Model.IALS, validation_ndcg=0.30, ndcg=0.99)
    assert best_of([other, one], "ndcg") is one


def test_what_could_not_be_trained_is_chosen_by_nobody_and_says_why() -> None:
    diverged = trained(problem="It diverged.")
    assert best_of([diverged, trained()], "ndcg") == trained()
    assert best_of([diverged], "ndcg") is diverged
    assert (
        reason_of(diverged, checks_of(diverged, {}, Settings())) == "ease is kept out: It diverged."
    )
    assert best_of([], "ndcg") is None
    assert failed(None, {}) == ["trained"]


def test_a_figure_that_is_no_number_is_a_problem_as_a_run_folder_keeps_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.finish({"ndcg": 1.0, "validation_ndcg": math.nan, "loss": math.inf})
    result = folder.result()
    assert result is not None
    assert problem_of(result["metrics"]) == "Not a finite number: loss, validation_ndcg."
    assert problem_of({"ndcg": 1.0}) == ""


def test_the_first_model_needs_no_champion_to_beat() -> None:
    assert failed(trained(), {}) == []


@pytest.mark.parametrize(
    ("ndcg", "margin", "passes"),
    [(0.30, 0.0, False), (0.3001, 0.0, True), (0.3001, 0.01, False), (0.29, -0.02, True)],
)
def test_it_beats_the_champion_by_the_margin(ndcg: float, margin: float, passes: bool) -> None:
    assert (failed(trained(ndcg=ndcg), {"ndcg": 0.30}, margin=margin) == []) is passes


def test_it_says_why_it_is_kept_out() -> None:
    worse = trained(ndcg=0.20)
    checks = checks_of(worse, {"ndcg": 0.30}, Settings(margin=0.01))
    assert reason_of(worse, checks) == (
        "ease is kept out: NDCG@10 0.2000 is not above the champion's 0.3000 plus the margin of 0.01."
    )
    assert reason_of(worse, checks_of(worse, {}, Settings())) == ""


def test_a_model_that_cannot_order_is_neither_chosen_nor_let_through() -> None:
    collapsed = trained(
        Model.NEUMF, ndcg=1.0, hr=1.0, validation_ndcg=1.0, ties=1.0, validation_ties=1.0
    )
    assert best_of([collapsed, trained()], "ndcg") == trained()
    assert best_of([collapsed], "ndcg") is collapsed
    checks = checks_of(collapsed, {"ndcg": 0.30}, Settings())
    assert [each.name for each in checks if not each.passed] == ["ordered"]
    assert reason_of(collapsed, checks) == (
        "neumf is kept out: In 100.0% of the lists it scores most items as it scores the one held out,"
        " more than 10%."
    )
    assert failed(trained(validation_ties=0.2), {}) == ["ordered"]
    assert failed(trained(ties=0.1, validation_ties=0.05), {}) == []


def test_coverage_size_and_nobody_to_judge_by_keep_it_out() -> None:
    assert failed(trained(coverage=0.001), {}) == ["coverage"]
    assert failed(trained(megabytes=5000), {}) == ["size"]
    assert failed(trained(judged=0), {}) == ["sound"]
