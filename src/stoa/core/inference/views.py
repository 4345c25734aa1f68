"""What callers see of inference: how an endpoint scales, what it serves, and what it answered."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Arm(StrEnum):
    """Which of an endpoint's two models answered."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class State(StrEnum):
    """Where an endpoint stands in this process, or in the one that serves."""

    STARTING = "starting"
    LIVE = "live"
    DEGRADED = "degraded"
    """It answers, but what was asked for last did not come up; `problem` says why."""
    DOWN = "down"


class Scaling(BaseModel):
    """How many processes serve a model, and how much one call may ask of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_replicas: int = Field(1, ge=1, le=64)
    max_replicas: int = Field(1, ge=1, le=64)
    target_outstanding: float = Field(
        16.0, gt=0, description="Calls under way per replica above which another one is started."
    )
    max_batch: int = Field(64, ge=1, le=4096, description="Calls that one batch may hold.")
    max_queue: int = Field(
        2048, ge=1, le=1_000_000, description="Calls that may wait; more are refused at once."
    )
    timeout_seconds: float = Field(10.0, gt=0, le=600, description="Time one call may take.")
    start_seconds: float = Field(
        60.0, gt=0, le=3600, description="Time a replica may take to load."
    )
    drain_seconds: float = Field(30.0, ge=0, le=600, description="Time open calls get at an end.")
    threads: int = Field(1, ge=1, le=256, description="Threads of arithmetic in one replica.")
    memory_mb: int | None = Field(None, gt=0, description="Memory of one replica; None: no limit.")

    @model_validator(mode="after")
    def _ordered(self) -> "Scaling":
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is below min_replicas")
        return self


class Probe(BaseModel):
    """A call that a model must answer before it goes live."""

    method: str
    payload: Any = None


class Served(BaseModel):
    """One model of an endpoint."""

    version_id: str
    arm: Arm
    share: float
    """Of the calls, from 0 to 1."""
    replicas: int
    """Processes that are ready, in all serving processes together."""
    kind: str = ""


class Rate(BaseModel):
    """The last minute of an endpoint, over all serving processes."""

    calls_per_second: float = 0.0
    errors_per_second: float = 0.0
    p50_milliseconds: float = 0.0
    p99_milliseconds: float = 0.0
    outstanding: int = 0


class EndpointView(BaseModel):
    """An endpoint as people of its workspace see it."""

    name: str
    state: State
    problem: str = ""
    revision: int
    models: list[Served]
    scaling: Scaling
    rate: Rate = Rate()
    history: list[str] = Field(default_factory=list)
    """Versions that were champion before, newest first; `roll_back` goes to the first."""
    updated_at: datetime


class Answer(BaseModel):
    """What a model answered, and what to quote when somebody acts on it."""

    model_config = ConfigDict(frozen=True)

    value: Any
    version_id: str
    arm: Arm
    ticket: str
    """Give it back with `feedback` to count a click, once, for the model that answered."""


class Interval(BaseModel):
    """A share with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class ArmResult(BaseModel):
    """How often people acted on what one model answered."""

    arm: Arm
    version_id: str
    shown: int
    clicked: int
    rate: Interval


class Comparison(BaseModel):
    """Champion and challenger side by side, since the challenger came."""

    endpoint: str
    champion: ArmResult | None
    challenger: ArmResult | None
    difference: Interval | None = None
    """Challenger minus champion."""
    p_value: float | None = None
    """Chance of so large a difference if both were the same; None while there is too little."""
    verdict: str
    """`challenger`, `champion`, `undecided` or `too little`."""
