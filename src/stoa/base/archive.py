"""One archive file: named entries in a gzipped tar, closed by a manifest with their checksums.

An archive without its manifest was cut off; `ArchiveReader` reads every byte and compares before it
hands out anything. It knows nothing of tables or objects.
"""

import gzip
import hashlib
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from stoa.base.errors import Conflict, InvalidInput, NotFound

_MANIFEST: Final = "manifest.json"
_PIECE = 1 << 20
_FAST = 1  # most of what is in there is compressed already


class ArchiveWriter:
    """Adds entries; the file appears under its name only when everything is in it."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.checksums: dict[str, str] = {}

    def add(self, name: str, source: Path) -> None:
        """Copy a file in, streaming."""
        with source.open("rb") as stream:
            entry = self._tar.gettarinfo(arcname=name, fileobj=stream)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mode = 0o600
            hashing = _Hashing(stream)
            self._tar.addfile(entry, hashing)
        self.checksums[name] = hashing.digest.hexdigest()

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the manifest: `facts` and all checksums."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / _MANIFEST
            path.write_text(json.dumps({"facts": facts, "checksums": self.checksums}))
            self.add(_MANIFEST, path)


class _Hashing:
    """Passes reads through and hashes what was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self.digest.update(piece)
        return piece


@contextmanager
def write_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Open a new archive, readable by us only. Raises Conflict where `path` exists."""
    if path.exists():
        raise Conflict(f"{path} exists.", hint="Name a file that does not exist yet.")
    partial = path.with_name(f"{path.name}.partial")
    try:
        with _private(partial) as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=_FAST) as tar:
                yield ArchiveWriter(tar)
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


class ArchiveReader:
    """Reads an archive whose checksums held."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self._path = path
        self.facts = facts

    def entries(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Name and bytes of each entry, in the order they were added."""
        with gzip.open(self._path) as raw, tarfile.open(fileobj=raw, mode="r|") as tar:
            for entry in tar:
                stream = tar.extractfile(entry)
                if entry.name != _MANIFEST and stream is not None:
                    yield entry.name, stream


def open_archive(path: Path) -> ArchiveReader:
    """Read the whole file once and compare all checksums.

    Raises:
        NotFound: no such file.
        InvalidInput: not an archive of ours, cut off, or changed.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}.", hint="Name the backup file.")
    found: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with gzip.open(path) as raw:
            with tarfile.open(fileobj=raw, mode="r|") as tar:
                for entry in tar:
                    stream = tar.extractfile(entry)
                    if stream is None:
                        raise _damaged(path)
                    if entry.name == _MANIFEST:
                        manifest = json.loads(stream.read())
                    else:
                        found[entry.name] = _hash(stream)
            while raw.read(_PIECE):  # to the end: only there gzip compares its own checksum
                pass
        if manifest is None or manifest["checksums"] != found:
            raise _damaged(path)
        return ArchiveReader(path, manifest["facts"])
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, zlib.error) as error:
        raise _damaged(path) from error


def _hash(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _private(path: Path) -> IO[bytes]:
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _damaged(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path} is no complete Stoa backup: it was cut off or changed.",
        hint="Use another copy.",
    )
