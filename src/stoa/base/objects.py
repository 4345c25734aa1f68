"""The one object store: a folder, S3, GCS or Azure by URL (obstore), behind keys and bytes.

A key is `{workspace}/{room}/…`: it starts with the id of the workspace that owns the bytes, so one
prefix is one tenant. Large contents stream from and to files. Where the store can't sign links (a
folder, memory), the link carries a token of ours and the REST face serves it through `open_link`.
It knows no tables: who may see a key is decided above, before a link is made.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

import obstore
from itsdangerous import BadSignature, URLSafeSerializer
from obstore.exceptions import BaseError
from obstore.store import (
    AzureStore,
    GCSStore,
    LocalStore,
    MemoryStore,
    ObjectStore,
    S3Store,
    from_url,
)

from stoa.base.errors import InvalidInput, NotFound, SetupError
from stoa.base.secrets import private_folder

LONGEST_KEY: Final = 512
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_KEY = re.compile(rf"{_PART}(/{_PART})+")
_PREFIX = re.compile(rf"{_PART}(/{_PART})*/?")
_CHUNK = 1 << 20


class Objects:
    """Puts, gets and deletes objects by key, and makes expiring links to them."""

    def __init__(self, url: str, *, secret: bytes, public_url: str) -> None:
        """Open the store.

        Args:
            url: `file:///folder`, `memory://`, `s3://bucket/prefix`, `gs://…` or `az://…`; clouds
                take credentials and region from their own environment variables.
            secret: signs the links that the store can't sign.
            public_url: where the REST face is reached, without a trailing slash.

        Raises:
            SetupError: the URL names no store, or the folder can't be made.
        """
        self.url = url
        self._store = _open_store(url)
        self._public_url = public_url
        self._tokens = URLSafeSerializer(
            secret,
            salt="stoa.objects.link",
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    async def put(self, key: str, content: bytes | Path) -> None:
        """Store `content` under `key`, replacing what was there in one stroke.

        A path is streamed: at most a few chunks of it are in memory.
        """
        _check_key(key)
        with _translated(key, reading=False):
            await self._store.put_async(key, content)

    async def get(self, key: str) -> bytes:
        """All bytes of an object, in memory. Raises NotFound."""
        _check_key(key)
        with _translated(key):
            result = await self._store.get_async(key)
            return bytes(await result.bytes_async())

    async def size(self, key: str) -> int:
        """Bytes of an object. Raises NotFound."""
        _check_key(key)
        with _translated(key):
            return int((await self._store.head_async(key))["size"])

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """The bytes of an object in chunks of about 1 MiB. Raises NotFound at the first one."""
        _check_key(key)
        with _translated(key):
            result = await self._store.get_async(key)
            async for chunk in result.stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    async def download(self, key: str, path: Path) -> None:
        """Write an object to the file `path`, streaming. No half file is left behind on failure."""
        partial = path.with_name(f"{path.name}.partial")
        try:
            with await asyncio.to_thread(_open_for_writing, partial) as file:
                async with aclosing(self.stream(key)) as chunks:
                    async for chunk in chunks:
                        await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(partial.replace, path)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)

    async def exists(self, key: str) -> bool:
        """Whether an object is stored under `key`."""
        try:
            await self.size(key)
        except NotFound:
            return False
        return True

    async def list(self, prefix: str) -> list[str]:
        """All keys below `prefix` (whole path parts), sorted. The empty prefix lists everything."""
        if prefix:
            _check_prefix(prefix)
        with _translated(prefix, reading=False):
            return sorted(
                [meta["path"] async for batch in self._store.list(prefix or None) for meta in batch]
            )

    async def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""
        _check_key(key)
        try:
            with _translated(key):
                await self._store.delete_async(key)
        except NotFound:
            return

    async def delete_prefix(self, prefix: str) -> None:
        """Remove all objects below `prefix` (whole path parts). Never the whole store."""
        _check_prefix(prefix)
        for key in await self.list(prefix):
            await self.delete(key)

    def link(self, key: str, *, seconds: int, name: str) -> str:
        """A URL that anyone who has it may read `key` at until `seconds` from now.

        `name` is the file name that a browser saves it as, where we serve the link ourselves.
        """
        _check_key(key)
        if isinstance(self._store, S3Store | GCSStore | AzureStore):
            with _translated(key):
                return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))
        token = self._tokens.dumps([key, name, int(time.time()) + seconds])
        text = token.decode() if isinstance(token, bytes) else token
        return f"{self._public_url}/objects/{text}"

    def open_link(self, token: str) -> tuple[str, str]:
        """Key and file name of a link of ours. Raises NotFound: forged, damaged or expired."""
        gone = NotFound(
            "This link is not valid any more.", hint="Open the page it came from again."
        )
        try:
            key, name, expires = self._tokens.loads(token)
        except BadSignature as error:
            raise gone from error
        if expires <= time.time():
            raise gone
        return str(key), str(name)


def _open_store(url: str) -> ObjectStore:
    if url.startswith("memory:"):
        return MemoryStore()
    if url.startswith("file:"):
        folder = private_folder(Path(unquote(urlsplit(url).path)))
        return LocalStore(folder, automatic_cleanup=True)
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise SetupError(
            f"The object store '{_without_login(url)}' can't be opened.",
            hint="STOA_OBJECTS_URL takes file:///folder, s3://bucket/prefix, gs://… or az://….",
        ) from error


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _open_for_writing(path: Path) -> IO[bytes]:
    return path.open("wb")


def _check_key(key: str) -> None:
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidInput(
            f"'{key[:80]}' is not an object key.",
            hint="A key is workspace/room/name of letters, digits, '.', '_' and '-'.",
        )


def _check_prefix(prefix: str) -> None:
    if len(prefix) > LONGEST_KEY or not _PREFIX.fullmatch(prefix):
        raise InvalidInput(
            f"'{prefix[:80]}' is not a prefix of object keys.",
            hint="A prefix is one or more whole parts of a key, the workspace first.",
        )


@contextmanager
def _translated(key: str, *, reading: bool = True) -> Iterator[None]:
    """The store's errors in our words; what is not found when not reading is the store itself."""
    try:
        yield
    except (BaseError, OSError) as error:
        if reading and isinstance(error, FileNotFoundError):
            raise NotFound(
                "The stored file is not there any more.", hint="Upload it again."
            ) from error
        raise SetupError(
            f"The object store failed at '{key}': {type(error).__name__}.",
            hint="Check STOA_OBJECTS_URL, its credentials, and the space left.",
        ) from error
