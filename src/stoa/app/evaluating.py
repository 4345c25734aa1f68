"""Runs evaluations with what the house has: cases in a sample workspace, suites over models side by side.

`core/evaluation` knows neither models nor classifiers; here they are handed to it. Everything happens in a
house of its own in a temporary folder; only the answers of models are kept, under the data folder, so that an
interrupted suite goes on where it stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ValidationError

from stoa.app.house import at_work
from stoa.base.errors import InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.contract import OwnSuite, Platform, Solution
from stoa.core.evaluation import judging
from stoa.core.evaluation.evaluate import CallOperation, OnCase, evaluate
from stoa.core.evaluation.evaluate_suite import AT_ONCE, Answerer, evaluate_suite
from stoa.core.evaluation.judging import JudgeCheck, JudgeInputs, JudgeOutput, check_judge
from stoa.core.evaluation.kept import Answered, Kept
from stoa.core.evaluation.report import Report
from stoa.core.evaluation.rules import Tools
from stoa.core.evaluation.suites import Suite, load_suite
from stoa.core.flows.flows import MOST_RUNS
from stoa.core.language.detect import detect_language
from stoa.core.language.sentiment import judge_sentiment
from stoa.core.language.toxicity import judge_toxicity
from stoa.core.models.models import Models
from stoa.core.models.prompts import OFFLINE, Prompt
from stoa.dispatch import Dispatcher
from stoa.wiring import build, solutions

_CONFIGURED = "configured"
_ENDING_TURNS, _PAUSE = 300, 0.1
"""How often it is looked whether the processes have ended, and the seconds between."""
JUDGE = Prompt(Path("prompts/judge.md"), twin=judging.by_wording)


@dataclass(frozen=True)
class SuiteRun:
    """How a suite is to be run."""

    suite: str
    """A file, or the name of one of the solution's suites."""
    models: tuple[str, ...] = ()
    """`offline` or `provider:model`; empty: offline, and the configured model."""
    judge: str = ""
    """Who judges by rubric; empty: the configured model, else the offline twin."""
    at_once: int = AT_ONCE
    fresh: bool = False
    """Ask again even where an answer was kept."""
    given: Mapping[str, str] = field(default_factory=dict)
    """What suites of a solution's own format need, such as where a database is."""


async def run_cases(settings: Settings, solution: str, on_case: OnCase) -> Report:
    """The solution's `cases.toml`, offline and as configured, each in a house of its own: one set of
    flows per process."""
    answerers = {OFFLINE: _with_model(settings, OFFLINE)}
    if settings.model_strong or settings.model_fast:
        answerers[_CONFIGURED] = settings
    reports = []
    for name, each in answerers.items():
        async with _house(each, solution, on_case) as house:
            folder = house.solution.folder
            reports.append(await evaluate({name: house.call}, folder, on_case=on_case))
    return Report.joined(reports)


async def run_suite(settings: Settings, solution: str, run: SuiteRun, on_case: OnCase) -> Report:
    """A suite over one or more models.

    Raises:
        InvalidInput, NotFound: the suite, its prompt or its operation makes no sense.
        SetupError: a model can't be used.
    """
    found = _found(solutions(), solution)
    if found.suite is not None:
        return await _run_own_suite(settings, found, found.suite, run, on_case)
    kept = Kept(None if run.fresh else settings.home / "evaluation")
    suite = load_suite(_suite_file(found, run.suite))
    prompt = _prompt(found, suite) if suite.prompt else None
    async with _models_rooms(settings) as rooms:
        judge = _Judge(rooms, run.judge or settings.model_strong or OFFLINE, kept)
        tools = Tools(
            toxicity=lambda text: judge_toxicity(text).score,
            sentiment=lambda text: judge_sentiment(text).score,
            language=detect_language,
            judge=judge,
        )
        checked = await judge.checked() if suite.asks_a_judge else None
        reports = []
        for name in run.models or _default_models(settings):
            async with AsyncExitStack() as stack:
                if prompt is not None:
                    answerer = _by_prompt(rooms, prompt, name)
                else:
                    house = await stack.enter_async_context(
                        _house(_with_model(settings, name), solution, on_case)
                    )
                    answerer = _by_operation(house.call, suite.operation)
                reports.append(
                    await evaluate_suite(
                        suite,
                        {name: answerer},
                        tools,
                        kept=kept,
                        at_once=run.at_once,
                        on_case=on_case,
                    )
                )
        return Report.joined(reports, judge=checked)


