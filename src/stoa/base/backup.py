"""Backup and restore: the database and the objects, of one moment, in one file.

Rows are read in one transaction, then the objects are copied: what a row refers to was stored before
the row, so it is there. The search index is derived; it is not in the file and has to be built again
after a restore. The file holds everything but the installation's secret: keep that one elsewhere, and
give it to the restored installation, or what was sealed with it stays closed.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from pydantic import BaseModel

from stoa.base.archive import ArchiveReader, ArchiveWriter, open_archive, write_archive
from stoa.base.database import Database, now
from stoa.base.errors import Conflict, InvalidInput, NotFound
from stoa.base.objects import Objects
from stoa.base.rows import export_rows, importing

FORMAT: Final = 1
_TABLES = "tables/"
_OBJECTS = "objects/"


class BackupView(BaseModel):
    """What a backup holds."""

    rows: dict[str, int]
    """By table."""
    objects: int
    vanished: int
    """Objects deleted while the backup ran: a row of it may name one."""
    size: int
    """Bytes of the file."""


class RestoreView(BaseModel):
    """What a restore brought back, and what is still to do."""

    rows: dict[str, int]
    objects: int
    rebuild: list[str]
    """Derived parts that must be built again before they answer: `index`."""


class Backup:
    """Writes backups of a running installation, and restores them into an empty one."""

    def __init__(
        self, database: Database, objects: Objects, *, ignored: tuple[str, ...] = ()
    ) -> None:
        """`ignored`: patterns of table names that are derived, or keep versions of a library."""
        self._database = database
        self._objects = objects
        self._ignored = ignored

    async def create(self, path: Path) -> BackupView:
        """Write a backup to `path` while work goes on.

        Raises:
            Conflict: the file exists.
        """
        before = await self._objects.list("")
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as name:
            scratch = Path(name)
            with write_archive(path) as archive:
                rows = await asyncio.to_thread(self._add_rows, archive, scratch)
                copied = await self._add_objects(archive, scratch)
                facts = {
                    "format": FORMAT,
                    "created_at": now().isoformat(),
                    "rows": rows,
                    "objects": len(copied),
                }
                await asyncio.to_thread(archive.finish, facts)
        return BackupView(
            rows=rows,
            objects=len(copied),
            vanished=len(set(before) - set(copied)),
            size=(await asyncio.to_thread(path.stat)).st_size,
        )

    async def restore(self, path: Path, prepare: Callable[[], None] | None = None) -> RestoreView:
        """Bring a backup back into an empty database and an empty object store.

        Args:
            path: a file that `create` wrote.
            prepare: makes the tables that are not declared as rows of ours.

        Raises:
            InvalidInput: the file is damaged or of another kind.
            Conflict: there is data already; nothing was changed.
            SetupError: the backup is of another version of Stoa.
        """
        archive = await asyncio.to_thread(open_archive, path)
        if archive.facts.get("format") != FORMAT:
            raise InvalidInput(
                f"This is a backup of format {archive.facts.get('format')}.",
                hint="Restore it with the version of Stoa that made it.",
            )
        if await self._objects.list(""):
            raise Conflict("There are objects already.", hint="Restore into an empty store.")
        if prepare is not None:
            await asyncio.to_thread(prepare)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".restore-") as name:
            rows = await asyncio.to_thread(self._take_rows, archive, Path(name))
            objects = await self._take_objects(archive, Path(name) / "object")
        return RestoreView(rows=rows, objects=objects, rebuild=["index"])

    def _add_rows(self, archive: ArchiveWriter, scratch: Path) -> dict[str, int]:
        counts = export_rows(self._database, scratch, self._ignored)
        for name in counts:
            file = scratch / f"{name}.jsonl"
            archive.add(f"{_TABLES}{name}", file)
            file.unlink()
        return counts

    async def _add_objects(self, archive: ArchiveWriter, scratch: Path) -> list[str]:
        copied = []
        file = scratch / "object"
        for key in await self._objects.list(""):
            try:
                await self._objects.download(key, file)
            except NotFound:
                continue  # deleted meanwhile: `vanished` counts it
            await asyncio.to_thread(archive.add, f"{_OBJECTS}{key}", file)
            copied.append(key)
        return copied

    def _take_rows(self, archive: ArchiveReader, scratch: Path) -> dict[str, int]:
        """Unpack the tables first: they go in by what refers to what, not as they lie there."""
        files: dict[str, Path] = {}
        for entry, stream in archive.entries():
            if entry.startswith(_TABLES):
                table = entry.removeprefix(_TABLES)
                files[table] = scratch / f"{len(files)}.jsonl"
                _copy(stream, files[table])
        with importing(self._database, self._ignored) as target:
            counts = {}
            for table in target.order(archive.facts["rows"]):
                with files[table].open("rb") as lines:
                    counts[table] = target.take(table, lines)
        return counts

    async def _take_objects(self, archive: ArchiveReader, file: Path) -> int:
        count = 0
        entries = archive.entries()
        while entry := await asyncio.to_thread(next, entries, None):
            name, stream = entry
            if name.startswith(_OBJECTS):
                await asyncio.to_thread(_copy, stream, file)
                await self._objects.put(name.removeprefix(_OBJECTS), file)
                count += 1
        return count


def _copy(stream: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
