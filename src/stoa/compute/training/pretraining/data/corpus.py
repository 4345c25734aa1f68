"""Many compressed shards become one memory-mapped Arrow file of one block, and are read from there.

Two columns: `text` (`large_string`) and `ends`, 1 where the row ends its document: longer documents
stand in several rows. The bytes go to disk as they come and the block is laid around them, so memory
stays small whatever the size. A manifest beside the file, written last, says from which shards it was
made, what was skipped, and the hash of the content. It knows nothing about tokens.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.pretraining.data.shards import Corrupt, documents, readable
from stoa.compute.training.pretraining.recipe import Source

_SCHEMA: Final = pa.schema([("text", pa.large_string()), ("ends", pa.uint8())])
_FLUSH: Final = 4 << 20


class CorpusFacts(BaseModel):
    """What the manifest of a merged file says."""

    key: str
    rows: int
    documents: int
    bytes: int
    content: str
    skipped: int
    skipped_places: list[str] = []


class Corpus:
    """A merged file, memory-mapped: rows by number, and their sizes without reading them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = CorpusFacts.model_validate_json(path.with_suffix(".json").read_bytes())
        with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
            block = reader.get_batch(0)
        self._block = block  # keeps the mapping alive
        _, offsets, data = block.column(0).buffers()
        self.offsets = np.frombuffer(offsets, dtype=np.int64)[: self.facts.rows + 1]
        self._data = memoryview(data) if data is not None else memoryview(b"")
        self._ends = np.frombuffer(block.column(1).buffers()[1], dtype=np.uint8)

    def __len__(self) -> int:
        return self.facts.rows

    def text(self, row: int) -> str:
        """The text of one row."""
        return str(self._data[self.offsets[row] : self.offsets[row + 1]], "utf-8")

    def size(self, row: int) -> int:
        """Bytes of one row."""
        return int(self.offsets[row + 1] - self.offsets[row])

    def ends(self, row: int) -> bool:
        """Whether a row is the last of its document."""
        return bool(self._ends[row])


