"""The content of a folder as a list of files and one hash: the same files, the same hash.

Times, owners and the order of the disk do not count; paths, sizes and bytes do.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel

from stoa.base.errors import InvalidInput, TooLarge

MOST_FILES: Final = 10_000
LONGEST_PATH: Final = 500
_PIECE = 1 << 20


class FileEntry(BaseModel):
    """One file of a folder."""

    path: str
    """Below the folder, with `/`."""
    size: int
    sha256: str


def measure(folder: Path) -> list[FileEntry]:
    """The files below a folder (or the one file that `folder` is), by path. Blocking.

    Raises:
        InvalidInput: there is nothing, or a link or another special file among them.
        TooLarge: more files than `MOST_FILES`.
    """
    if folder.is_file():
        return [_entry(folder, folder.name)]
    if not folder.is_dir():
        raise InvalidInput("There is no such folder.", hint="Name a folder or a file.")
    entries: list[FileEntry] = []
    for path in sorted(_files(folder)):
        if len(entries) == MOST_FILES:
            raise TooLarge(
                f"The folder has more than {MOST_FILES} files.", hint="Pack small files together."
            )
        entries.append(_entry(path, path.relative_to(folder).as_posix()))
    if not entries:
        raise InvalidInput("The folder is empty.", hint="Write the files first.")
    return sorted(entries, key=lambda each: each.path)


def digest_of(entries: Iterable[FileEntry]) -> str:
    """One hash over paths, sizes and contents."""
    whole = hashlib.sha256()
    for each in entries:
        whole.update(f"{each.sha256} {each.size} {each.path}\n".encode())
    return whole.hexdigest()


def hash_file(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file, read in pieces. Blocking."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def is_safe(path: str) -> bool:
    """Whether a path of an entry stays below its folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path


def _files(folder: Path) -> list[Path]:
    found = []
    for parent, names, files in os.walk(folder):
        for name in [*names, *files]:
            path = Path(parent) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise InvalidInput(f"'{name}' is a link or no plain file.", hint="Copy the file.")
        found += [Path(parent) / name for name in files]
    return found


def _entry(path: Path, name: str) -> FileEntry:
    if len(name) > LONGEST_PATH or not is_safe(name) or not name.isprintable():
        raise InvalidInput(f"'{name[:80]}' can't be the path of a file.", hint="Rename it.")
    size, sha256 = hash_file(path)
    return FileEntry(path=name, size=size, sha256=sha256)
