"""Jobs: recipes become processes, which are followed to their end wherever the worker dies.

`platform.jobs` is one of these. A job is asked for inside a durable step, under a key: the same key is
the same job, so a step that runs again after a crash finds the process that still works, or goes on
from its last checkpoint. This room knows neither torch nor flows; whether anybody still wants a job is
asked of whoever built it.
"""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy.exc import IntegrityError

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Cancelled, NotFound, SetupError
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.jobs import rows
from stoa.core.jobs.folder import LOG
from stoa.core.jobs.following import Following, Pace, failure_of
from stoa.core.jobs.job import Curve, Followed, JobState, JobView, Launch, OnProgress
from stoa.core.jobs.keeping import CURVE_FILES, Keeping, object_key
from stoa.core.jobs.launchers import Launcher, Local
from stoa.core.jobs.ray import ray_of
from stoa.core.jobs.reading import read_curves, read_tail
from stoa.core.jobs.sweep import Sweep
from stoa.core.jobs.tables import JobRow
from stoa.core.registry.registry import Registry

log = logging.getLogger(__name__)
OpenRuns = Callable[[Collection[str]], Awaitable[set[str]]]
T = TypeVar("T")
MOST_JOBS: Final = 500
_TAIL = 65_536
_PRUNE_EVERY = 3600.0


