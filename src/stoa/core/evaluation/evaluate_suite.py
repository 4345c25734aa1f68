"""A suite run: every case to every answerer, some at a time, judged by the suite's rules.

    report = await evaluate_suite(suite, {"offline": Answerer(ask), "openai:x": Answerer(ask2, "v1")}, tools)

An answerer is a function from inputs to `Answered`. With a folder for kept answers an interrupted run goes on
where it stopped. The report is the same `Report` as that of `evaluate.py`. Knows no solution and no model.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stoa.base.errors import StoaError
from stoa.core.evaluation.evaluate import OnCase
from stoa.core.evaluation.graders import Grade, Verdict
from stoa.core.evaluation.judging import JudgeCheck
from stoa.core.evaluation.kept import Answered, Kept
from stoa.core.evaluation.report import Report, compare, summarise
from stoa.core.evaluation.rules import Answer, Rule, Tools, told, value_at, with_values
from stoa.core.evaluation.suites import Suite, SuiteCase

AT_ONCE = 8
_LONGEST_SHOWN = 2000


@dataclass(frozen=True)
class Answerer:
    """Who answers. `version` names what it is made of (a prompt's version); empty: its answers are not kept."""

    ask: Callable[[dict[str, Any]], Awaitable[Answered]]
    version: str = ""


async def evaluate_suite(
    suite: Suite,
    answerers: Mapping[str, Answerer],
    tools: Tools,
    *,
    kept: Kept | None = None,
    at_once: int = AT_ONCE,
    on_case: OnCase | None = None,
    judge: JudgeCheck | None = None,
) -> Report:
    """Run a suite.

    Args:
        answerers: by the name that the report shows.
        tools: what rules may ask.
        kept: answers of earlier runs, looked at first and added to.
        at_once: most requests under way at a time.
        on_case: told after every case, for a progress bar.
        judge: how the judge did on labelled answers, for the report.

    A request that fails is a failed case, not the end of the run.
    """
    runner = _Runner(suite, tools, kept or Kept(None), asyncio.Semaphore(at_once), on_case)
    graded = []
    for name, answerer in answerers.items():
        grades = await runner.run(name, answerer)
        graded.append(summarise(name, grades))
    return Report(
        solution=suite.title or suite.name,
        bar=suite.bar,
        graded=graded,
        comparisons=compare(graded),
        judge=judge,
    )


@dataclass
class _Runner:
    """One suite being run."""

    suite: Suite
    tools: Tools
    kept: Kept
    room: asyncio.Semaphore
    on_case: OnCase | None
    done: int = 0

    async def run(self, name: str, answerer: Answerer) -> list[Grade]:
        self.done = 0
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._case(name, answerer, case)) for case in self.suite.case
                ]
        except ExceptionGroup as failures:
            # What is kept stays; the first failure says what happened.
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _case(self, name: str, answerer: Answerer, case: SuiteCase) -> Grade:
        async with self.room:
            grade = await self._graded(name, answerer, case)
        self.done += 1
        if self.on_case is not None:
            await self.on_case(name, self.done, len(self.suite.case))
        return grade

    async def _graded(self, name: str, answerer: Answerer, case: SuiteCase) -> Grade:
        asked = told(case.inputs)[:_LONGEST_SHOWN]
        try:
            answered, was_kept = await self._answered(name, answerer, case)
        except StoaError as error:
            nothing = self._failed(case, "there is no answer")
            return Grade(case=case.id, asked=asked, answer="", error=str(error), verdicts=nothing)
        error_of_judge = ""
        try:
            verdicts = await self._verdicts(case, answered)
        except StoaError as error:
            error_of_judge = f"It could not be judged: {error}"
            verdicts = self._failed(case, "it could not be judged")
        return Grade(
            case=case.id,
            asked=asked,
            answer=self._text(answered)[:_LONGEST_SHOWN],
            verdicts=verdicts,
            seconds=round(answered.seconds, 4),
            tokens=answered.tokens,
            cost_usd=answered.cost_usd,
            kept=was_kept,
            error=error_of_judge,
        )

    async def _answered(
        self, name: str, answerer: Answerer, case: SuiteCase
    ) -> tuple[Answered, bool]:
        key = (self.suite.prompt or self.suite.operation, answerer.version, name, case.inputs)
        if answerer.version and (found := await self.kept.get(*key)):
            return found, True
        started = time.perf_counter()
        answered = await answerer.ask(case.inputs)
        if not answered.seconds:
            answered = answered.model_copy(update={"seconds": time.perf_counter() - started})
        if answerer.version:
            await self.kept.put(answered, *key)
        return answered, False

    async def _verdicts(self, case: SuiteCase, answered: Answered) -> list[Verdict]:
        verdicts = []
        for rule in self._rules(case):
            looked_at = str(
                value_at(answered.output, rule.field) if rule.field else self._text(answered)
            )
            answer = Answer(looked_at, answered.output, case.inputs, case.reference)
            verdicts.append(await rule.check(answer, self.tools))
        return verdicts

    def _rules(self, case: SuiteCase) -> list[Rule]:
        """The rules for a case, their slots filled with its inputs."""
        values = {**case.inputs, "reference": case.reference}
        return [
            with_values(rule, values)
            for rule in (*self.suite.rule, *case.rules)
            if rule.applies(case.inputs)
        ]

    def _failed(self, case: SuiteCase, reason: str) -> list[Verdict]:
        return [
            Verdict(rule=rule.called, passed=False, reason=reason) for rule in self._rules(case)
        ]

    def _text(self, answered: Answered) -> str:
        found = value_at(answered.output, self.suite.field)
        return "" if found is None else str(found)
