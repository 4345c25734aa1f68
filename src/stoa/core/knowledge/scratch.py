"""Short-lived files: a document on its way from the object store to whoever reads it from a path.

They lie in the data folder, readable by this user only. A killed process leaves its file behind; the
next work on the document, its deletion, or a day takes it away.
"""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stoa.base.database import new_id
from stoa.base.objects import Objects

_FORGOTTEN = 24 * 3600.0


class Scratch:
    """One folder, with a folder inside for each document in work."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self._folder = folder
        self._objects = objects

    @asynccontextmanager
    async def file(self, document_id: str, object_key: str) -> AsyncIterator[Path]:
        """The object as a file, as long as the block lasts. Raises NotFound."""
        folder = self._folder / document_id / new_id("scratch")
        await asyncio.to_thread(_make, folder)
        try:
            path = folder / "original"
            await self._objects.download(object_key, path)
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def clear(self, document_id: str) -> None:
        """Take away what is left of a document, and what was forgotten a day ago."""
        await asyncio.to_thread(self._clear_now, document_id)

    def _clear_now(self, document_id: str) -> None:
        shutil.rmtree(self._folder / document_id, ignore_errors=True)
        if not self._folder.is_dir():
            return
        for folder in self._folder.iterdir():
            if time.time() - folder.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.chmod(folder, 0o700)
