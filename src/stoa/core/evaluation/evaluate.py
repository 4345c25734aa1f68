"""Evaluation: cases.toml → run → graded report, offline floor and configured model side by side.

    report = await evaluate({"offline": call}, folder)

where `call("ask", {"question": "…"})` calls an operation of the solution in a workspace that holds its
sample, and gives back the result, a pydantic model or plain data. It knows no solution and no model:
whoever calls it says who answers, and gives one door for each.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stoa.base.errors import StoaError
from stoa.core.evaluation.cases import Case, CaseFile, load_cases
from stoa.core.evaluation.graders import Grade, grade
from stoa.core.evaluation.report import Report, compare, summarise

CallOperation = Callable[[str, dict[str, Any]], Awaitable[BaseModel | Mapping[str, Any]]]
"""(operation, request) → result."""
OnCase = Callable[[str, int, int], Awaitable[None]]
"""(answerer, done, total): told after every case."""


async def evaluate(
    answerers: Mapping[str, CallOperation], folder: Path, *, on_case: OnCase | None = None
) -> Report:
    """Run every case of `folder/cases.toml` by every answerer and grade it.

    Args:
        answerers: how to call the solution, by the name that the report shows: `offline`, and where a
            model is configured also `configured`.
        folder: the solution's folder.
        on_case: told after every case, for a progress bar.

    Raises:
        InvalidInput: cases.toml is missing or can't be graded.
    """
    cases = load_cases(folder)
    graded = []
    for name, call in answerers.items():
        grades = []
        for done, case in enumerate(cases.case, start=1):
            grades.append(await _run(case, cases, call))
            if on_case is not None:
                await on_case(name, done, len(cases.case))
        graded.append(summarise(name, grades))
    return Report(solution=folder.name, bar=cases.bar, graded=graded, comparisons=compare(graded))


async def _run(case: Case, cases: CaseFile, call: CallOperation) -> Grade:
    request = {**case.request, **({"question": case.question} if case.question else {})}
    started = time.perf_counter()
    try:
        result = await call(case.operation or cases.operation, request)
    except StoaError as error:
        failed: dict[str, Any] = {"correct": False} if case.answerable else {"refused": False}
        return Grade(case=case.name, answer="", error=str(error), **failed)
    seconds = time.perf_counter() - started
    data = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
    return grade(case, data, seconds)
