"""What people see of a pipeline's run: a graph with states, ready to be drawn."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    """For a person."""
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (
            StepState.DONE,
            StepState.SKIPPED,
            StepState.FAILED,
            StepState.CANCELLED,
        )


class StepItem(BaseModel):
    """One of several that a step goes over, or the step itself."""

    title: str
    state: StepState
    reason: str = ""
    seconds: float | None = None
    cached: bool = False
    cached_from: str | None = None
    error: str = ""
    hint: str = ""
    message: str = ""
    done: int = 0
    total: int = 0
    job_ids: list[str] = []
    attempts: int = 0
    inputs: dict[str, Any] = {}
    outputs: Any = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Node(StepItem):
    """A step of the graph."""

    name: str
    items: list[StepItem] = []
    """Where it goes over several."""


class Edge(BaseModel):
    """`target` takes something of `source`, or comes after it."""

    source: str
    target: str
    label: str = ""


class Graph(BaseModel):
    """What is drawn as boxes with states and arrows between them."""

    title: str
    nodes: list[Node]
    edges: list[Edge]


class PipelineRun(BaseModel):
    """One run of a pipeline in the history."""

    id: str
    run_id: str | None
    pipeline: str
    title: str
    state: StepState
    error: str
    trigger: dict[str, Any]
    inputs: dict[str, Any]
    started_by: str
    created_at: datetime
    ended_at: datetime | None


class PipelineView(PipelineRun, Graph):
    """One run with its graph."""
