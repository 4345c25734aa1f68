"""A workflow whose payload is the question, and how tests wait for it to be asked."""

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from stoa.base.identity.caller import Caller, Role
from stoa.core.flows.flows import Flows, RunState, RunView
from stoa.core.flows.questions import ApprovalView
from tests.core.flows.conftest import start

_SPANS = TypeAdapter(timedelta)
_TIMES = ("deadline", "escalate_after", "remind_before")


def register(flows: Flows, done: list[str]) -> None:
    """The workflow `ask`: asks what the payload says, and notes each end in `done`."""

    async def note(run_id: str) -> str:
        done.append(run_id)
        return run_id

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        more = {name: _word(name, value) for name, value in payload.items()}
        decision = await flows.ask_person(
            run.id,
            question=more.pop("question", "Publish?"),
            choices=more.pop("choices", ["approve", "reject"]),
            **more,
        )
        await flows.step("note", note, run.id)
        return decision.model_dump(mode="json")

    flows.register("ask", work)


def _word(name: str, value: Any) -> Any:
    """Payloads are JSON: seconds become spans, `role:reviewer` a role."""
    if name in _TIMES:
        return timedelta(seconds=value)
    if isinstance(value, str) and value.startswith("role:"):
        return Role(value.removeprefix("role:"))
    return value


async def asked(flows: Flows, caller: Caller, **question: Any) -> ApprovalView:
    """Start a run and wait until it waits; its question, as an owner sees it."""
    run_id = await start(flows, caller, "ask", payload=question)
    async for event in flows.events(caller, run_id):
        if event.kind == "state" and event.data["state"] == RunState.WAITING:
            return await flows.approvals.show(caller, event.data["approval"])
    raise AssertionError(f"the run never waited: {await flows.show(caller, run_id)}")
