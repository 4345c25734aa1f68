"""Suites over real prompts and models: side by side, judged, kept, and gone on with after kill -9."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from stoa.app.cli.main import stoa
from stoa.app.evaluating import SuiteRun, _house, run_suite
from stoa.base.errors import InvalidInput, NotFound, SetupError
from stoa.base.settings import Settings
from stoa.core.evaluation.judging import labelled_answers
from stoa.core.evaluation.suites import load_suite
from stoa.solutions.answer_reviews.solution import SOLUTION
from tests.forked import STOA, Forked, run_forked
from tests.providers import Answer, Status, Stub, running_stub

MODEL = "openai:gpt-4o-mini"
SUITE = """
prompt = "sentiment"
field = "score"
bar = { passed = 0.5 }
[[rule]]
name = "pleased"
kind = "between"
field = "score"
least = 0.2
[[cases]]
id = "{word} {thing}"
each.word = ["Lovely", "Terrible"]
each.thing = ["kettle", "lamp", "desk", "chair"]
inputs = { text = "{word} {thing}." }
"""
JUDGED = """
prompt = "sentiment"
[[case]]
id = "one"
inputs = { text = "Lovely kettle." }
reference = "It is loved."
rules = [{ kind = "judge", rubric = "Sees that the writer is pleased.", field = "score" }]
"""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def settings(stub: Stub, tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home", openai_base_url=f"{stub.url}/v1", model_retries=0)


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    return str(path)


async def quiet(_name: str, _done: int, _total: int) -> None:
    """No bar."""


def scores(*values: float) -> list[Answer]:
    return [Answer(output={"score": value, "topics": []}) for value in values]


async def test_the_twin_and_a_model_side_by_side(
    settings: Settings, stub: Stub, tmp_path: Path
) -> None:
    stub.plan(*scores(*[0.9] * 8))
    run = SuiteRun(written(tmp_path, SUITE), ("offline", MODEL))
    report = await run_suite(settings, "answer_reviews", run, quiet)
    offline, model = report.graded
    assert offline.figures["passed"] == 0.5, "it hears that something is terrible"
    assert model.figures["passed"] == 1.0
    assert (offline.tokens, model.tokens) == (0, 8 * 18)
    assert model.unpriced == 8, "nobody knows the prices of a server of one's own"
    assert report.comparisons[0].only_second == 4
    assert report.judge is None

    again = await run_suite(settings, "answer_reviews", run, quiet)
    assert len(stub.received) == 8
    assert [each.kept for each in again.graded] == [0, 8]
    stub.plan(*scores(*[-0.9] * 8))
    fresh = SuiteRun(run.suite, (MODEL,), fresh=True)
    assert (await run_suite(settings, "answer_reviews", fresh, quiet)).graded[0].figures[
        "passed"
    ] == 0


async def test_a_model_that_is_down_fails_its_cases_only(
    settings: Settings, stub: Stub, tmp_path: Path
) -> None:
    stub.plan(*scores(0.9), *[Status(500)] * 2, *scores(*[0.9] * 5))
    run = SuiteRun(written(tmp_path, SUITE), (MODEL,), at_once=1)
    report = await run_suite(settings, "answer_reviews", run, quiet)
    grades = report.graded[0].grades
    assert [bool(grade.error) for grade in grades] == [False, True, True, *[False] * 5]
    stub.plan(*scores(0.9, 0.9))
    await run_suite(settings, "answer_reviews", run, quiet)
    assert len(stub.received) == 10, "only what failed is asked again"


async def test_a_judge_is_checked_before_it_judges(
    settings: Settings, stub: Stub, tmp_path: Path
) -> None:
    labelled = labelled_answers()
    verdicts = [*(each.label for each in labelled), "meets"]
    stub.plan(*(Answer(output={"verdict": each, "reason": "So it is."}) for each in verdicts))
    run = SuiteRun(written(tmp_path, JUDGED), ("offline",), judge=MODEL)
    report = await run_suite(settings, "answer_reviews", run, quiet)
    assert report.judge is not None
    assert (report.judge.judge, report.judge.kappa) == (MODEL, 1.0)
    assert report.graded[0].grades[0].verdicts[0].reason == "So it is."
    assert report.passed
    await run_suite(settings, "answer_reviews", run, quiet)
    assert len(stub.received) == len(labelled) + 1


@pytest.mark.slow
async def test_an_operation_can_have_a_suite(settings: Settings, tmp_path: Path) -> None:
    text = 'operation = "channels"\nfield = ""\n[[case]]\nid = "all"\ninputs = {}\nrules = [{kind = "contains", texts = ["hotel"]}]\n'
    run = SuiteRun(written(tmp_path, text), ("offline",))
    report = await run_suite(settings, "answer_reviews", run, quiet)
    assert report.passed, report.markdown()


@pytest.mark.parametrize(
    ("text", "model", "error"),
    [
        (SUITE.replace('"sentiment"', '"nowhere"'), "offline", NotFound),
        (SUITE.replace("{ text =", "{ txt ="), "offline", InvalidInput),
        (SUITE.replace('text = "{word} {thing}."', "text = 3"), "offline", InvalidInput),
        (SUITE, "openai", SetupError),
        (SUITE, "nobody:model", SetupError),
    ],
)
async def test_what_can_not_be_run_is_said_before_anything_is_asked(
    settings: Settings, stub: Stub, tmp_path: Path, text: str, model: str, error: type[Exception]
) -> None:
    run = SuiteRun(written(tmp_path, text), (model,))
    with pytest.raises(error):
        await run_suite(settings, "answer_reviews", run, quiet)
    assert not stub.received


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((SOLUTION.folder / "suites").glob("*.toml")), ids=lambda p: p.stem
)
async def test_the_suites_that_ship_pass_offline(settings: Settings, path: Path) -> None:
    assert len(load_suite(path).case) >= 200
    run = SuiteRun(path.stem, ("offline",))
    report = await run_suite(settings, "answer_reviews", run, quiet)
    assert report.passed, report.markdown()


def test_the_command_writes_pages_and_says_with_its_code_how_it_went(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOA_HOME", str(settings.home))
    suite = written(tmp_path, SUITE)
    command = ["evaluate", "answer_reviews", "--suite", suite, "--models", "offline"]
    for ending, said in (
        (".html", "<!doctype html>"),
        (".json", '"graded"'),
        (".md", "# Evaluation"),
    ):
        report = tmp_path / f"report{ending}"
        done = CliRunner().invoke(stoa, [*command, "--report", str(report)])
        assert done.exit_code == 0, done.output
        assert said in report.read_text()
    assert "cases passed | 50%" in done.output

    (tmp_path / "suite.toml").write_text(SUITE.replace("0.5", "0.9"))
    done = CliRunner().invoke(stoa, [*command, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.output)["graded"][0]["figures"]["passed"] == 0.5
    assert (
        CliRunner().invoke(stoa, ["evaluate", "answer_reviews", "--models", "x:y"]).exit_code == 2
    )


@pytest.mark.slow
def test_a_killed_run_asks_no_answer_twice(settings: Settings, stub: Stub, tmp_path: Path) -> None:
    """kill -9 in the middle; the second run asks only for what was not there, or under way."""
    many = ", ".join(f'"kettle {n}"' for n in range(60))
    suite = written(tmp_path, SUITE.replace('"kettle", "lamp", "desk", "chair"', many))
    environment: dict[str, Any] = {
        **os.environ, "STOA_HOME": str(settings.home), "STOA_OPENAI_BASE_URL": f"{stub.url}/v1",
    }  # fmt: skip
    command = ["evaluate", "answer_reviews", "--suite", suite]
    command += ["--models", MODEL, "--at-once", "2", "--json"]
    with open(os.devnull, "w") as nowhere:
        first = Forked(STOA, command, env=environment, stdout=nowhere, stderr=nowhere)
    stub.plan(*scores(*[0.9] * 200))
    give_up = time.monotonic() + 90
    while len(stub.received) < 20 and first.poll() is None and time.monotonic() < give_up:
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=30)
    asked = len(stub.received)
    assert 20 <= asked < 120, "it was to be killed in the middle"
    second = run_forked(STOA, command, env=environment, timeout=100)
    report = json.loads(second.stdout)
    assert report["graded"][0]["figures"]["passed"] == 1.0
    assert report["graded"][0]["kept"] >= asked - 2
    assert len(stub.received) <= 120 + 2


@pytest.mark.slow
async def test_what_the_house_of_an_evaluation_has_begun_ends_with_it(tmp_path: Path) -> None:
    """The shop's sample leaves a training under way, which writes into the folder."""
    settings = Settings.load(home=tmp_path / "home", model_embedding="hashed")
    async with _house(settings, "recommend_products", quiet) as house:
        platform = house.dispatcher.platform
        home = platform.settings.home
        for _ in range(600):
            if any(not job.state.ended for job in await platform.jobs.list(house.caller)):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("no training has begun")
    assert not home.exists()
    assert not [each for each in psutil.process_iter() if _works_in(each, home)]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(str(folder) in each for each in process.cmdline())
    except psutil.Error:
        return False
