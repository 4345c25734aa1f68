"""Where checkpoints lie: a folder, or an object store by URL. Only whole ones are ever shown.

    step-00000400/
      .metadata, __0_0.distcp, …   written by torch.distributed.checkpoint, one file per rank
      manifest.json                written last, in one stroke: size and SHA-256 of each file, plain values

A step without a manifest does not exist; removing takes the manifest first. It knows nothing of torch, so
that the supervisor and the pages can ask what there is.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url
from pydantic import BaseModel, ValidationError

from stoa.base.errors import SetupError
from stoa.core.jobs.folder import write_whole

MANIFEST: Final = "manifest.json"
METADATA: Final = ".metadata"
_SPOILT: Final = "manifest.corrupt.json"
_PREFIX: Final = "step-"


class FileFacts(BaseModel):
    """Size and hash of one file."""

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a whole checkpoint consists of, and the plain values it keeps."""

    step: int
    time: float
    world: int
    values: dict[str, Any]
    files: dict[str, FileFacts]


class Shelf(Protocol):
    """What the checkpointer asks of a place where checkpoints lie."""

    def steps(self) -> list[int]:
        """Steps of whole checkpoints, ascending."""
        ...

    def manifest(self, step: int) -> Manifest:
        """The manifest of a whole checkpoint."""
        ...

    def begin(self, step: int) -> None:
        """Clear what an earlier try left of this step. One process calls."""
        ...

    def staging(self, step: int) -> Path:
        """The local folder that a step is written to."""
        ...

    def publish(self, step: int, names: Iterable[str]) -> None:
        """Bring files of the staging folder to their place. Every process calls with its own."""
        ...

    def seal(self, manifest: Manifest) -> None:
        """Make a step whole. One process calls, when all have published."""
        ...

    def fetch(self, step: int) -> Path:
        """A local folder that holds the files of a step. One process of each node calls."""
        ...

    def release(self, step: int) -> None:
        """What was fetched of a step has been read. One process of each node calls."""
        ...

    def remove(self, step: int) -> None:
        """Take a step away, whole or not."""
        ...

    def spoil(self, step: int) -> None:
        """Never show this step again: its content is not what the manifest says."""
        ...


def open_shelf(folder: Path, url: str | None = None) -> Shelf:
    """The shelf of a run: its folder of checkpoints, or a store that `folder` is the local stage of.

    Raises SetupError: the URL names no store.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return FolderShelf(folder) if url is None else StoreShelf(url, folder)


def hash_file(path: Path) -> FileFacts:
    """Size and hash of a file, read in pieces."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFacts(bytes=path.stat().st_size, sha256=digest)


def step_name(step: int) -> str:
    """The folder of a step; names sort as steps do."""
    return f"{_PREFIX}{step:08d}"


