"""Reads a document in a process of its own, and accounts for every page.

The parent knows no format. It starts a worker, listens to its events, and keeps the promise that
holds for any file: the pages handed out are numbered 1, 2, 3, … without gap or repeat, each is
either indexed or reported with a reason, and a page that kills or hangs the reader costs only itself.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stoa.base.errors import Bug, InvalidInput, UserError, error_types
from stoa.core.knowledge.pages import ParsedDocument, ParsedPage
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import unread

_LINE_BYTES = 64 << 20
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "TMPDIR", "LD_LIBRARY_PATH")
"""What of the environment a worker gets to see: nothing that could be a secret."""

OnPage = Callable[[ParsedPage], Awaitable[None]]
OnProgress = Callable[[int, int], Awaitable[None]]


async def parse_file(
    path: Path,
    name: str,
    *,
    on_page: OnPage,
    on_progress: OnProgress | None = None,
    limits: Limits | None = None,
) -> ParsedDocument:
    """Read `path`, handing out its pages one by one as they are read.

    Memory stays bounded: the worker waits while `on_page` runs. PDF pages are those of the file,
    slides those of the presentation, and each sheet starts a page. Flowing formats (DOCX, HTML,
    Markdown, text, CSV) keep the page breaks they have and are otherwise cut into pages of about
    3,000 characters at headings and paragraphs, so that a citation has a place.

    Args:
        path: the file, readable by a child process.
        name: its name as given; the ending breaks ties between text kinds.
        on_page: awaited for each page, in order.
        on_progress: awaited after each page with (pages so far, pages in all or 0 if unknown).
        limits: what reading may cost.

    Raises:
        InvalidInput: empty, damaged, or protected by a password.
        TooLarge: over a limit of `limits`, or a bomb.
        UnsupportedType: content of a kind that nothing here reads.
    Pages handed out before one of these are void. Cancelling kills the worker.
    """
    limits = limits or Limits()
    reading = _Reading(on_page, on_progress)
    failures = 0
    while not reading.ended:
        if failures > limits.restarts:
            await reading.give_up(f"not read: {failures} pages before it failed")
            break
        reason = await _run_worker(reading, path, name, limits)
        if reason:
            failures += 1
            await reading.fail(reason)
    return reading.document()


@dataclass
class _Reading:
    """What has been learned and handed out so far, over all workers of one document."""

    on_page: OnPage
    on_progress: OnProgress | None
    media_type: str = ""
    title: str = ""
    total: int = 0
    """Pages in all; 0 while unknown."""
    delivered: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"indexed": 0, "reported": 0})
    ended: bool = False

    def opened(self, event: dict[str, Any]) -> None:
        self.media_type, self.total = event["media_type"], event["pages"]
        self.title = self.title or event["title"]

    async def deliver(self, page: ParsedPage) -> None:
        if page.number != self.delivered + 1:
            raise Bug(f"Page {page.number} came after page {self.delivered}.")
        self.delivered = page.number
        self.counts[page.status] += 1
        await self.on_page(page)
        if self.on_progress:
            await self.on_progress(self.delivered, self.total)

    async def fail(self, reason: str) -> None:
        """The worker was lost: on a page, which is reported, or while opening, which ends it."""
        if not self.media_type:
            raise InvalidInput(
                f"The document can't be read: {reason}.",
                hint="Open it in the program that made it, save it as PDF, and upload that.",
            )
        if self.total:
            await self.deliver(unread(self.delivered + 1, reason))
            self.ended = self.delivered == self.total
        else:
            await self.deliver(unread(self.delivered + 1, f"from here on: {reason}"))
            self.ended = True

    async def give_up(self, reason: str) -> None:
        while self.delivered < self.total:
            await self.deliver(unread(self.delivered + 1, reason))
        self.ended = True

    def finish(self, event: dict[str, Any]) -> None:
        if self.total and self.delivered != self.total:
            raise Bug(f"{self.delivered} of {self.total} pages were accounted for.")
        self.title = self.title or event["title"]
        self.ended = True

    def document(self) -> ParsedDocument:
        assert sum(self.counts.values()) == self.delivered, self.counts
        return ParsedDocument(
            media_type=self.media_type, title=self.title[:300], pages=self.delivered
        )


async def _run_worker(reading: _Reading, path: Path, name: str, limits: Limits) -> str:
    """One worker from the next page on. Returns why it was lost, or "" if it ended in order."""
    request = {
        "task": "parse",
        "path": str(path),
        "name": name,
        "first": reading.delivered + 1,
        "limits": asdict(limits),
    }
    seconds = limits.open_seconds
    async with started(request) as worker:
        while True:
            try:
                event = await worker.event(seconds)
            except TimeoutError:
                return f"took longer than {seconds:g} s"
            if event is None:
                return await worker.cause_of_death()
            match event["event"]:
                case "opened":
                    reading.opened(event)
                case "begin":
                    seconds = event["seconds"]
                case "page":
                    await reading.deliver(ParsedPage.model_validate(event["page"]))
                case "refused":
                    raise refused(event)
                case "pause":
                    return ""
                case "done":
                    reading.finish(event)
                    return ""


@dataclass
class Worker:
    """The parent's end of a worker process."""

    process: asyncio.subprocess.Process

    async def event(self, seconds: float) -> dict[str, Any] | None:
        """The next event, or None when the worker is gone. Raises TimeoutError."""
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        event: dict[str, Any] = json.loads(line)
        return event

    async def cause_of_death(self) -> str:
        """In words for the page report."""
        code = await self.process.wait()
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "took more processor time or memory than allowed"
        if code < 0:
            return f"the reader crashed ({signal.Signals(-code).name})"
        return f"the reader stopped (exit code {code})"


@asynccontextmanager
async def started(request: dict[str, Any]) -> AsyncIterator[Worker]:
    """A worker on a request; it and its own children are gone when the block is left, however."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "stoa.core.knowledge.parsing.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LINE_BYTES,
        start_new_session=True,
        env={
            **{key: os.environ[key] for key in _PASSED_ON if key in os.environ},
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OMP_THREAD_LIMIT": "1",
            "MALLOC_ARENA_MAX": "2",
        },
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        yield Worker(process)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def refused(event: dict[str, Any]) -> UserError:
    """The error that a worker sent, as it was raised there."""
    for kind in error_types():
        if kind.code == event["code"] and issubclass(kind, UserError):
            return kind(event["message"], hint=event["hint"])
    raise Bug(f"A worker refused with the unknown code {event['code']!r}.")
