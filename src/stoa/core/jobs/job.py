"""The words of the jobs room: what to launch, within which limits, and what becomes of it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, field_validator

from stoa.base.redaction import redact_text

_SECRET_NAMES = re.compile(r"(?i)(password|passwd|secret|authorization|api_?key|access_?key)")
_MOST_PATTERNS = 50

OnProgress = Callable[[str, int, int], Awaitable[None]]


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in ENDED


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class JobLimits(BaseModel):
    """What one attempt of a job may take; over it, the whole process tree is ended."""

    seconds: float | None = Field(None, gt=0)
    memory_mb: int | None = Field(None, gt=0)
    """Resident memory of all its processes together."""
    grace: float = Field(10.0, ge=0, le=3600)
    """Seconds between SIGTERM, at which it may write a checkpoint, and SIGKILL."""


class Launch(BaseModel):
    """What to launch: a module, its recipe, and how.

    The process is `python -m {module} --folder {run folder}`; see `folder.py` for what passes through
    the folder.
    """

    module: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")
    recipe: dict[str, JsonValue] = {}
    title: str = Field("", max_length=200)
    launcher: Literal["auto", "local", "torchrun", "ray"] = "auto"
    """`auto`: Ray where the settings name a cluster; torchrun for several processes; else local."""
    processes: int = Field(1, ge=1, le=64)
    """Processes of one torchrun group on one machine."""
    threads: int | None = Field(None, ge=1, le=1024)
    """Threads of each process for arithmetic (`OMP_NUM_THREADS`)."""
    gpus: float = Field(0, ge=0, le=64)
    """GPUs that Ray sets aside."""
    limits: JobLimits = JobLimits()
    retries: int = Field(0, ge=0, le=20)
    """Further attempts after one that failed, each from the last checkpoint."""
    patterns: dict[str, str] = Field(default_factory=dict, max_length=_MOST_PATTERNS)
    """Metrics read from the log: name → regular expression with one group, such as `HR=(.*?);`."""
    environment: dict[str, str] = {}
    """Further variables; never a secret, for they are kept."""
    goes_on_from: str | None = None
    """Another job of the same workspace whose checkpoints and curves it takes up, where its run folder
    is still there: it goes on from the last checkpoint, with another recipe if need be."""
    pass_on: list[str] = []
    """Names of variables of the worker that the process is given, such as AWS_PROFILE. All others but
    the usual ones (PATH, HOME, LANG, PYTHON…, CUDA…, NCCL…) stay with the worker."""

    @field_validator("patterns")
    @classmethod
    def _one_group(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, pattern in patterns.items():
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"the pattern of '{name}' is no regular expression") from error
            if groups != 1:
                raise ValueError(f"the pattern of '{name}' has {groups} groups, not one")
        return patterns

    @field_validator("recipe", "environment")
    @classmethod
    def _no_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        _refuse_secrets(value, "")
        return value

    @classmethod
    def of(cls, module: str, recipe: BaseModel, **more: Any) -> "Launch":
        """A launch of a module with a typed recipe."""
        return cls(module=module, recipe=recipe.model_dump(mode="json"), **more)


@dataclass(frozen=True)
class Followed:
    """A job that is to be brought to its end."""

    id: str
    workspace: str
    folder: Path
    launch: Launch
    torchrun: bool
    with_parent: bool
    """No run would adopt it: it ends with the process that asked for it."""


class JobView(BaseModel):
    """A job as its workspace sees it."""

    id: str
    key: str
    run_id: str | None
    title: str
    module: str
    launcher: str
    state: JobState
    attempt: int
    message: str
    done: int
    total: int
    latest: dict[str, float | str]
    """The last value of each metric."""
    metrics: dict[str, float | str]
    """What the process said at its end."""
    details: dict[str, Any]
    artefact_id: str | None
    error: str
    exit_code: int | None
    memory_mb: int
    """Most resident memory of all its processes together."""
    recipe: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Point(BaseModel):
    """A measured value."""

    step: int
    time: float
    value: float


class Curve(BaseModel):
    """One metric over the steps of a job."""

    name: str
    points: list[Point]


def _refuse_secrets(value: Any, name: str) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _refuse_secrets(each, str(key))
    elif isinstance(value, list):
        for each in value:
            _refuse_secrets(each, name)
    elif isinstance(value, str) and value and _is_secret(name, value):
        raise ValueError(
            f"'{name}' looks like a secret: recipes are kept; name a variable in pass_on"
        )


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET_NAMES.search(name)) or redact_text(value) != value
