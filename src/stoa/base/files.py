"""Uploaded files: a row with name, size, type and hash, and an object with the bytes.

An upload is not a document yet; operations take the id of one (`FileId`) and do something with it.
"""

import asyncio
import hashlib
import re
import unicodedata
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Database, Row, WorkspaceRow, new_id, now
from stoa.base.errors import InvalidInput, NotFound, TooLarge
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects

LONGEST_NAME: Final = 200
_MEBIBYTE = 2**20
_FORMAT_CHARACTERS = {"Cc", "Cf", "Co", "Cs", "Cn"}  # controls, bidi overrides, unassigned


class File(WorkspaceRow, Row):
    """One upload. The bytes are at `object_key`."""

    __tablename__ = "file"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(LONGEST_NAME))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    object_key: Mapped[str] = mapped_column(sa.String(120))
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class FileView(BaseModel):
    """An uploaded file as its owner sees it."""

    id: str
    name: str
    size: int
    sha256: str
    object_key: str


class Files:
    """Takes uploads in, and hands them out by id to their own workspace only."""

    def __init__(self, database: Database, objects: Objects, *, limit_bytes: int) -> None:
        self._database = database
        self._objects = objects
        self.limit_bytes = limit_bytes

    async def add(self, caller: Caller, name: str, content: bytes | Path) -> FileView:
        """Store an upload; a path is streamed and stays where it is.

        Raises:
            TooLarge: over the limit.
            InvalidInput: nothing is left of the name, or the path is no readable file.
        """
        kept_name = clean_name(name)
        size, digest = await asyncio.to_thread(_measure, content, self.limit_bytes)
        file_id = new_id("file")
        key = f"{caller.workspace_id}/files/{file_id}"
        await self._objects.put(key, content)
        row = File(
            id=file_id,
            name=kept_name,
            size=size,
            sha256=digest,
            object_key=key,
            created_by=caller.user_id,
            created_at=now(),
        )
        view = _view(row)
        try:
            await self._database.write(lambda s: s.add(row), workspace=caller.workspace_id)
        except BaseException:  # also when cancelled: no bytes without a row
            await self._objects.delete(key)
            raise
        return view

    async def get(self, caller: Caller, file_id: str) -> FileView:
        """Raises NotFound for ids of another workspace."""
        row = await self._database.read(
            lambda s: s.scalar(sa.select(File).where(File.id == file_id)),
            workspace=caller.workspace_id,
        )
        if row is None:
            raise NotFound("There is no such file.", hint="Upload it first.")
        return _view(row)

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Remove bytes, then row: when stopped in between, deleting again completes it.

        Raises NotFound for ids of another workspace.
        """
        file = await self.get(caller, file_id)
        await self._objects.delete(file.object_key)
        await self._database.write(
            lambda s: s.execute(sa.delete(File).where(File.id == file_id)),
            workspace=caller.workspace_id,
        )


def clean_name(name: str) -> str:
    """The last part of an uploaded name, in one normal form, without invisible characters.

    Raises InvalidInput where nothing is left.
    """
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(
        character
        for character in unicodedata.normalize("NFC", last)
        if unicodedata.category(character) not in _FORMAT_CHARACTERS
    )
    kept = " ".join(visible.split())
    if not kept.strip(". "):
        raise InvalidInput("The file has no name.", hint="Send a file name such as manual.pdf.")
    if len(kept) <= LONGEST_NAME:
        return kept
    ending = PurePosixPath(kept).suffix[:20]
    return kept[: LONGEST_NAME - len(ending)] + ending


def _measure(content: bytes | Path, limit: int) -> tuple[int, str]:
    """Size and SHA-256, reading a path in pieces and never past the limit."""
    if isinstance(content, bytes):
        _check_size(len(content), limit)
        return len(content), hashlib.sha256(content).hexdigest()
    if not content.is_file():
        raise InvalidInput("The upload is not a file.", hint="Name one readable file.")
    digest = hashlib.sha256()
    size = 0
    with content.open("rb") as stream:
        while piece := stream.read(_MEBIBYTE):
            size += len(piece)
            _check_size(size, limit)
            digest.update(piece)
    return size, digest.hexdigest()


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(
            f"The file is larger than {limit / _MEBIBYTE:g} MiB.",
            hint="Send a smaller file, or raise STOA_UPLOAD_LIMIT_MB.",
        )


def _view(row: File) -> FileView:
    return FileView(
        id=row.id, name=row.name, size=row.size, sha256=row.sha256, object_key=row.object_key
    )
