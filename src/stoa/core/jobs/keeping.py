"""What is kept of a job outside its run folder: log and curves as objects, artefacts in the registry.

So that people on other machines can read them, and after the folder is gone.
"""

import asyncio
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stoa.base.errors import NotFound, SetupError
from stoa.base.identity.people import stoa_itself
from stoa.base.objects import Objects
from stoa.base.redaction import redact_text
from stoa.core.jobs.folder import ARTEFACTS, LOG, METRICS
from stoa.core.jobs.job import Curve, Followed
from stoa.core.jobs.reading import PATTERNS, read_curves
from stoa.core.registry.artefacts import Artefacts

CURVE_FILES: Final = (METRICS, PATTERNS)
_MIRRORED = (*CURVE_FILES, LOG)
_GROWN = 1.1
_COPY = ".log.kept"
_LONGEST_LINE = 65_536
log = logging.getLogger(__name__)


class Keeping:
    """Copies what a run folder holds to where it lasts."""

    def __init__(self, objects: Objects, artefacts: Artefacts) -> None:
        self._objects = objects
        self._artefacts = artefacts
        self._sizes: dict[str, int] = {}

    async def mirror(self, job: Followed, *, last: bool = False) -> None:
        """Bring the copies up to date, of files that have grown by a tenth: a long log is not copied
        again for every line of it. A store that fails costs only the copies."""
        try:
            await self._mirror(job, 1.0 if last else _GROWN)
        except SetupError as error:
            log.warning("what job %s has so far could not be copied: %s", job.id, error)

    async def keep(self, job: Followed) -> str | None:
        """Store the artefacts; the id of what was stored, None where there are none."""
        folder = job.folder / ARTEFACTS
        if not await asyncio.to_thread(_has_files, folder):
            return None
        stored = await self._artefacts.add(stoa_itself(job.workspace), folder)
        return stored.id

    async def _mirror(self, job: Followed, grown: float) -> None:
        for name in _MIRRORED:
            path = job.folder / name
            size = await asyncio.to_thread(_size, path)
            key = object_key(job.workspace, job.id, name)
            if size and size >= self._sizes.get(key, 0) * grown:
                await self._put(key, path)
                self._sizes[key] = size

    async def curves(
        self, workspace: str, job_id: str, names: Iterable[str] | None, most: int
    ) -> list[Curve]:
        """The curves out of the copies."""
        with tempfile.TemporaryDirectory(prefix="stoa-curves-") as scratch:
            files = []
            for name in CURVE_FILES:
                path = Path(scratch) / name
                try:
                    await self._objects.download(object_key(workspace, job_id, name), path)
                except NotFound:
                    continue
                files.append(path)
            return await asyncio.to_thread(read_curves, files, names, most=most)

    async def forget(self, workspace: str, job_id: str) -> None:
        """Remove the copies."""
        for name in _MIRRORED:
            await self._objects.delete(object_key(workspace, job_id, name))

    async def _put(self, key: str, path: Path) -> None:
        if path.name != LOG:
            await self._objects.put(key, path)
            return
        clean = path.with_name(_COPY)
        await asyncio.to_thread(_copy_redacted, path, clean)
        await self._objects.put(key, clean)
        await asyncio.to_thread(clean.unlink, missing_ok=True)


def object_key(workspace: str, job_id: str, name: str) -> str:
    """Where a file of a job is kept."""
    return f"{workspace}/jobs/{job_id}/{name}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _copy_redacted(path: Path, to: Path) -> None:
    """Line by line, so that a long log is never in memory."""
    with path.open(encoding="utf-8", errors="replace") as log, to.open("w") as clean:
        while line := log.readline(_LONGEST_LINE):
            clean.write(redact_text(line))
