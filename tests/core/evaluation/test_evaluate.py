"""Cases are read strictly, graded by hand-checked results, and summed up against the bar."""

import json
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import InvalidInput, NotFound
from stoa.core.evaluation.cases import load_cases
from stoa.core.evaluation.evaluate import evaluate
from stoa.core.evaluation.graders import is_part

CASES = """
operation = "ask"
[bar]
correct = 0.5
refusals = 1.0
[[case]]
question = "How many days?"
document = "Leave policy"
pages = [2]
contains = ["25 days|twenty-five days"]
[[case]]
question = "Who wins?"
answerable = false
"""
PASSAGES = [
    {"id": "p1", "title": "Parking", "page": 1, "last_page": 1, "text": "Cars."},
    {"id": "p2", "title": "Leave policy", "page": 1, "last_page": 2, "text": "There are 25\ndays."},
]


def result(text: str, *quotes: tuple[str, int, str]) -> dict[str, Any]:
    citations = [
        {"title": "Leave policy", "page": page, "passage": passage, "quote": quote}
        for passage, page, quote in quotes
    ]
    sentences = [{"text": text, "citations": citations}] if quotes else []
    return {"kind": "answer", "text": text, "sentences": sentences, "passages": PASSAGES,
            "input_tokens": 3, "output_tokens": 4}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cases.toml").write_text(CASES)
    return tmp_path


async def test_a_report_of_two_answerers(folder: Path) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    async def good(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        asked.append((operation, request))
        if "Who" in request["question"]:
            return result("Not found.")
        return result(
            "It is 25  days.", ("p2", 2, "25 days"), ("p2", 1, "25 days"), ("p2", 2, "made up")
        )

    async def bad(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return result("It is 99 days.", ("p1", 2, "Cars."))

    report = await evaluate({"offline": good, "configured": bad}, folder)
    assert asked == [("ask", {"question": "How many days?"}), ("ask", {"question": "Who wins?"})]
    offline, configured = report.graded
    assert offline.figures == {
        "retrieval_at_1": 0.0, "retrieval_at_5": 1.0, "retrieval_at_10": 1.0, "correct": 1.0,
        "citations": 0.3333, "refusals": 1.0, "answered": 1.0,
    }  # fmt: skip
    assert configured.figures["correct"] == 0.0
    assert configured.figures["refusals"] == 0.0
    assert offline.tokens == 14
    assert not report.passed
    assert report.misses == [
        "configured: correct is 0.00, the bar is 0.50",
        "configured: refusals is 0.00, the bar is 1.00",
    ]
    markdown = report.markdown()
    assert "| answers correct | 100% | 0% | 50% |" in markdown
    assert "configured: 0 of 2 passed" in markdown
    assert json.loads(report.model_dump_json())["graded"][0]["answerer"] == "offline"


async def test_a_refused_answerable_question_is_wrong(folder: Path) -> None:
    async def silent(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return result("25 days")

    report = await evaluate({"offline": silent}, folder)
    assert report.graded[0].figures["correct"] == 0.0
    assert report.graded[0].figures["answered"] == 0.0
    assert report.graded[0].figures["refusals"] == 1.0


async def test_an_error_is_a_failed_case(folder: Path) -> None:
    async def failing(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        raise NotFound("Gone.")

    report = await evaluate({"offline": failing}, folder)
    assert [grade.error for grade in report.graded[0].grades] == ["Gone.", "Gone."]
    assert not report.passed


async def test_cases_of_any_operation(tmp_path: Path) -> None:
    (tmp_path / "cases.toml").write_text(
        'operation = "count"\n[[case]]\nrequest = {upto = 3}\nexpect = {found = [1, 2], done = true}\n'
    )

    async def count(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return {"found": [1, 2, request["upto"]], "done": True}

    report = await evaluate({"offline": count}, tmp_path)
    assert report.graded[0].figures == {"correct": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml",
        'operation = "ask"',
        'operation = "ask"\n[[case]]\nquestion = "x"',
        'operation = "ask"\n[[case]]\nanswerable = false',
        'operation = "ask"\n[[case]]\nquestion = "x"\ncontains = ["y"]\npage = 2',
    ],
)
def test_cases_that_can_not_be_graded(tmp_path: Path, text: str) -> None:
    (tmp_path / "cases.toml").write_text(text)
    with pytest.raises(InvalidInput):
        load_cases(tmp_path)
    with pytest.raises(InvalidInput):
        load_cases(tmp_path / "nowhere")


def test_parts() -> None:
    assert is_part({"a": [1]}, {"a": [1, 2], "b": 3})
    assert not is_part({"a": [2]}, {"a": [1, 2]})
    assert not is_part({"a": 1}, {"b": 1})
    assert not is_part({"a": {}}, {"a": 1})