def merge(source: Source, path: Path, *, skip_corrupt: bool, piece_bytes: int) -> Corpus:
    """Merge the shards of a source into the Arrow file `path`, or reuse what was merged before.

    Raises:
        InvalidInput: no shard is found, one can't be read (with file and line), or all are empty.
        SetupError: the disk is full or not writable.
    """
    shards = find_shards(source)
    if len(shards) == 1 and shards[0].suffix == ".arrow":
        return _merged_before(shards[0])
    key = _key(source, shards, skip_corrupt, piece_bytes)
    if path.exists() and _kept_key(path) == key:
        return Corpus(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        with _Writer(path, piece_bytes) as writer:
            skipped = _fill(writer, source, shards, skip_corrupt)
            facts = writer.finish(key, skipped)
        _write_manifest(path.with_suffix(".json"), facts)
    except OSError as error:
        raise SetupError(
            f"The text of '{source.path}' can't be written to '{path.parent}': {error.strerror}.",
            hint="Free twice the size of the text there, or name another folder.",
        ) from error
    return Corpus(path)


def _merged_before(path: Path) -> Corpus:
    """A file that `merge` wrote, with its manifest beside it: a dataset that was added before."""
    try:
        return Corpus(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(
            f"'{path.name}' is no merged text: {error}.", hint="Add its shards as a dataset again."
        ) from error


def find_shards(source: Source) -> list[Path]:
    """The files that a source names, sorted: itself, those in its folder, or those it matches.

    Raises InvalidInput: there is none.
    """
    path = Path(source.path)
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and readable(file)]
    else:
        found = [Path(name) for name in sorted(glob(source.path, recursive=True))]
    if not found:
        raise InvalidInput(
            f"No text is at '{source.path}'.",
            hint="data.sources takes a file, a folder, or a pattern such as data/*.jsonl.gz.",
        )
    return found


def _fill(
    writer: "_Writer", source: Source, shards: Sequence[Path], skip_corrupt: bool
) -> list[str]:
    skipped = []
    for shard in shards:
        for document in documents(shard, source):
            if isinstance(document, bytes):
                writer.add(document)
                continue
            if not skip_corrupt:
                raise corrupt_shard(shard, document)
            skipped.append(f"{shard.name}:{document.line}: {document.reason}")
    if not writer.rows:
        raise InvalidInput(
            f"The files at '{source.path}' hold no text.",
            hint="Check the column that the recipe names for this source.",
        )
    return skipped


def corrupt_shard(shard: Path, place: Corrupt) -> InvalidInput:
    """The refusal of a shard that can't be read."""
    return InvalidInput(
        f"Shard '{shard}' can't be read at line {place.line}: {place.reason}.",
        hint="Fetch it again, leave it out, or set data.corrupt = 'skip'.",
        shard=str(shard),
        line=place.line,
    )


class _Writer:
    """Streams rows to three files, then lays one Arrow block around them."""

    def __init__(self, path: Path, piece_bytes: int) -> None:
        self._path = path
        self._piece_bytes = piece_bytes
        self._parts = {name: path.with_suffix(f".{name}.part") for name in ("text", "at", "ends")}
        self._files = {name: part.open("wb") for name, part in self._parts.items()}
        self._hash = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._ends = bytearray()
        self._waiting_bytes = self._size = self.rows = self.documents = 0
        self._files["at"].write(np.zeros(1, np.int64).tobytes())

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        for name, file in self._files.items():
            if not file.closed:
                file.close()
            self._parts[name].unlink(missing_ok=True)
        self._path.with_suffix(".part").unlink(missing_ok=True)

    def add(self, document: bytes) -> None:
        """Append one document; an empty one is left out."""
        if not document:
            return
        pieces = list(cut(document, self._piece_bytes))
        self._waiting += pieces
        self._ends += b"\0" * (len(pieces) - 1) + b"\1"
        self._waiting_bytes += len(document)
        self.rows += len(pieces)
        self.documents += 1
        if self._waiting_bytes > _FLUSH:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        lengths = np.fromiter(map(len, self._waiting), np.int64, len(self._waiting))
        offsets = (self._size + np.cumsum(lengths)).tobytes()
        self._files["text"].write(data)
        self._files["at"].write(offsets)
        self._files["ends"].write(self._ends)
        for part in (data, offsets, self._ends):
            self._hash.update(part)
        self._size += len(data)
        self._waiting, self._ends, self._waiting_bytes = [], bytearray(), 0

    def finish(self, key: str, skipped: list[str]) -> CorpusFacts:
        """Write the Arrow file under its name."""
        self._flush()
        for file in self._files.values():
            file.close()
        buffers = {
            name: pa.memory_map(str(part)).read_buffer() for name, part in self._parts.items()
        }
        text = pa.Array.from_buffers(
            pa.large_string(), self.rows, [None, buffers["at"], buffers["text"]]
        )
        ends = pa.Array.from_buffers(pa.uint8(), self.rows, [None, buffers["ends"]])
        whole = self._path.with_suffix(".part")
        with pa.OSFile(str(whole), "wb") as sink:
            with pa.ipc.new_file(sink, _SCHEMA) as writer:
                writer.write_batch(pa.record_batch([text, ends], schema=_SCHEMA))
        with whole.open("rb") as written:
            os.fsync(written.fileno())
        whole.replace(self._path)
        return CorpusFacts(
            key=key,
            rows=self.rows,
            documents=self.documents,
            bytes=self._size,
            content=self._hash.hexdigest(),
            skipped=len(skipped),
            skipped_places=skipped[:100],
        )


def cut(document: bytes, limit: int) -> Iterator[bytes]:
    """Pieces of at most `limit` bytes, cut behind white space where there is some in the last half."""
    start = 0
    while len(document) - start > limit:
        end = start + limit
        space = max(document.rfind(mark, start + limit // 2, end) for mark in (b" ", b"\n"))
        if space >= 0:
            end = space + 1
        while document[end] & 0xC0 == 0x80:  # never inside a character
            end -= 1
        yield document[start:end]
        start = end
    yield document[start:]


def _key(source: Source, shards: Sequence[Path], skip: bool, piece_bytes: int) -> str:
    """Changes whenever merging again could give another file."""
    files = [(str(shard), shard.stat().st_size, shard.stat().st_mtime_ns) for shard in shards]
    told: list[Any] = [files, source.column, source.split, skip, piece_bytes]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _kept_key(path: Path) -> str | None:
    try:
        return CorpusFacts.model_validate_json(path.with_suffix(".json").read_bytes()).key
    except (OSError, ValueError):
        return None


def _write_manifest(path: Path, facts: BaseModel) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(facts.model_dump_json(indent=1), encoding="utf-8")
    partial.replace(path)
