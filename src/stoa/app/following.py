"""Waiting for a durable run and passing on how far it is. MCP and the in-process CLI wait like this."""

from collections.abc import Awaitable, Callable

from stoa.app.problems import error_of
from stoa.base.errors import Bug, Cancelled
from stoa.base.identity.caller import Caller
from stoa.core.flows.flows import Flows, RunState, RunView

OnProgress = Callable[[str, int, int], Awaitable[None]]


async def follow(flows: Flows, caller: Caller, run_id: str, on_progress: OnProgress) -> RunView:
    """Until the run has ended; every progress note on the way goes to `on_progress`."""
    async for event in flows.events(caller, run_id):
        if event.kind == "progress":
            note = event.data
            await on_progress(
                str(note.get("message", "")), int(note.get("done", 0)), int(note.get("total", 0))
            )
        elif event.kind == "state" and event.data.get("state") == RunState.WAITING:
            await on_progress("It waits for a person to decide in the inbox.", 0, 0)
    return await flows.wait(caller, run_id)


def outcome(run: RunView) -> dict[str, object]:
    """The result of a run that has ended.

    Raises:
        StoaError: what the run failed with; Cancelled where it was stopped.
    """
    match run.state:
        case RunState.DONE:
            return dict(run.result or {})
        case RunState.CANCELLED:
            raise Cancelled(f"Run {run.id} was cancelled.", hint="Resume it, or start it again.")
        case RunState.FAILED:
            raise error_of(run.error or {})
        case _:
            raise Bug(f"run {run.id} was taken for ended while {run.state}")
