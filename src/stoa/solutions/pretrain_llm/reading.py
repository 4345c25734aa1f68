"""One view of all runs, whether a job of this house trains them or they were trained elsewhere.

A run is known by its recipe, its curves, its ledger and how it stands. Jobs keep these in their run
folder and, when that is gone, in their row and in the object store; an imported run is an artefact with
the files of a run folder.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from stoa.base.errors import NotFound
from stoa.compute.training.pretraining import ledger
from stoa.compute.training.pretraining.recipe import Recipe
from stoa.contract import Call
from stoa.core.jobs.folder import LOG, METRICS, PROGRESS, RECIPE, RESULT, read_json
from stoa.core.jobs.job import Curve, JobView
from stoa.core.jobs.reading import read_curves, read_tail
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.schema import RunRow
from stoa.solutions.pretrain_llm.tables import ImportedRunRow

MODULE = "stoa.compute.training.pretraining.supervise"
"""What is launched: it watches over the processes that train."""
_TAIL = 20_000
_IMPORTED = "imported_"


@dataclass(frozen=True)
class Seen:
    """A run as it stands."""

    id: str
    title: str
    recipe: dict[str, Any]
    state: str
    message: str
    step: int
    latest: dict[str, Any]
    result: dict[str, Any]
    """Metrics that were said at its end."""
    details: dict[str, Any]
    created_at: datetime
    ended_at: datetime | None
    job: JobView | None = None
    folder: Path | None = None
    """Its files, where they are on this machine."""
    error: str = ""
    booked: ledger.Goodput | None = field(default=None, compare=False)

    @property
    def steps(self) -> int:
        """That it is to make."""
        schedule = self.recipe.get("schedule")
        found = schedule.get("steps") if isinstance(schedule, dict) else None
        return int(found) if isinstance(found, int) else 0

    def value(self, name: str) -> float | None:
        """The newest value of a measure."""
        found = measures.number(self.latest.get(name))
        return found if found is not None else measures.number(self.result.get(name))

    def row(self) -> RunRow:
        """In a line."""
        share = self.booked.share if self.booked and self.booked.wall else None
        return RunRow(
            job=self.id,
            title=self.title,
            recipe=str(self.recipe.get("name", "")),
            state=self.state,
            recorded=self.job is None,
            step=self.step,
            steps=self.steps,
            message=self.message,
            loss=self.value(measures.LOSS),
            validation_loss=self.value(measures.VALIDATION),
            tokens_per_second=self.value(measures.SPEED),
            mfu=self.value(measures.MFU),
            goodput=share if share is not None else measures.number(self.result.get("goodput")),
            created_at=self.created_at,
            ended_at=self.ended_at,
        )


async def every_run(call: Call, limit: int) -> list[Seen]:
    """All runs of the caller's workspace, newest first."""
    jobs = [
        each for each in await call.platform.jobs.list(call.caller, limit=500) if _is_ours(each)
    ]
    query = sa.select(ImportedRunRow).order_by(ImportedRunRow.created_at.desc()).limit(limit)
    rows = await call.platform.database.read(
        lambda s: s.scalars(query).all(), workspace=call.caller.workspace_id
    )
    found = [_of_job(each, None, None) for each in jobs[:limit]]
    found += [await _of_import(call, each) for each in rows]
    return sorted(found, key=lambda each: each.created_at, reverse=True)[:limit]


async def one_run(call: Call, run: str) -> Seen:
    """One run, with its ledger. Raises NotFound, also for those of another workspace."""
    if run.startswith(_IMPORTED):
        query = sa.select(ImportedRunRow).where(ImportedRunRow.id == run)
        row = await call.platform.database.read(
            lambda s: s.scalar(query), workspace=call.caller.workspace_id
        )
        if row is None:
            raise _absent(run)
        return await _of_import(call, row)
    try:
        view = await call.platform.jobs.show(call.caller, run)
    except NotFound as error:
        raise _absent(run) from error
    if not _is_ours(view):
        raise _absent(run)
    folder: Path | None = call.platform.jobs.folder_of(view, call.caller)
    if folder is not None and not await asyncio.to_thread(folder.is_dir):
        folder = None
    ends = None if view.ended_at is None else view.ended_at.timestamp()
    booked = None if folder is None else await asyncio.to_thread(_booked, folder, ends)
    return _of_job(view, folder, booked)


async def curves_of(
    call: Call, seen: Seen, names: Iterable[str] | None, *, most: int
) -> list[Curve]:
    """Its measures over steps."""
    if seen.job is not None:
        return await call.platform.jobs.curves(call.caller, seen.id, names, most=most)
    assert seen.folder is not None
    wanted = None if names is None else list(names)
    return await asyncio.to_thread(read_curves, [seen.folder / METRICS], wanted, most=most)


async def log_of(call: Call, seen: Seen) -> str:
    """The end of its log."""
    if seen.job is not None:
        return await call.platform.jobs.log(call.caller, seen.id, most=_TAIL)
    assert seen.folder is not None
    path = seen.folder / LOG
    return await asyncio.to_thread(read_tail, path, _TAIL) if path.exists() else ""


def typed(recipe: dict[str, Any]) -> Recipe | None:
    """The recipe, if this version of Stoa still understands it."""
    try:
        return Recipe.model_validate(recipe)
    except ValueError:
        return None


def _is_ours(view: JobView) -> bool:
    return view.module == MODULE


def _of_job(view: JobView, folder: Path | None, booked: ledger.Goodput | None) -> Seen:
    return Seen(
        id=view.id,
        title=view.title,
        recipe=view.recipe,
        state=view.state.value,
        message=view.message,
        step=view.done,
        latest=view.latest,
        result=view.metrics,
        details=view.details,
        created_at=view.created_at,
        ended_at=view.ended_at,
        job=view,
        folder=folder,
        error=view.error,
        booked=booked,
    )


async def _of_import(call: Call, row: ImportedRunRow) -> Seen:
    folder = await call.platform.registry.artefacts.open(call.caller, row.artefact_id)
    return await asyncio.to_thread(_of_folder, row.id, row.title, row.created_at, folder)


@lru_cache(maxsize=64)
def _of_folder(run: str, title: str, created_at: datetime, folder: Path) -> Seen:
    """An artefact never changes, so it is read once."""
    recipe = read_json(folder / RECIPE) or {}
    result = read_json(folder / RESULT)
    progress = read_json(folder / PROGRESS) or {}
    curves = read_curves([folder / METRICS], most=500)
    latest = {each.name: each.points[-1].value for each in curves if each.points}
    step = max((each.points[-1].step for each in curves if each.points), default=0)
    return Seen(
        id=run,
        title=title,
        recipe=recipe,
        state="failed" if result is None else "done",
        message=str(progress.get("message", "")),
        step=step,
        latest=latest,
        result=(result or {}).get("metrics", {}),
        details=(result or {}).get("details", {}),
        created_at=created_at,
        ended_at=created_at,
        folder=folder,
        error="" if result else "It has no result: it was not finished.",
        booked=ledger.goodput(folder),
    )


def _booked(folder: Path, now: float | None) -> ledger.Goodput:
    """Of a run that goes on: up to now."""
    found = list(ledger.marks(folder))
    open_end = now is None and bool(found)
    return ledger.book(found, now=datetime.now().timestamp() if open_end else None)


def _absent(run: str) -> NotFound:
    return NotFound(f"There is no run '{run}'.", hint="See `stoa pretrain_llm runs`.")
