"""Suites: files read strictly, every rule both ways, runs that go on where they stopped, honest comparisons."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from stoa.base.errors import InvalidInput, ProviderError
from stoa.core.evaluation.evaluate_suite import Answerer, evaluate_suite
from stoa.core.evaluation.judging import (
    JudgeInputs,
    JudgeOutput,
    by_wording,
    check_judge,
    labelled_answers,
)
from stoa.core.evaluation.kept import Answered, Kept
from stoa.core.evaluation.page import page
from stoa.core.evaluation.rules import Answer, Rule, Tools
from stoa.core.evaluation.suites import Suite, load_suite

RULE: TypeAdapter[Rule] = TypeAdapter(Rule)
SUITE = """
title = "Greetings"
prompt = "greet"
bar = { passed = 0.7, polite = 1.0 }
[[rule]]
name = "names the person"
kind = "contains"
texts = ["{name}"]
[[rule]]
name = "polite"
kind = "excludes"
texts = ["idiot"]
[[case]]
id = "one"
inputs = { name = "Ada", times = 1 }
[[cases]]
id = "{name} x{times}"
each.name = ["Tom", "C++ (and more)"]
each.how = [{ times = 2, mood = "glad" }, { times = 3, mood = "sad" }]
inputs = { name = "{name}", times = "{times}", note = "a {mood} {unknown} text" }
reference = "Hello {name}"
[[cases.rules]]
name = "ends well"
kind = "matches"
pattern = '{name}\\W*$'
"""


async def agreeing(inputs: JudgeInputs) -> JudgeOutput:
    return JudgeOutput(verdict="meets", reason="It always is.")


TOOLS = Tools(
    toxicity=lambda text: 0.9 if "idiot" in text else 0.1,
    sentiment=lambda text: 0.8 if "glad" in text else -0.8 if "sad" in text else 0.0,
    language=lambda text: "fr" if "bonjour" in text.lower() else "en",
    judge=agreeing,
)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    path = tmp_path / "greetings.toml"
    path.write_text(SUITE)
    return load_suite(path)


def greeter(*, rude_to: str = "", calls: Counter[str] | None = None) -> Answerer:
    async def ask(inputs: dict[str, Any]) -> Answered:
        if calls is not None:
            calls[inputs["name"]] += 1
        text = (
            f"You idiot, {inputs['name']}"
            if inputs["name"] == rude_to
            else f"Hello {inputs['name']}!"
        )
        return Answered(
            output={"text": text}, answered_by="x", tokens=10, cost_usd=0.001, seconds=0.5
        )

    return Answerer(ask, "v1")


def test_tables_are_spread_out(suite: Suite) -> None:
    assert [case.id for case in suite.case] == [
        "one", "Tom x2", "Tom x3", "C++ (and more) x2", "C++ (and more) x3",
    ]  # fmt: skip
    third = suite.case[2]
    assert third.inputs == {"name": "Tom", "times": 3, "note": "a sad {unknown} text"}
    assert third.reference == "Hello Tom"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "case"),
        ("not toml", "TOML"),
        ("prompt = 'a'\n[[case]]\nid='x'\ninputs={}", "needs a rule"),
        (
            "prompt='a'\noperation='b'\n[[case]]\nid='x'\ninputs={}\nrules=[{kind='length'}]",
            "one of them",
        ),
        ("prompt='a'\n[[rule]]\nkind='length'\n" + "[[case]]\nid='x'\ninputs={}\n" * 2, "'x'"),
        ("prompt='a'\n[[rule]]\nkind='magic'\n[[case]]\nid='x'\ninputs={}", "rule.0"),
        ("prompt='a'\n[[rule]]\nkind='length'\nleest=3\n[[case]]\nid='x'\ninputs={}", "leest"),
        (
            "prompt='a'\n[[rule]]\nkind='matches'\npattern='('\n[[case]]\nid='x'\ninputs={}",
            "regular",
        ),
        ("prompt='a'\n[[rule]]\nkind='length'\n[[cases]]\nid='x'\ninputs={}\neach={}", "each"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said) as caught:
        load_suite(path)
    assert caught.value.hint
    with pytest.raises(InvalidInput):
        load_suite(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("rule", "passes", "fails"),
    [
        ({"kind": "contains", "texts": ["hello|hi", "ada"]}, "Hi,  ADA", "Hello Tom"),
        ({"kind": "excludes", "texts": ["refund", ""]}, "Hello", "A REFUND"),
        ({"kind": "matches", "pattern": r"\d{3}"}, "123", "12"),
        ({"kind": "matches", "pattern": "http", "absent": True}, "no link", "http://x"),
        ({"kind": "length", "least": 3, "most": 5}, "four", "hello there"),
        ({"kind": "length", "most": 2, "unit": "words"}, "two words", "three words here"),
        ({"kind": "length", "least": 2, "unit": "sentences"}, "One. Two!", "One."),
        ({"kind": "language", "code": "fr"}, "Bonjour", "Hello"),
        ({"kind": "similar", "least": 0.6}, "Hello dear Ada", "Goodbye Tom"),
        ({"kind": "toxicity", "most": 0.5}, "Hello", "Hello idiot"),
        ({"kind": "sentiment", "sounds": "positive"}, "glad", "sad"),
        ({"kind": "sentiment", "sounds": "not negative"}, "so so", "sad"),
        ({"kind": "sentiment", "sounds": "reference"}, "so so", "glad"),
        ({"kind": "between", "field": "score", "least": 0, "most": 0.5}, "0.3", "0.7"),
        ({"kind": "between", "field": "nowhere", "least": 0}, None, "0.7"),
        ({"kind": "equals", "field": "list.1.word", "value": "b"}, "b", "c"),
        ({"kind": "cites", "within": "sources"}, "25 days", "26 days"),
    ],
)
async def test_rules(rule: dict[str, Any], passes: str | None, fails: str) -> None:
    def answer(text: str) -> Answer:
        score = float(text) if text.replace(".", "").isdigit() else None
        output = {
            "text": text,
            "score": score,
            "list": [{}, {"word": text}],
            "cited": [{"quote": text}],
        }
        sources = [{"text": "There are 25\n days of leave."}]
        return Answer(text, output, {"sources": sources}, "Hello Ada")

    made = RULE.validate_python(rule)
    if passes is not None:
        assert (await made.check(answer(passes), TOOLS)).passed
    verdict = await made.check(answer(fails), TOOLS)
    assert not verdict.passed
    assert verdict.reason


async def test_a_judge_rule_keeps_the_reason_and_the_word() -> None:
    async def torn(inputs: JudgeInputs) -> JudgeOutput:
        assert "name: Ada" in inputs.request
        return JudgeOutput(verdict="partly", reason="Half of it.")

    tools = Tools(TOOLS.toxicity, TOOLS.sentiment, TOOLS.language, torn)
    answer = Answer("Hello", {}, {"name": "Ada", "note": ""}, "")
    strict = RULE.validate_python({"kind": "judge", "rubric": "Greets."})
    mild = RULE.validate_python({"kind": "judge", "rubric": "Greets.", "partly": True})
    assert (await strict.check(answer, tools)).model_dump() == {
        "rule": "judge", "passed": False, "reason": "Half of it.", "judged": "partly",
    }  # fmt: skip
    assert (await mild.check(answer, tools)).passed


async def test_models_side_by_side(suite: Suite) -> None:
    report = await evaluate_suite(suite, {"kind": greeter(), "rude": greeter(rude_to="Tom")}, TOOLS)
    kind, rude = report.graded
    assert kind.figures == {"passed": 1.0, "names the person": 1.0, "polite": 1.0, "ends well": 1.0}
    assert rude.figures["passed"] == 0.6
    assert rude.intervals["passed"][0] < 0.6 < rude.intervals["passed"][1]
    assert (kind.tokens, round(kind.cost_usd, 6)) == (50, 0.005)
    assert report.misses == [
        "rude: passed is 0.60, the bar is 0.70",
        "rude: polite is 0.60, the bar is 1.00",
    ]
    assert [report.outcome(each) for each in report.graded] == ["passed", "failed"]
    [compared] = report.comparisons
    assert (compared.only_first, compared.only_second, compared.difference) == (2, 0, 0.4)
    assert compared.p == 0.5
    assert "No clear difference" in compared.words
    assert "polite: says idiot" in report.markdown()


async def test_a_request_that_fails_is_a_failed_case(suite: Suite) -> None:
    async def failing(inputs: dict[str, Any]) -> Answered:
        if inputs["name"] == "Tom":
            raise ProviderError("The model is down.", hint="Wait.")
        return Answered(output={"text": f"Hello {inputs['name']}"})

    report = await evaluate_suite(suite, {"x": Answerer(failing)}, TOOLS)
    assert report.graded[0].figures["passed"] == 0.6
    assert "The model is down." in report.graded[0].grades[1].error


async def test_a_judge_that_is_down_takes_no_answer_away(suite: Suite) -> None:
    async def down(inputs: JudgeInputs) -> JudgeOutput:
        raise ProviderError("The judge is down.", hint="Wait.")

    rule = RULE.validate_python({"kind": "judge", "rubric": "Greets."})
    judged = suite.model_copy(update={"rule": (rule,)})
    tools = Tools(TOOLS.toxicity, TOOLS.sentiment, TOOLS.language, down)
    grade = (await evaluate_suite(judged, {"x": greeter()}, tools)).graded[0].grades[0]
    assert grade.answer == "Hello Ada!"
    assert "The judge is down." in grade.error
    assert not grade.passed


async def test_no_more_at_once_than_allowed(suite: Suite) -> None:
    under_way, most = 0, 0

    async def slow(inputs: dict[str, Any]) -> Answered:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return Answered(output={"text": inputs["name"]})

    await evaluate_suite(suite, {"x": Answerer(slow)}, TOOLS, at_once=2)
    assert most == 2


async def test_an_interrupted_run_goes_on_where_it_stopped(suite: Suite, tmp_path: Path) -> None:
    calls: Counter[str] = Counter()
    inner = greeter(calls=calls)

    async def stopping(inputs: dict[str, Any]) -> Answered:
        if sum(calls.values()) == 3:
            raise ConnectionAbortedError
        return await inner.ask(inputs)

    kept = Kept(tmp_path / "kept")
    with pytest.raises(ConnectionAbortedError):
        await evaluate_suite(suite, {"x": Answerer(stopping, "v1")}, TOOLS, kept=kept, at_once=1)
    assert sum(calls.values()) == 3
    report = await evaluate_suite(suite, {"x": inner}, TOOLS, kept=kept)
    assert sum(calls.values()) == 5
    assert report.graded[0].kept == 3
    assert report.graded[0].figures["passed"] == 1.0

    newer = Answerer(inner.ask, "v2")
    assert (await evaluate_suite(suite, {"x": newer}, TOOLS, kept=kept)).graded[0].kept == 0
    other = await evaluate_suite(suite, {"y": inner}, TOOLS, kept=kept)
    assert other.graded[0].kept == 0
    unnamed = Answerer(inner.ask)
    assert (await evaluate_suite(suite, {"x": unnamed}, TOOLS, kept=kept)).graded[0].kept == 0


async def test_a_kept_answer_that_was_cut_off_is_asked_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.put(Answered(output={"text": "x"}), "a", {"b": 1})
    [path] = tmp_path.rglob("*.json")  # noqa: ASYNC240 - a test waits for nobody
    assert await kept.get("a", {"b": 1}) is not None
    path.write_text('{"output": {"te')
    assert await kept.get("a", {"b": 1}) is None


async def test_progress_is_told(suite: Suite) -> None:
    told: list[tuple[str, int, int]] = []

    async def hear(name: str, done: int, total: int) -> None:
        told.append((name, done, total))

    await evaluate_suite(suite, {"x": greeter()}, TOOLS, on_case=hear)
    assert told == [("x", done, 5) for done in range(1, 6)]


async def test_judges_are_put_to_labelled_answers() -> None:
    assert {each.label for each in labelled_answers()} == {"meets", "fails"}

    async def knowing(inputs: JudgeInputs) -> JudgeOutput:
        known = {(each.rubric, each.answer): each.label for each in labelled_answers()}
        return JudgeOutput(verdict=known[inputs.rubric, inputs.answer], reason="")

    async def wording(inputs: JudgeInputs) -> JudgeOutput:
        return by_wording(inputs)

    perfect = await check_judge(knowing, "perfect")
    assert (perfect.agreement, perfect.kappa, perfect.lenient, perfect.strict) == (1, 1, 0, 0)
    blind = await check_judge(agreeing, "blind")
    assert blind.kappa == 0
    assert blind.lenient == sum(each.label == "fails" for each in labelled_answers())
    offline = await check_judge(wording, "offline")
    assert 0.2 < offline.kappa < 0.8, "better than chance, and no substitute for a judge"


def test_the_twin_says_that_nobody_judged() -> None:
    asked = JudgeInputs(rubric="Greets.", request="", answer="Hello Ada", reference="Hello Ada")
    assert by_wording(asked).verdict == "meets"
    assert "No model judged" in by_wording(asked).reason
    without = by_wording(asked.model_copy(update={"reference": ""}))
    assert without.verdict == "partly"
    assert "No model judged" in without.reason


async def test_the_page_stands_alone_and_escapes(suite: Suite) -> None:
    async def nasty(inputs: dict[str, Any]) -> Answered:
        return Answered(
            output={"text": "<script>alert(1)</script> </pre> {{ 7 * 7 }}"}, cost_usd=None
        )

    judge = await check_judge(agreeing, "<b>x</b>")
    answerers = {"good": greeter(), "<i>bad</i>": Answerer(nasty)}
    report = await evaluate_suite(suite, answerers, TOOLS, judge=judge)
    html = page(report)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "{{ 7 * 7 }}" in html
    assert "<i>bad" not in html
    assert "src=" not in html
    assert "://" not in html
    assert "Cohen" in html
    assert "not known" in html
