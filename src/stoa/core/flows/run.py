"""The words of the flows room: a run, its state, its events, the workflow that does the work."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from stoa.base.identity.caller import Caller, Role


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in ENDED


ENDED = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)
OPEN = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING)


class RunView(BaseModel):
    """A run. Its words (`message`, `result`, `error`) are for whoever started it and for owners:
    they may tell of what others of the workspace may not read."""

    id: str
    solution: str
    operation: str
    state: RunState
    message: str = ""
    done: int = 0
    total: int = 0
    started_by: str
    created_at: datetime
    ended_at: datetime | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    """`code`, `message`, `hint` as in problem+json."""

    def is_open_to(self, caller: Caller) -> bool:
        """Whether the words of the run, too, are for this member of its workspace."""
        return caller.role is Role.OWNER or caller.user_id == self.started_by


class RunEvent(BaseModel):
    """One line of a run's history. `number` grows by one per run, so a reader can go on after it."""

    run_id: str
    number: int
    at: datetime
    kind: str
    """`state`, `progress`, `step`, `emit`."""
    data: dict[str, Any]


Workflow = Callable[[RunView, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]
"""The work of a run: gets the run, whoever started it, and the payload; returns the result."""
