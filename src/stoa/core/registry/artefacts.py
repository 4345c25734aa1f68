"""Artefacts: folders of files in the object store, under the hash of their content.

Files first, the row last: what has a row is whole, and what a kill left half-done has none. The same
content is stored once in a workspace. Reading brings a folder into a cache on this machine and checks
every hash on the way; a folder in the cache is whole, too, for it is moved there in one stroke.
"""

import asyncio
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import Conflict, NotFound, SetupError
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects
from stoa.base.secrets import private_folder
from stoa.core.registry.folders import FileEntry, digest_of, hash_file, is_safe, measure
from stoa.core.registry.tables import ArtefactRow, DatasetRow, ModelVersionRow

_AT_ONCE: Final = 4


class ArtefactView(BaseModel):
    """A stored folder."""

    id: str
    digest: str
    files: list[FileEntry]
    size: int
    created_by: str
    created_at: datetime


class Artefacts:
    """Stores folders and brings them back."""

    def __init__(self, database: Database, objects: Objects, cache: Path) -> None:
        self._database = database
        self._objects = objects
        self._cache = cache

    async def add(self, caller: Caller, folder: Path) -> ArtefactView:
        """Store a folder (or one file). The same content again is the same artefact.

        Raises:
            InvalidInput: it is empty or holds links.
            TooLarge: it has too many files.
            Conflict: a file changed while it was stored.
        """
        entries = await asyncio.to_thread(measure, folder)
        digest = digest_of(entries)
        found = await self.find(caller, digest)
        if found is not None:
            return found
        await self._upload(caller.workspace_id, digest, folder, entries)
        if digest_of(await asyncio.to_thread(measure, folder)) != digest:
            raise Conflict("The folder changed while it was stored.", hint="Store it again.")
        row = ArtefactRow(
            id=new_id("artefact"),
            digest=digest,
            files=[each.model_dump() for each in entries],
            size=sum(each.size for each in entries),
            created_by=caller.user_id,
            created_at=now(),
        )
        try:
            await self._database.write(lambda s: s.add(row), workspace=caller.workspace_id)
        except IntegrityError:
            stored = await self.find(caller, digest)
            if stored is None:
                raise
            return stored  # another was first with the same content
        return _view(row)

    async def show(self, caller: Caller, artefact_id: str) -> ArtefactView:
        """Raises NotFound, also for those of another workspace."""
        row = await self._one(caller, ArtefactRow.id == artefact_id)
        if row is None:
            raise absent(artefact_id)
        return _view(row)

    async def find(self, caller: Caller, digest: str) -> ArtefactView | None:
        """The artefact of that content, if it is stored."""
        row = await self._one(caller, ArtefactRow.digest == digest)
        return None if row is None else _view(row)

    async def open(self, caller: Caller, artefact_id: str, *, check: bool = False) -> Path:
        """The folder on this machine, to be read and not to be changed.

        Args:
            caller: whose workspace it is of.
            artefact_id: which.
            check: read what is in the cache already and compare all hashes once more.

        Raises:
            NotFound: there is no such artefact, or its bytes are gone.
            SetupError: the store gave other bytes than were put in.
        """
        view = await self.show(caller, artefact_id)
        folder = self._cache / caller.workspace_id / view.digest
        if await asyncio.to_thread(_is_whole, folder, view, check):
            return folder
        await asyncio.to_thread(private_folder, folder.parent)
        scratch = Path(
            await asyncio.to_thread(
                tempfile.mkdtemp, dir=folder.parent, prefix=f".{view.digest[:12]}-"
            )
        )
        try:
            await self._download(caller.workspace_id, view, scratch)
            await asyncio.to_thread(_put_in_place, scratch, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        return folder

    async def remove(self, caller: Caller, artefact_id: str) -> None:
        """Delete row, then bytes, of an artefact that nothing uses.

        Raises:
            NotFound: there is none.
            Conflict: a dataset or a model version is made of it.
        """
        view = await self.show(caller, artefact_id)

        def work(session: Session) -> None:
            for table in (DatasetRow, ModelVersionRow):
                query = sa.select(table.id).where(table.artefact_id == artefact_id).limit(1)
                if session.scalar(query) is not None:
                    raise Conflict("The artefact is in use.", hint="Remove what uses it first.")
            session.execute(sa.delete(ArtefactRow).where(ArtefactRow.id == artefact_id))

        await self._database.write(work, workspace=caller.workspace_id)
        await self._objects.delete_prefix(_prefix(caller.workspace_id, view.digest))
        folder = self._cache / caller.workspace_id / view.digest
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _upload(
        self, workspace: str, digest: str, folder: Path, entries: list[FileEntry]
    ) -> None:
        places = asyncio.Semaphore(_AT_ONCE)
        is_file = await asyncio.to_thread(folder.is_file)

        async def put(number: int, entry: FileEntry) -> None:
            async with places:
                path = folder if is_file else folder / entry.path
                await self._objects.put(_key(workspace, digest, number), path)

        try:
            async with asyncio.TaskGroup() as group:
                for number, entry in enumerate(entries):
                    group.create_task(put(number, entry))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _download(self, workspace: str, view: ArtefactView, scratch: Path) -> None:
        for number, entry in enumerate(view.files):
            if not is_safe(entry.path):
                raise SetupError("The artefact names a file outside itself.", hint="Store it anew.")
            path = scratch / entry.path
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            await self._objects.download(_key(workspace, view.digest, number), path)
            if await asyncio.to_thread(hash_file, path) != (entry.size, entry.sha256):
                raise SetupError(
                    f"The stored file '{entry.path}' is damaged.",
                    hint="Restore the object store from a backup, or make the artefact anew.",
                )

    async def _one(self, caller: Caller, condition: sa.ColumnElement[bool]) -> ArtefactRow | None:
        return await self._database.read(
            lambda s: s.scalar(sa.select(ArtefactRow).where(condition)),
            workspace=caller.workspace_id,
        )


def absent(artefact_id: str) -> NotFound:
    """The error for an artefact that is not there, or not the caller's."""
    return NotFound(f"There is no artefact '{artefact_id}'.", hint="See the versions there are.")


def _prefix(workspace: str, digest: str) -> str:
    return f"{workspace}/artefacts/{digest}"


def _key(workspace: str, digest: str, number: int) -> str:
    return f"{_prefix(workspace, digest)}/{number:05d}"


def _is_whole(folder: Path, view: ArtefactView, check: bool) -> bool:
    for entry in view.files:
        path = folder / entry.path
        if not path.is_file() or path.stat().st_size != entry.size:
            return False
        if check and hash_file(path) != (entry.size, entry.sha256):
            return False
    return True


def _put_in_place(scratch: Path, folder: Path) -> None:
    """Move a whole folder to its place; one that is there already is damaged, and makes room."""
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    try:
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():  # else: another process put the same content there
            raise


def _view(row: ArtefactRow) -> ArtefactView:
    return ArtefactView.model_validate(row, from_attributes=True)
