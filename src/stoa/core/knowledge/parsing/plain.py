"""Plain text and CSV: any encoding, read line by line; what is binary after all is refused."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from stoa.core.knowledge.parsing import kinds, refusal
from stoa.core.knowledge.parsing.flowing import BREAK, Block, opened, row
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import Opened

_SAMPLE_BYTES = 128 << 10
_LINE_CHARACTERS = 100_000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"


def open_text(path: Path, limits: Limits) -> Opened:
    """Paragraphs are parted by blank lines, pages by form feeds."""
    return opened(kinds.TEXT.media_type, "", _paragraphs(path, encoding_of(path)), limits)


def open_csv(path: Path, limits: Limits) -> Opened:
    """One table; the delimiter is guessed among comma, semicolon, tab and bar."""
    return opened(kinds.CSV.media_type, "", _records(path, encoding_of(path)), limits)


def encoding_of(path: Path) -> str:
    """The encoding of a text file: by its mark, as UTF-8 if that fits, else by its statistics.

    Raises:
        UnsupportedType: no encoding makes text of it.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
        for mark, encoding in _BOMS:
            if sample.startswith(mark):
                return encoding
        if _is_utf8(sample) and all(map(_is_utf8, iter(lambda: file.read(1 << 20), b""))):
            return "utf-8"
    best = from_bytes(sample).best()
    if best is None:
        raise refusal.unsupported("This kind of binary file")
    return best.encoding


def _is_utf8(block: bytes) -> bool:
    """A block may begin and end inside a character."""
    middle = block.lstrip(bytes(range(0x80, 0xC0))) if len(block) > 4 else block
    try:
        codecs.getincrementaldecoder("utf-8")().decode(middle, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, errors="replace", newline=None) as file:
        while line := file.readline(_LINE_CHARACTERS):
            yield line


def _paragraphs(path: Path, encoding: str) -> Iterator[Block]:
    gathered: list[str] = []
    length = 0
    for line in _lines(path, encoding):
        for index, part in enumerate(line.split("\f")):
            if index:
                yield Block("paragraph", "\n".join(gathered))
                yield BREAK
                gathered, length = [], 0
            text = part.rstrip("\n")
            if text.strip():
                gathered.append(text)
                length += len(text)
            if gathered and (not text.strip() or length > _LINE_CHARACTERS):
                yield Block("paragraph", "\n".join(gathered))
                gathered, length = [], 0
    if gathered:
        yield Block("paragraph", "\n".join(gathered))


def _records(path: Path, encoding: str) -> Iterator[Block]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(_SAMPLE_BYTES // 4)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(sample, _DELIMITERS)
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(_LINE_CHARACTERS)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        try:
            for record in csv.reader((line.replace("\0", "") for line in file), dialect):
                if any(cell.strip() for cell in record):
                    yield row(record)
        except csv.Error as error:
            raise refusal.damaged("CSV file", str(error)) from error