class Place(Protocol):
    """Where a job is asked for: a call of an operation is one."""

    @property
    def caller(self) -> Caller:
        """Who calls."""
        ...

    @property
    def run_id(self) -> str | None:
        """Id of the durable run, or None outside one."""
        ...

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run once, also after a crash."""
        ...

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        """Tell those who wait."""
        ...


class Jobs:
    """Launches, follows, shows and stops jobs. One per process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: Objects,
        registry: Registry,
        *,
        open_runs: OpenRuns,
        pace: Pace | None = None,
    ) -> None:
        """`open_runs` says which of some runs have not ended: jobs of others are stopped."""
        self._database = database
        self._objects = objects
        self._registry = registry
        self._open_runs = open_runs
        self._pace = pace or Pace()
        self._folder = Path(settings.jobs_folder or settings.home / "jobs").resolve()
        token = settings.ray_token.get_secret_value() if settings.ray_token else ""
        self._ray = ray_of(settings.ray_address, token)
        self._local = Local()
        self._places = asyncio.Semaphore(settings.job_concurrency)
        self._keeping = Keeping(objects, registry.artefacts)
        self._followed: set[str] = set()
        self._keep = timedelta(days=settings.job_days)
        self._sweep = Sweep(database, self._pace.sweep, self._followed, open_runs, self._stop_now)
        self._pruning: asyncio.Task[None] | None = None

    async def launch(self, *, works: bool = True) -> None:
        """Begin to end processes that nobody wants any more. `works=False`: leave it to workers."""
        if works:
            self._sweep.start()
            self._pruning = asyncio.create_task(self._prune_now_and_then())

    async def close(self) -> None:
        """Follow no more. Processes of open runs go on, and are adopted by whoever follows next."""
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)
        await self._sweep.close()
        self._local.close()
        if self._ray is not None:
            await self._ray.close()

    async def within(self, place: Place, name: str, launch: Launch) -> JobView:
        """Do a job as one step of a durable operation; `name` tells it from others of the run.

        Raises:
            JobFailed: it did not get done in all its attempts.
            Cancelled: somebody stopped it.
        """
        key = f"{place.run_id or 'no-run'}.{name}"
        work = partial(
            self.run,
            place.caller,
            launch,
            key=key,
            run_id=place.run_id,
            on_progress=place.progress,
        )
        return await place.step(work)

    async def run(
        self,
        caller: Caller,
        launch: Launch,
        *,
        key: str,
        run_id: str | None = None,
        on_progress: OnProgress | None = None,
        on_start: Callable[[str], Awaitable[None]] | None = None,
    ) -> JobView:
        """Bring the job of that key to its end: start it, adopt it, or return what it came to.

        Args:
            caller: whose workspace it is of.
            launch: what to launch; where the job is there already, that one's counts.
            key: the same key in the same workspace is the same job.
            run_id: the durable run that wants it. Without one it ends with this process.
            on_progress: hears (message, done, total).
            on_start: hears the job's id, so that its curves can be shown while it works.

        Raises:
            JobFailed: it did not get done in all its attempts.
            Cancelled: somebody stopped it.
        """
        launcher = self._chosen(launch)
        view = await self._ask(caller, key, run_id, launch, launcher)
        if on_start is not None:
            await on_start(view.id)
        if view.state is not JobState.DONE:
            self._followed.add(view.id)  # while it waits for a place, too: else the sweep stops it
            try:
                async with self._places:
                    view = await self._follow(caller, view, launch, launcher, on_progress)
            finally:
                self._followed.discard(view.id)
        if view.state is JobState.DONE:
            return view
        if view.state is JobState.CANCELLED:
            raise Cancelled(f"{view.title} was stopped.", hint="Start it again to go on.")
        raise failure_of(view)

    async def show(self, caller: Caller, job_id: str) -> JobView:
        """Raises NotFound, also for jobs of another workspace."""
        return await self._database.read(
            lambda s: rows.view_of(rows.visible(s, job_id)), workspace=caller.workspace_id
        )

    async def cancel(self, caller: Caller, job_id: str) -> JobView:
        """Let it be stopped: SIGTERM to all its processes, after its grace SIGKILL. Raises NotFound."""
        return await self._database.write(
            lambda s: rows.view_of(rows.want_stopped(s, job_id)), workspace=caller.workspace_id
        )

    async def curves(
        self,
        caller: Caller,
        job_id: str,
        names: Iterable[str] | None = None,
        *,
        most: int = 500,
    ) -> list[Curve]:
        """Its metrics over steps so far, each of about `most` points. Raises NotFound."""
        await self.show(caller, job_id)
        scratch: list[Path] = []
        folder = self._folder_of(caller.workspace_id, job_id)
        if await asyncio.to_thread(folder.is_dir):
            scratch = [folder / name for name in CURVE_FILES]
            return await asyncio.to_thread(read_curves, scratch, names, most=most)
        return await self._keeping.curves(caller.workspace_id, job_id, names, most)

    async def log(self, caller: Caller, job_id: str, *, most: int = _TAIL) -> str:
        """The end of its log so far, without what looks like a secret. Raises NotFound."""
        await self.show(caller, job_id)
        path = self._folder_of(caller.workspace_id, job_id) / LOG
        if await asyncio.to_thread(path.exists):
            return await asyncio.to_thread(read_tail, path, most)
        try:
            kept = await self._objects.get(object_key(caller.workspace_id, job_id, LOG))
        except NotFound:
            return ""
        return kept[-most:].decode(errors="replace")

    async def artefacts(self, caller: Caller, job_id: str) -> Path:
        """The folder of files that a job has made, on this machine, for reading.

        Raises:
            NotFound: no such job, or it made none.
        """
        view = await self.show(caller, job_id)
        if view.artefact_id is not None:
            return await self._registry.artefacts.open(caller, view.artefact_id)
        raise NotFound(f"{view.title} has made no files.", hint="See its log.")

    async def prune(self, older_than: timedelta) -> int:
        """Delete run folders of jobs that ended longer ago; rows, curves and logs stay."""
        moment = now() - older_than
        deleted = 0
        for folder in await asyncio.to_thread(_folders, self._folder):
            job_id = folder.name
            row: JobRow | None = await self._database.read(
                lambda s, job_id=job_id: s.get(JobRow, job_id),  # type: ignore[misc]
                workspace=EVERY_WORKSPACE,
            )
            if row is None:  # of a workspace that was deleted, or of another database: not too soon
                ended: datetime | None = await asyncio.to_thread(_touched, folder)
            else:
                ended = row.ended_at
            if ended is not None and ended < moment:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                deleted += 1
        return deleted

    async def list(
        self, caller: Caller, *, run_id: str | None = None, limit: int = 100
    ) -> list[JobView]:
        """Newest first; those of a run, or all of the workspace."""
        most = max(1, min(limit, MOST_JOBS))
        return await self._database.read(
            lambda s: rows.newest(s, run_id, most), workspace=caller.workspace_id
        )

    async def _prune_now_and_then(self) -> None:
        while True:
            try:
                await self.prune(self._keep)
            except Exception:  # the edge: old folders are deleted an hour later
                log.exception("old run folders could not be deleted")
            await asyncio.sleep(_PRUNE_EVERY)

    def folder_of(self, view: JobView, caller: Caller) -> Path:
        """The run folder, while it is there and on this machine."""
        return self._folder_of(caller.workspace_id, view.id)

    def _folder_of(self, workspace: str, job_id: str) -> Path:
        return self._folder / workspace / job_id

    def _chosen(self, launch: Launch) -> str:
        """The launcher's name. Raises SetupError where it is Ray and there is none."""
        if launch.launcher == "ray" and self._ray is None:
            raise SetupError("There is no Ray cluster.", hint="Set STOA_RAY_ADDRESS.")
        if launch.launcher != "auto":
            return launch.launcher
        if self._ray is not None:
            return "ray"
        return "torchrun" if launch.processes > 1 else "local"

    def _launcher(self, name: str) -> Launcher:
        if name != "ray":
            return self._local
        if self._ray is None:
            raise SetupError("The job is on a Ray cluster.", hint="Set STOA_RAY_ADDRESS.")
        return self._ray

    async def _ask(
        self, caller: Caller, key: str, run_id: str | None, launch: Launch, launcher: str
    ) -> JobView:
        ask = partial(
            rows.ask, caller=caller, key=key, run_id=run_id, launch=launch, launcher=launcher
        )
        for _ in range(2):
            try:
                return await self._database.write(
                    lambda s: rows.view_of(ask(s)), workspace=caller.workspace_id
                )
            except IntegrityError:  # another asked for the same at this moment
                continue
        return await self._database.write(
            lambda s: rows.view_of(ask(s)), workspace=caller.workspace_id
        )

    async def _follow(
        self,
        caller: Caller,
        view: JobView,
        launch: Launch,
        launcher: str,
        on_progress: OnProgress | None,
    ) -> JobView:
        job = self._job(caller.workspace_id, view, launch)
        chosen = self._launcher(view.launcher)
        following = Following(self._database, chosen, self._keeping, self._pace, job)
        self._followed.add(view.id)
        try:
            return await following.to_end(on_progress)
        except asyncio.CancelledError:
            if view.run_id is None or not await self._open_runs([view.run_id]):
                await self._cancel_now(caller, view.id)
            raise
        finally:
            self._followed.discard(view.id)

    def _job(self, workspace: str, view: JobView, launch: Launch) -> Followed:
        return Followed(
            id=view.id,
            workspace=workspace,
            folder=self._folder_of(workspace, view.id),
            launch=launch,
            torchrun=view.launcher == "torchrun" or launch.processes > 1,
            with_parent=view.run_id is None,
        )

    async def _cancel_now(self, caller: Caller, job_id: str) -> None:
        """Its run was cancelled: the sweep stops the process, now and not at its next turn."""
        await self.cancel(caller, job_id)
        self._followed.discard(job_id)
        self._sweep.wake()

    async def _stop_now(self, row: JobRow) -> None:
        """End the processes of a job that nobody follows and nobody wants, and close its row."""
        launch = Launch.model_validate(row.launch)
        job = self._job(row.workspace_id, rows.view_of(row), launch)
        chosen = self._launcher(row.launcher)
        handle = row.handle or await chosen.find(row.id, row.attempt, job.folder)
        if handle is not None and await chosen.is_alive(row.id, job.folder, handle):
            await chosen.stop(row.id, job.folder, handle)
            return  # the next turn finds it gone
        await chosen.clear(row.id, job.folder)
        await self._keeping.mirror(job, last=True)
        end = partial(
            rows.end, job_id=row.id, state=JobState.CANCELLED, error="It was stopped.", handle=None
        )
        await self._database.write(lambda s: rows.view_of(end(s)), workspace=EVERY_WORKSPACE)


def _folders(jobs: Path) -> list[Path]:
    return [path for path in jobs.glob("*/job_*") if path.is_dir()]


def _touched(folder: Path) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
