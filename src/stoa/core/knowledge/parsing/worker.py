"""The child process that reads one document: `python -m stoa.core.knowledge.parsing.worker`.

It takes one JSON request on standard input, bounds itself, and writes one JSON object a line:

    {"event": "opened", "media_type": …, "title": …, "pages": …}
    {"event": "begin", "page": 7, "seconds": 30}      # from here on the clock of page 7 runs
    {"event": "page", "page": {ParsedPage}}
    {"event": "pause"}                                # grown too large: go on in a fresh process
    {"event": "done", "title": …}
    {"event": "refused", "code": …, "message": …, "hint": …}

or, asked for a picture, `{"event": "picture", "png": base64}`. It holds no secrets and opens no
connection: the parent hands it a scrubbed environment. Readers are imported when the kind is known,
so that a text file never waits for the PDF library.
"""

import base64
import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from stoa.base.errors import InvalidInput, UserError
from stoa.core.knowledge.pages import ParsedPage
from stoa.core.knowledge.parsing import kinds
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import Opened, unread

_READERS = {
    kinds.PDF: ("pdf", "open_pdf"),
    kinds.DOCX: ("docx", "open_docx"),
    kinds.PPTX: ("pptx", "open_pptx"),
    kinds.XLSX: ("xlsx", "open_xlsx"),
    kinds.HTML: ("html", "open_html"),
    kinds.MARKDOWN: ("markdown", "open_markdown"),
    kinds.CSV: ("plain", "open_csv"),
    kinds.TEXT: ("plain", "open_text"),
}
_PICTURE_SECONDS = 30.0


@dataclass
class _Wire:
    """Where the events go."""

    out: BinaryIO

    def send(self, event: str, **content: Any) -> None:
        self.out.write(json.dumps({"event": event, **content}).encode() + b"\n")
        self.out.flush()

    def send_page(self, page: ParsedPage) -> None:
        self.out.write(b'{"event":"page","page":' + page.model_dump_json().encode() + b"}\n")
        self.out.flush()

    def refuse(self, error: UserError) -> None:
        self.send("refused", code=error.code, message=error.message, hint=error.hint)


def main() -> None:
    """Serve the one request on standard input."""
    wire = _Wire(_private_output())
    request = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**request["limits"])
    _bound(limits)
    try:
        if request["task"] == "picture":
            _bound_processor(_PICTURE_SECONDS)
            _send_picture(wire, Path(request["path"]), request["page"], request["width"])
        else:
            _bound_processor(limits.open_seconds)
            _read(wire, Path(request["path"]), request["name"], request["first"], limits)
    except UserError as error:
        wire.refuse(error)
    except MemoryError:
        wire.refuse(_too_hungry(limits))
    except Exception as error:  # noqa: BLE001 - the edge: a library may raise anything on a damaged file
        wire.refuse(_unreadable(error))


def _read(wire: _Wire, path: Path, name: str, first: int, limits: Limits) -> None:
    document = _open(path, name, limits)
    wire.send("opened", media_type=document.media_type, title=document.title, pages=document.pages)
    title = document.title
    pages = _pages(wire, document, first, limits)
    for page in pages:
        title = title or next((heading.text for heading in page.headings), "")
        wire.send_page(page)
        if document.pages > page.number and _memory_mb() > limits.recycle_mb:
            wire.send("pause")
            return
    wire.send("done", title=title)


def _open(path: Path, name: str, limits: Limits) -> Opened:
    kind = kinds.detect(path, name, limits)
    module, function = _READERS[kind]
    reader = getattr(import_module(f"stoa.core.knowledge.parsing.{module}"), function)
    opened: Opened = reader(path, limits)
    return opened


def _pages(wire: _Wire, document: Opened, first: int, limits: Limits) -> Iterator[ParsedPage]:
    """The pages, each announced before its work begins; where known, exactly `document.pages`."""
    number = first

    def patience(seconds: float) -> None:
        wire.send("begin", page=number, seconds=seconds)
        _bound_processor(seconds)

    source = document.read(first, patience)
    while True:
        patience(limits.page_seconds if document.pages else limits.open_seconds)
        try:
            page = next(source, None)
        except UserError:
            raise
        except MemoryError:
            page = unread(number, f"needs more than {limits.memory_mb} MiB of memory")
        except Exception as error:  # noqa: BLE001 - the edge: a library may raise anything on a damaged page
            page = unread(number, f"can't be read ({type(error).__name__})")
        if page is None:
            return
        if len(page.text) > limits.page_characters:
            page = unread(number, f"holds more than {limits.page_characters:,} characters")
        yield page
        number += 1
        if page.status == "reported" and document.pages and number <= document.pages:
            source = document.read(number, patience)  # a generator that raised is spent


def _send_picture(wire: _Wire, path: Path, number: int, width: int) -> None:
    picture = import_module("stoa.core.knowledge.parsing.pdf_picture")
    png: bytes = picture.page_png(path, number, width)
    wire.send("picture", png=base64.b64encode(png).decode())


def _private_output() -> BinaryIO:
    """The pipe to the parent; whatever a library prints goes to standard error instead."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _bound(limits: Limits) -> None:
    memory = limits.memory_mb << 20
    with suppress(ValueError):  # macOS does not bound the address space
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_processor(seconds: float) -> None:
    """Processor time from now on: the last guard, should the parent be gone when a page hangs."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _memory_mb() -> int:
    """Largest resident size of this program so far.

    Not `ru_maxrss` where it can be avoided: Linux lets a child inherit there what its parent held when
    it was started, and a worker of a large parent would take itself for large at its first page.
    """
    with suppress(OSError, StopIteration), open("/proc/self/status", encoding="ascii") as status:
        peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) >> 10
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held >> (20 if sys.platform == "darwin" else 10)


def _too_hungry(limits: Limits) -> UserError:
    return InvalidInput(
        f"The document needs more than {limits.memory_mb} MiB of memory to read.",
        hint="Split it into smaller ones.",
    )


def _unreadable(error: Exception) -> UserError:
    return InvalidInput(
        f"The document can't be read ({type(error).__name__}).",
        hint="Open it in the program that made it, save it again, and upload that.",
    )


if __name__ == "__main__":
    main()