class FolderShelf:
    """Checkpoints in a folder that all nodes see."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def steps(self) -> list[int]:
        """Steps with a manifest and the metadata of torch, ascending."""
        return sorted(
            int(path.name.removeprefix(_PREFIX))
            for path in self._folder.glob(f"{_PREFIX}*")
            if (path / MANIFEST).is_file() and (path / METADATA).is_file()
        )

    def manifest(self, step: int) -> Manifest:
        """Raises ValueError: it is damaged."""
        return _parse((self.staging(step) / MANIFEST).read_bytes())

    def begin(self, step: int) -> None:
        """Clear the folder and make it anew."""
        self.remove(step)
        self.staging(step).mkdir(parents=True)

    def staging(self, step: int) -> Path:
        """Its own folder: without a manifest it is not seen."""
        return self._folder / step_name(step)

    def publish(self, step: int, names: Iterable[str]) -> None:
        """Files lie where they belong; their names are made to outlast a power cut."""
        _sync_folder(self.staging(step))

    def seal(self, manifest: Manifest) -> None:
        """Write the manifest."""
        path = self.staging(manifest.step) / MANIFEST
        write_whole(path, manifest.model_dump_json(indent=1), sync=True)
        _sync_folder(path.parent)
        _sync_folder(self._folder)

    def fetch(self, step: int) -> Path:
        """It is there."""
        return self.staging(step)

    def release(self, step: int) -> None:
        """It stays: it is no copy."""

    def remove(self, step: int) -> None:
        """The manifest first, so that no half of it is ever taken for a whole."""
        folder = self.staging(step)
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def spoil(self, step: int) -> None:
        """Put the manifest aside, for whoever wants to know why."""
        path = self.staging(step) / MANIFEST
        if path.exists():
            path.replace(path.with_name(_SPOILT))


class StoreShelf:
    """Checkpoints in an object store, written and read through a local folder of each node."""

    def __init__(self, url: str, folder: Path) -> None:
        """Open the store. Raises SetupError: the URL names none."""
        self._url = url
        self._store = _open(url)
        # Each node of a run has its own, and so has who reads beside it.
        self._stage = folder / f"stage-{os.environ.get('GROUP_RANK', 'reader')}"

    def steps(self) -> list[int]:
        """Steps with a manifest, ascending. Raises SetupError: the store does not answer."""
        try:
            keys = [meta["path"] for batch in obstore.list(self._store) for meta in batch]
        except (BaseError, OSError) as error:
            raise self._failed("can't be listed", error) from error
        whole = [key.split("/")[0] for key in keys if key.endswith(f"/{MANIFEST}")]
        return sorted(int(name.removeprefix(_PREFIX)) for name in whole)

    def manifest(self, step: int) -> Manifest:
        """Raises ValueError: it is damaged."""
        return _parse(bytes(obstore.get(self._store, f"{step_name(step)}/{MANIFEST}").bytes()))

    def begin(self, step: int) -> None:
        """Clear the store's part and the local one."""
        self.remove(step)

    def staging(self, step: int) -> Path:
        """A folder of this node."""
        return self._stage / step_name(step)

    def publish(self, step: int, names: Iterable[str]) -> None:
        """Upload, in parts and streaming, then free the local copy."""
        folder = self.staging(step)
        for name in names:
            try:
                obstore.put(self._store, f"{step_name(step)}/{name}", folder / name)
            except (BaseError, OSError) as error:
                raise self._failed(f"took no '{name}'", error) from error
            (folder / name).unlink()

    def seal(self, manifest: Manifest) -> None:
        """Put the manifest: a store shows an object whole or not at all."""
        obstore.put(
            self._store,
            f"{step_name(manifest.step)}/{MANIFEST}",
            manifest.model_dump_json(indent=1).encode(),
        )
        self.release(manifest.step)

    def fetch(self, step: int) -> Path:
        """Download, streaming."""
        folder = self.staging(step)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in self.manifest(step).files:
            try:
                with (folder / name).open("wb") as file:
                    for chunk in obstore.get(self._store, f"{step_name(step)}/{name}").stream():
                        file.write(chunk)
            except FileNotFoundError:
                continue  # found missing when it is compared with the manifest
        return folder

    def release(self, step: int) -> None:
        """Free the local copy."""
        shutil.rmtree(self.staging(step), ignore_errors=True)

    def remove(self, step: int) -> None:
        """The manifest first."""
        prefix = step_name(step)
        keys = [meta["path"] for batch in obstore.list(self._store, prefix) for meta in batch]
        for key in sorted(keys, key=lambda key: not key.endswith(MANIFEST)):
            obstore.delete(self._store, key)
        self.release(step)

    def spoil(self, step: int) -> None:
        """Rename the manifest."""
        prefix = step_name(step)
        obstore.rename(self._store, f"{prefix}/{MANIFEST}", f"{prefix}/{_SPOILT}")

    def _failed(self, what: str, error: Exception) -> SetupError:
        place = urlsplit(self._url)
        return SetupError(
            f"The store of checkpoints at {place.scheme}://{place.hostname or ''}{place.path} {what}: "
            f"{type(error).__name__}.",
            hint="Check checkpoints.to, its credentials, and the space left.",
        )


def _open(url: str) -> ObjectStore:
    try:
        if url.startswith("file:"):
            return LocalStore(unquote(urlsplit(url).path), mkdir=True)
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise SetupError(
            "The store of checkpoints can't be opened.",
            hint="checkpoints.to takes file:///folder, s3://bucket/prefix, gs://… or az://….",
        ) from error


def _parse(text: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ValueError("the manifest is damaged") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
