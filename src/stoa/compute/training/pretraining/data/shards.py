"""Reads documents out of one shard, in pieces and in bounded memory, and says where one is broken.

JSON lines, Parquet and text; gzip, zstandard, bzip2, lz4 and brotli come with pyarrow. A reader yields
documents as UTF-8 bytes, and a `Corrupt` for what it can't read; what follows from that is decided
above. It knows nothing about tokens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.recipe import Source

COMPRESSED: Final = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".bz2": "bz2",
    ".lz4": "lz4",
    ".br": "brotli",
}
_JSON: Final = {".jsonl", ".json", ".ndjson"}
_TEXT: Final = {".txt", ".text", ".md"}
_CHUNK: Final = 1 << 20
LONGEST_DOCUMENT: Final = 1 << 30


@dataclass(frozen=True)
class Corrupt:
    """A place that can't be read: the line (or row) number from 1, and why."""

    line: int
    reason: str


def documents(shard: Path, source: Source) -> Iterator[bytes | Corrupt]:
    """Documents of one shard in order; after a `Corrupt` that ends the file nothing follows.

    Raises:
        InvalidInput: the name is of no kind that is read.
    """
    kind, compression = kind_of(shard)
    if kind in _JSON:
        yield from _json_documents(shard, compression, source.column)
    elif kind == ".parquet":
        yield from _parquet_documents(shard, source.column)
    elif kind in _TEXT:
        yield from _text_documents(shard, compression, source.split)
    else:
        raise InvalidInput(
            f"'{shard.name}' is of no kind that is read as a shard.",
            hint="Shards are .jsonl, .parquet or .txt, plain or with .gz, .zst, .bz2, .lz4, .br.",
        )


def kind_of(shard: Path) -> tuple[str, str | None]:
    """Ending and compression that a file's name tells."""
    suffixes = [suffix.lower() for suffix in shard.suffixes]
    compression = COMPRESSED.get(suffixes[-1]) if suffixes else None
    kind = suffixes[-2] if compression and len(suffixes) > 1 else (suffixes or [""])[-1]
    return kind, compression


def readable(shard: Path) -> bool:
    """Whether a file's name is one of a shard."""
    return kind_of(shard)[0] in {*_JSON, *_TEXT, ".parquet"}


def _lines(shard: Path, compression: str | None) -> Iterator[bytes | Corrupt]:
    """Lines without their end. A stream that breaks off yields a `Corrupt` at the line reached."""
    line, rest = 0, b""
    try:
        with pa.input_stream(str(shard), compression=compression) as stream:
            while chunk := stream.read(_CHUNK):
                whole = (rest + chunk).split(b"\n")
                rest = whole.pop()
                if len(rest) > LONGEST_DOCUMENT:
                    yield Corrupt(line + 1, f"longer than {LONGEST_DOCUMENT >> 20} MiB")
                    return
                line += len(whole)
                yield from whole
    except (OSError, pa.ArrowException) as error:
        yield Corrupt(line + 1, _first_line(error))
        return
    if rest:
        yield rest


def _json_documents(shard: Path, compression: str | None, column: str) -> Iterator[bytes | Corrupt]:
    row = msgspec.defstruct("Row", [("text", str)], rename={"text": column})
    decode = msgspec.json.Decoder(row).decode
    for number, line in enumerate(_lines(shard, compression), start=1):
        if isinstance(line, Corrupt):
            yield line
        elif line.strip():
            try:
                yield decode(line).text.encode()  # type: ignore[attr-defined]
            except (msgspec.MsgspecError, UnicodeError) as error:
                yield Corrupt(number, _first_line(error))


def _parquet_documents(shard: Path, column: str) -> Iterator[bytes | Corrupt]:
    row = 0
    try:
        with pq.ParquetFile(shard, memory_map=True) as file:
            if column not in file.schema_arrow.names:
                yield Corrupt(1, f"there is no column '{column}'")
                return
            for batch in file.iter_batches(batch_size=1024, columns=[column]):
                for text in batch.column(0).cast(pa.large_binary()).to_pylist():
                    row += 1
                    yield Corrupt(row, "the text is missing") if text is None else text
    except (OSError, pa.ArrowException) as error:
        yield Corrupt(row + 1, _first_line(error))


def _text_documents(shard: Path, compression: str | None, split: str) -> Iterator[bytes | Corrupt]:
    gathered: list[bytes] = []
    size = start = 0
    for number, line in enumerate(_lines(shard, compression), start=1):
        if isinstance(line, Corrupt):
            yield line
            return
        if not _is_text(line):
            yield Corrupt(number, "not UTF-8")
            continue
        if split == "line":
            yield line
            continue
        if split == "paragraph" and not line.strip():
            yield b"\n".join(gathered)
            gathered, size = [], 0
            continue
        start = start if gathered else number
        gathered.append(line)
        size += len(line) + 1
        if size > LONGEST_DOCUMENT:
            yield Corrupt(start, f"longer than {LONGEST_DOCUMENT >> 20} MiB: split by line")
            return
    if gathered:
        yield b"\n".join(gathered) + (b"\n" if split == "file" else b"")


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