async def _run_own_suite(
    settings: Settings, solution: Solution, suite: OwnSuite, run: SuiteRun, on_case: OnCase
) -> Report:
    """A suite in a format of the solution's own, which grades it itself."""
    graded = []
    for name in run.models or _default_models(settings):
        async with _house(_with_model(settings, name), solution.name, on_case) as house:
            call = house.dispatcher.as_call(house.caller, solution, on_progress=on_case)
            answered = await suite(call, Path(run.suite), run.given)
            graded.append(answered.model_copy(update={"answerer": name}))
    return Report(solution=solution.name, bar={}, graded=graded)


def _default_models(settings: Settings) -> Sequence[str]:
    return tuple(
        filter(None, dict.fromkeys((OFFLINE, settings.model_strong or settings.model_fast)))
    )


def _suite_file(solution: Solution, name: str) -> Path:
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    return solution.folder / "suites" / f"{name}.toml"


def _with_model(settings: Settings, name: str) -> Settings:
    """The settings under which that model answers everything, and nothing takes its place."""
    model = "" if name == OFFLINE else name
    roles = dict.fromkeys(("model_strong", "model_fast", "model_vision"), model)
    return settings.model_copy(update={**roles, "model_fallback": "", "offline_fallback": False})


@dataclass
class _Rooms:
    """A house nobody works in, and a models room per model over its database."""

    settings: Settings
    house: Dispatcher
    caller: Caller
    stack: AsyncExitStack
    opened: dict[str, Models]

    def models(self, name: str) -> Models:
        """The room in which that model answers. Raises SetupError for a name that can't be used."""
        if name not in self.opened:
            models = Models(_with_model(self.settings, name), self.house.platform.database)
            self.stack.push_async_callback(models.close)
            self.opened[name] = models
        return self.opened[name]


@asynccontextmanager
async def _models_rooms(settings: Settings) -> AsyncIterator[_Rooms]:
    with TemporaryDirectory(prefix="stoa-evaluate-") as folder:
        dispatcher = build(_in(Path(folder), _with_model(settings, OFFLINE)))
        try:
            caller = await dispatcher.platform.accounts.ensure_sample()
            async with AsyncExitStack() as stack:
                yield _Rooms(settings, dispatcher, caller, stack, {})
        finally:
            dispatcher.platform.database.close()


@dataclass(frozen=True)
class _House:
    """A house at work with its sample, and the door to one solution in it."""

    dispatcher: Dispatcher
    caller: Caller
    solution: Solution

    async def call(self, operation: str, request: dict[str, Any]) -> BaseModel:
        """Call an operation of the solution."""
        return await self.dispatcher.call(self.caller, self.solution.name, operation, request)


@asynccontextmanager
async def _house(settings: Settings, solution: str, on_case: OnCase) -> AsyncIterator[_House]:
    """With the solution's own sample. What it has begun ends with it: nobody would take it over."""
    with TemporaryDirectory(prefix="stoa-evaluate-", ignore_cleanup_errors=True) as folder:
        dispatcher = build(_in(Path(folder), settings))
        found = _found(dispatcher.solutions.values(), solution)
        try:
            async with at_work(dispatcher):
                caller = await dispatcher.platform.accounts.ensure_sample()
                await on_case("filling the sample workspace", 0, 0)
                try:
                    if found.sample is not None:
                        await found.sample(dispatcher.as_call(caller, found))
                    yield _House(dispatcher, caller, found)
                finally:
                    await _end_runs(dispatcher.platform, caller)
        finally:
            dispatcher.platform.database.close()


