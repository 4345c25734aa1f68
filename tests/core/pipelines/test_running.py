"""Pipelines at work: order, side by side, conditions, going over several, caching, failures, rescue."""

import contextlib
from typing import Any

import pytest
from pydantic import BaseModel

from stoa.base.errors import InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.pipelines.pipeline import Pipeline, Step
from stoa.core.pipelines.step_call import StepCall
from stoa.core.pipelines.views import PipelineView, StepState
from tests.core.pipelines.conftest import InRun, Rooms


class Inputs(BaseModel):
    numbers: list[int] = [1, 2, 3]
    bar: int = 0
    breaks: str = ""


class Prepared(BaseModel):
    total: int


class Trained(BaseModel):
    number: int
    score: int


CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    CALLS.clear()


async def prepare(call: StepCall, numbers: list[int]) -> Prepared:
    CALLS.append("prepare")
    await call.progress("counting", 1, 2)
    return Prepared(total=sum(numbers))


async def train(call: StepCall, prepared: Prepared, number: int) -> Trained:
    CALLS.append(f"train {number}")
    if number < 0:
        raise InvalidInput("A number below zero.", hint="Give others.")
    return Trained(number=number, score=prepared.total * number)


async def judge(call: StepCall, trained: list[Trained]) -> Trained:
    CALLS.append("judge")
    return max(trained, key=lambda each: each.score)


def is_worse(best: Trained, bar: int) -> str | None:
    return f"{best.score} is below {bar}." if best.score < bar else None


async def register(call: StepCall, best: Trained, bar: int) -> int:
    CALLS.append("register")
    return best.number


async def deploy(call: StepCall, number: int, breaks: str) -> int:
    CALLS.append("deploy")
    if breaks == "deploy":
        raise InvalidInput("It does not start.", hint="Look at it.")
    return number


async def roll_back(call: StepCall, number: int, error: str) -> str:
    CALLS.append("roll_back")
    return error


async def report(call: StepCall, number: int | None) -> str:
    CALLS.append("report")
    return f"deployed {number}"


LOTTE = Pipeline(
    "lotte",
    inputs=Inputs,
    steps=(
        Step(prepare, {"numbers": "inputs.numbers"}),
        Step(
            train,
            {"prepared": "prepare", "number": "inputs.numbers"},
            over="number",
            tolerates=True,
        ),
        Step(judge, {"trained": "train"}),
        Step(register, {"best": "judge", "bar": "inputs.bar"}, unless=is_worse),
        Step(deploy, {"number": "register", "breaks": "inputs.breaks"}, cache=False),
        Step(roll_back, {"number": "register"}, rescues=("deploy",)),
        Step(report, {"number": "deploy"}, even_if_skipped=True, cache=False),
    ),
)


async def run(rooms: Rooms, caller: Caller, **inputs: Any) -> PipelineView:
    """Run it outside a durable run; how it stands afterwards."""
    place = InRun(rooms.flows, caller)
    with contextlib.suppress(InvalidInput):
        await rooms.pipelines.run(place, LOTTE, Inputs(**inputs))
    newest = (await rooms.pipelines.list(caller, "lotte"))[0]
    return await rooms.pipelines.show(caller, newest.id)


def states(view: PipelineView) -> dict[str, str]:
    return {node.name: node.state.value for node in view.nodes}


async def test_a_good_run(rooms: Rooms, alice: Caller) -> None:
    view = await run(rooms, alice)
    assert view.state is StepState.DONE
    assert states(view) == {
        "prepare": "done",
        "train": "done",
        "judge": "done",
        "register": "done",
        "deploy": "done",
        "roll_back": "skipped",
        "report": "done",
    }
    nodes = {node.name: node for node in view.nodes}
    assert [item.outputs["score"] for item in nodes["train"].items] == [6, 12, 18]
    assert nodes["prepare"].message == "counting"
    assert nodes["roll_back"].reason == "Nothing went wrong."
    assert nodes["report"].outputs == "deployed 3"
    assert all(node.seconds is not None for node in view.nodes if node.state == "done")
    edges = {(edge.source, edge.target): edge.label for edge in view.edges}
    assert edges["prepare", "train"] == "prepared"
    assert edges["deploy", "roll_back"] == "if it fails"


async def test_a_branch_that_is_not_taken_says_why(rooms: Rooms, alice: Caller) -> None:
    view = await run(rooms, alice, bar=100)
    nodes = {node.name: node for node in view.nodes}
    assert view.state is StepState.DONE
    assert nodes["register"].state is StepState.SKIPPED
    assert nodes["register"].reason == "18 is below 100."
    assert nodes["deploy"].reason == "'Register' was skipped."
    assert nodes["report"].outputs == "deployed None"
    assert "deploy" not in CALLS


async def test_a_failure_is_rescued_and_told(rooms: Rooms, alice: Caller) -> None:
    view = await run(rooms, alice, breaks="deploy")
    nodes = {node.name: node for node in view.nodes}
    assert view.state is StepState.FAILED
    assert view.error == "Deploy: It does not start."
    assert (nodes["deploy"].error, nodes["deploy"].hint) == ("It does not start.", "Look at it.")
    assert nodes["roll_back"].outputs == "It does not start. Look at it."
    assert nodes["report"].reason == "'Deploy' failed."
    assert "report" not in CALLS


async def test_one_of_several_may_fail(rooms: Rooms, alice: Caller) -> None:
    view = await run(rooms, alice, numbers=[-1, 9])
    nodes = {node.name: node for node in view.nodes}
    assert [item.state.value for item in nodes["train"].items] == ["failed", "done"]
    assert nodes["judge"].outputs == {"number": 9, "score": 72}
    view = await run(rooms, alice, numbers=[-1, -2])
    nodes = {node.name: node for node in view.nodes}
    assert nodes["train"].error == "A number below zero."
    assert nodes["judge"].reason == "'Train' failed."
    assert nodes["register"].reason == "'Judge' could not be done."
    assert nodes["report"].state is StepState.SKIPPED


async def test_the_same_inputs_are_taken_over(rooms: Rooms, alice: Caller) -> None:
    first = await run(rooms, alice)
    CALLS.clear()
    view = await run(rooms, alice, bar=1)
    assert sorted(CALLS) == ["deploy", "register", "report"], (
        "what the bar changes, and what is not kept"
    )
    nodes = {node.name: node for node in view.nodes}
    assert nodes["prepare"].cached
    assert nodes["prepare"].cached_from == first.id
    assert all(item.cached for item in nodes["train"].items)
    CALLS.clear()
    await run(rooms, alice, numbers=[1, 2, 4])
    assert CALLS.count("prepare") == 1
    CALLS.clear()
    place = InRun(rooms.flows, alice)
    await rooms.pipelines.run(place, LOTTE, Inputs(), fresh=["judge"])
    assert sorted(CALLS) == ["deploy", "judge", "report"]
    with pytest.raises(InvalidInput, match="no step 'nothing'"):
        await rooms.pipelines.run(place, LOTTE, Inputs(), fresh=["nothing"])


async def test_another_workspace_sees_and_takes_nothing(
    rooms: Rooms, alice: Caller, bob: Caller
) -> None:
    view = await run(rooms, alice)
    CALLS.clear()
    await run(rooms, bob)
    assert CALLS.count("prepare") == 1
    with pytest.raises(NotFound):
        await rooms.pipelines.show(bob, view.id)
    assert view.id not in {each.id for each in await rooms.pipelines.list(bob)}
