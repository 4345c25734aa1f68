"""Following one job from its start, or from wherever it is, to its end.

The durable step that wants a job may be cut off anywhere and begin again in another process. So what
is there is looked at first: a process that still works is adopted, an outcome that nobody has read is
read, and what is left of a dead process is ended before another is started in the folder. That two
never work in one folder does not hang on this: the guard's lock on the folder sees to it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import JobFailed
from stoa.base.redaction import redact_text
from stoa.core.jobs import rows
from stoa.core.jobs.folder import FAILURE, LOG, RESULT, read_json
from stoa.core.jobs.guard import LOCKED_CODE
from stoa.core.jobs.job import Followed, JobState, JobView, OnProgress
from stoa.core.jobs.keeping import Keeping
from stoa.core.jobs.launchers import Launcher, prepare
from stoa.core.jobs.reading import Reader, read_exit, read_tail

log = logging.getLogger(__name__)

MOST_LOST = 5
"""Attempts in a row that vanished without a word, after which a job is given up."""
T = TypeVar("T")
_TAIL = 4_000
_PAUSE = 1.0


@dataclass(frozen=True)
class Pace:
    """How often things are looked at, in seconds."""

    look: float = 0.5
    """At the folder and the process."""
    write: float = 1.0
    """What was seen, to the database."""
    mirror: float = 10.0
    """Curves and log, to the object store, for readers on other machines."""
    sweep: float = 5.0
    """For processes that nobody wants any more."""


class Following:
    """Brings one job to its end."""

    def __init__(
        self, database: Database, launcher: Launcher, keeping: Keeping, pace: Pace, job: Followed
    ) -> None:
        self._database = database
        self._launcher = launcher
        self._keeping = keeping
        self._pace = pace
        self._job = job
        self._seen: dict[str, Any] = {}
        self._latest: dict[str, float | str] = {}
        self._written = 0.0
        self._told = False
        self._handle: dict[str, Any] | None = None

    async def to_end(self, on_progress: OnProgress | None) -> JobView:
        """Start, adopt or conclude, as often as the launch allows. The job as it ended."""
        view = await self._write(lambda s: rows.view_of(rows.locked(s, self._job.id)))
        while not view.state.ended:
            handle = await self._adopted() if view.state is JobState.RUNNING else None
            if handle is None and not await self._has_outcome(view):
                await self._launcher.clear(self._job.id, self._job.folder)
                if not await self._write(partial(rows.start, job_id=self._job.id)):
                    return await self._end(JobState.CANCELLED, error="It was stopped.")
                handle = await self._start(view.attempt + 1)
            if handle is not None:
                await self._follow(handle, on_progress)
            await self._launcher.clear(self._job.id, self._job.folder)
            view = await self._conclude()
        return view

    async def _adopted(self) -> dict[str, Any] | None:
        """The handle of a process that still works."""
        row = await self._write(lambda s: rows.locked(s, self._job.id))
        handle: dict[str, Any] | None = row.handle
        if handle is None:
            handle = await self._launcher.find(row.id, row.attempt, self._job.folder)
        self._latest = dict(row.latest)
        if handle is None:
            return None
        alive = await self._launcher.is_alive(self._job.id, self._job.folder, handle)
        return handle if alive else None

    async def _has_outcome(self, view: JobView) -> bool:
        """Whether an attempt has ended and nobody has read how."""
        if view.state is not JobState.RUNNING:
            return False
        return await asyncio.to_thread(_outcome, self._job.folder) is not None

    async def _start(self, attempt: int) -> dict[str, Any]:
        job = self._job
        await asyncio.to_thread(
            prepare, job.folder, job.launch, torchrun=job.torchrun, with_parent=job.with_parent
        )
        handle = await self._launcher.start(job.id, attempt, job.folder, job.launch)
        await self._write(partial(rows.note, job_id=job.id, handle=handle))
        return handle

    async def _follow(self, handle: dict[str, Any], on_progress: OnProgress | None) -> None:
        """Read what comes until the guard is gone."""
        self._handle = handle
        reader = await asyncio.to_thread(Reader, self._job.folder, self._job.launch.patterns)
        mirrored = time.monotonic()
        while True:
            alive = await self._launcher.is_alive(self._job.id, self._job.folder, handle)
            await self._read(reader, on_progress, last=not alive)
            if not alive:
                return
            if self._told:
                await self._launcher.stop(self._job.id, self._job.folder, handle)
            if time.monotonic() - mirrored > self._pace.mirror:
                await self._keeping.mirror(self._job)
                mirrored = time.monotonic()
            await asyncio.sleep(self._pace.look)

    async def _read(self, reader: Reader, on_progress: OnProgress | None, *, last: bool) -> None:
        news = await asyncio.to_thread(reader.look)
        if news.latest:
            self._latest |= news.latest
            self._seen["latest"] = dict(self._latest)
        if news.progress is not None:
            message, done, total = news.progress
            self._seen |= {"message": message, "done": done, "total": total, "lost": 0}
            if on_progress is not None:
                await on_progress(message, done, total)
        if last or time.monotonic() - self._written >= self._pace.write:
            self._told = await self._write(partial(rows.note, job_id=self._job.id, **self._seen))
            self._seen, self._written = {}, time.monotonic()

    async def _conclude(self) -> JobView:
        """What an attempt that is over means: the end of the job, or another attempt."""
        outcome = await asyncio.to_thread(_outcome, self._job.folder)
        row = await self._write(lambda s: rows.locked(s, self._job.id))
        if outcome is None:
            return await self._lost(row.lost)
        code, reason = outcome.get("code"), outcome.get("reason", "")
        facts = {
            "exit_code": code,
            "memory_mb": max(row.memory_mb, outcome.get("memory_mb", 0)),
            "handle": None,
        }
        result = outcome.get("result")
        if result is not None:
            kept = await self._keeping.keep(self._job)
            return await self._end(
                JobState.DONE,
                metrics=result.get("metrics", {}),
                details=result.get("details", {}),
                artefact_id=kept,
                **facts,
            )
        if reason == "stopped" and row.stopping:
            return await self._end(JobState.CANCELLED, error="It was stopped.", **facts)
        if reason == "stopped" or code == LOCKED_CODE:
            return await self._lost(row.lost)
        error = await asyncio.to_thread(_told_error, self._job, code, reason)
        if row.failures >= self._job.launch.retries:
            return await self._end(JobState.FAILED, error=error, **facts)
        log.warning("job %s failed and is tried again: %s", self._job.id, error.split("\n")[0])
        return await self._again(failures=row.failures + 1, lost=0, error=error, **facts)

    async def _lost(self, lost: int) -> JobView:
        """An attempt that left no word: the machine went down, or somebody killed the guard."""
        if lost >= MOST_LOST:
            handle = self._handle
            words = "" if handle is None else await self._launcher.words(self._job.folder, handle)
            told = redact_text(f"Its process vanished again and again.\n{words}".strip())
            return await self._end(JobState.FAILED, error=told, handle=None)
        await asyncio.sleep(_PAUSE if lost else 0)
        return await self._again(lost=lost + 1, handle=None)

    async def _again(self, **columns: Any) -> JobView:
        await self._write(partial(rows.note, job_id=self._job.id, state=JobState.QUEUED, **columns))
        return await self._write(lambda s: rows.view_of(rows.locked(s, self._job.id)))

    async def _end(self, state: JobState, **columns: Any) -> JobView:
        await self._keeping.mirror(self._job, last=True)
        return await self._write(
            lambda s: rows.view_of(rows.end(s, self._job.id, state, **columns))
        )

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self._database.write(work, workspace=EVERY_WORKSPACE)


def failure_of(view: JobView) -> JobFailed:
    """The error that a job which did not get done is told with."""
    first, _, rest = view.error.partition("\n")
    return JobFailed(
        f"{view.title}: {first}",
        hint=rest.strip() or "See the job's log.",
        job_id=view.id,
        exit_code=view.exit_code,
    )


def _outcome(folder: Path) -> dict[str, Any] | None:
    """How an attempt ended, with its result where it wrote one; None where nobody said.

    A result without the guard's word is an outcome, too: only the guard was killed.
    """
    said = read_exit(folder)
    result = read_json(folder / RESULT)
    if said is None and result is None:
        return None
    return {**(said or {"code": None}), "result": result}


def _told_error(job: Followed, code: int | None, reason: str) -> str:
    """What went wrong in one line, and below it what helps: the process's own hint, or the end of the log."""
    limits = job.launch.limits
    said = read_json(job.folder / FAILURE)
    if said is not None and code and reason not in {"time", "memory"}:
        return redact_text(f"{said.get('message', '')}\n{said.get('hint', '')}".strip())
    match reason:
        case "time":
            first = f"It took longer than {limits.seconds:g} seconds and was ended."
        case "memory":
            first = f"It took more than {limits.memory_mb} MiB of memory and was ended."
        case _ if code == 0:
            first = "The process ended without a result."
        case _:
            first = f"The process ended with code {code}."
    tail = read_tail(job.folder / LOG, _TAIL).strip()
    return f"{first}\n{tail}".strip()