async def _end_runs(platform: Platform, caller: Caller) -> None:
    for run in await platform.flows.list(caller, limit=MOST_RUNS):
        if not run.state.ended:
            await platform.flows.cancel(caller, run.id)
    for _ in range(_ENDING_TURNS):
        if all(job.state.ended for job in await platform.jobs.list(caller)):
            return
        await asyncio.sleep(_PAUSE)


def _in(folder: Path, settings: Settings) -> Settings:
    home = {"home": folder, "database_url": "", "objects_url": "", "index_url": ""}
    return settings.model_copy(update=home)


def _found(declared: Iterable[Solution], name: str) -> Solution:
    by_name = {each.name: each for each in declared}
    found = by_name.get(name)
    if found is None:
        raise NotFound(f"There is no solution '{name}'.", hint=f"There are: {', '.join(by_name)}.")
    return found


def _by_operation(call: CallOperation, operation: str) -> Answerer:
    async def ask(inputs: dict[str, Any]) -> Answered:
        result = await call(operation, inputs)
        output = result.model_dump(mode="json") if isinstance(result, BaseModel) else dict(result)
        tokens = int(output.get("input_tokens", 0)) + int(output.get("output_tokens", 0))
        return Answered(output=output, tokens=tokens, cost_usd=output.get("cost_usd", 0.0))

    return Answerer(ask)


def _prompt(solution: Solution, suite: Suite) -> Prompt[Any, Any]:
    """The prompt that a suite is for, once all its cases are found to fit it."""
    by_name = {prompt.path.stem: prompt for prompt in solution.prompts}
    prompt = by_name.get(suite.prompt)
    if prompt is None:
        raise NotFound(
            f"'{solution.name}' has no prompt '{suite.prompt}'.",
            hint=f"It has: {', '.join(by_name)}.",
        )
    for case in suite.case:
        _inputs(prompt, case.inputs, case.id)
    return prompt


def _by_prompt(rooms: _Rooms, prompt: Prompt[Any, Any], name: str) -> Answerer:
    models = rooms.models(name)

    async def ask(inputs: dict[str, Any]) -> Answered:
        reply = await models.run(prompt, _inputs(prompt, inputs, ""), caller=rooms.caller)
        return Answered(
            output=reply.output.model_dump(mode="json"),
            answered_by=reply.answered_by,
            tokens=reply.input_tokens + reply.output_tokens,
            cost_usd=reply.cost_usd,
            seconds=reply.seconds,
        )

    return Answerer(ask, "" if name == OFFLINE else prompt.version)


def _inputs(prompt: Prompt[Any, Any], given: dict[str, Any], case: str) -> BaseModel:
    """The prompt's inputs. A field that it does not have is a slip of the suite, not to be passed over."""
    if unknown := sorted(set(given) - set(prompt.inputs.model_fields)):
        raise InvalidInput(
            f"Case '{case}': the prompt takes no {', '.join(unknown)}.",
            hint=f"It takes: {', '.join(prompt.inputs.model_fields)}.",
        )
    try:
        valid: BaseModel = prompt.inputs.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"Case '{case}', '{where}': {first['msg']}.", hint="Mend it.") from error
    return valid


@dataclass(frozen=True)
class _Judge:
    """The judge prompt, asked of one model; verdicts are kept like answers."""

    rooms: _Rooms
    name: str
    kept: Kept

    async def __call__(self, inputs: JudgeInputs) -> JudgeOutput:
        key = ("judge", JUDGE.version, self.name, inputs)
        if self.name != OFFLINE and (found := await self.kept.get(*key)):
            return JudgeOutput.model_validate(found.output)
        reply = await self.rooms.models(self.name).run(JUDGE, inputs, caller=self.rooms.caller)
        if self.name != OFFLINE:
            await self.kept.put(Answered(output=reply.output.model_dump(mode="json")), *key)
        return reply.output

    async def checked(self) -> JudgeCheck:
        """How it does on the labelled answers."""
        return await check_judge(self, self.name)
