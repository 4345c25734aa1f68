"""From files to searchable passages: pages and chunks a second, and memory.

    python -m benchmarks.ingest [--documents 10] [--pages 40] [--scanned-pages 10] [--only text|scanned]

Text PDFs made by `benchmarks.corpus`, then pictures of the same pages (OCR). The peer, measured in the
same run over the same PDFs with the same encoder file, is LangChain's PyPDF loader, its recursive
splitter and Chroma (`peer_ingest.py`); over scans its loader reads the pictures by tesseract, as ours
does. The limit there is tesseract itself, called directly on the same page pictures, one at a time.
Memory is the peak of the process that embeds and indexes, and apart from it that of the largest child,
which parses; processor seconds are of all of them together and say more than the clock on a busy machine.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pypdfium2 as pdfium

from benchmarks.corpus import text_pdf
from benchmarks.results import record
from benchmarks.scan import scanned_copy
from benchmarks.straight import Straight
from stoa.base.settings import Settings
from stoa.core.knowledge.documents import Source
from stoa.core.models.embedding import minilm
from stoa.wiring import build

PEERS = Path(__file__).parents[1] / ".venv/peers/bin/python"
# Tesseract, as ours calls it: with its default of four threads it takes ten times as long on two cores.
ONE_THREAD = {**os.environ, "OMP_THREAD_LIMIT": "1"}


@dataclass(frozen=True)
class Rate:
    """What went through, and how fast."""

    pages: int
    chunks: int
    seconds: float
    peak_mib: float
    child_mib: float = 0.0
    processor: float = 0.0

    @property
    def pages_a_second(self) -> float:
        return self.pages / self.seconds

    @property
    def chunks_a_second(self) -> float:
        return self.chunks / self.seconds


async def ours(files: list[Path], home: Path) -> Rate:
    """Parse, cut, embed, index and publish, one document after the other."""
    build_encoder_apart(home)
    platform = build(Settings.load(home=home)).platform
    caller = await platform.accounts.ensure_sample()
    await platform.knowledge.prepare()
    keys = {file: f"{caller.workspace_id}/bench/{file.name}" for file in files}
    for file, key in keys.items():
        await platform.objects.put(key, file)
    pages = chunks = 0
    largest = [0.0]
    watching = asyncio.create_task(_watch_children(largest))
    begun, used = time.perf_counter(), _processor_seconds()
    for number, (file, key) in enumerate(keys.items()):
        source = Source(
            workspace_id=caller.workspace_id,
            collection="bench",
            document_id=f"doc_bench{number}",
            object_key=key,
            name=file.name,
        )
        report = await platform.knowledge.ingest(source, Straight())
        await platform.knowledge.publish(caller.workspace_id, source.document_id)
        pages += report.pages
        chunks += report.passages
    seconds, used = time.perf_counter() - begun, _processor_seconds() - used
    watching.cancel()
    await platform.knowledge.close()
    platform.database.close()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Rate(pages, chunks, seconds, own / 1024, largest[0], used)


def build_encoder_apart(home: Path) -> None:
    """The encoder's graph is built once per data folder: in a process of its own, so that this does
    not count as memory of ingesting."""
    weights = minilm.find_weights()
    if weights is not None:
        script = (
            "import sys; from pathlib import Path; from stoa.core.models.embedding import minilm;"
            "minilm.prepare_files(Path(sys.argv[1]), Path(sys.argv[2]))"
        )
        subprocess.run([sys.executable, "-c", script, str(weights), str(home)], check=True)


async def _watch_children(largest: list[float]) -> None:
    """Keep the largest resident size of a child, in MiB. The system's own account of a child's peak
    counts what the parent held when it was started, so they are looked at while they run."""
    while True:
        largest[0] = max(largest[0], await asyncio.to_thread(_largest_child))
        await asyncio.sleep(0.02)


def _largest_child() -> float:
    found = 0.0
    for own in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in own.read_text().split():
                status = Path(f"/proc/{child}/status").read_text().splitlines()
                peaks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
                found = max([found, *(int(peak) / 1024 for peak in peaks)])
    return found


def _processor_seconds() -> float:
    """Of this process and the children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def peer(files: list[Path], home: Path, scratch: Path, *options: str) -> Rate:
    """The pipeline most people would pick, with the encoder that ours has put in `home`."""
    script = str(Path(__file__).with_name("peer_ingest.py"))
    model = next((home / "models").glob("*/model.onnx")).parent
    done = subprocess.run(
        [str(PEERS), script, *options, str(model), str(scratch), *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        env=ONE_THREAD,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    return Rate(
        figures["pages"],
        figures["chunks"],
        figures["seconds"],
        figures["peak_mib"],
        0.0,
        figures["processor"],
    )


def bare_ocr(file: Path, scratch: Path) -> float:
    """Pages a second of tesseract alone, page pictures ready on disk."""
    document = pdfium.PdfDocument(file)
    pictures = []
    for number, page in enumerate(document):
        pictures.append(scratch / f"{number}.png")
        page.render(scale=200 / 72, grayscale=True).to_pil().save(pictures[-1])
    begun = time.perf_counter()
    for picture in pictures:
        command = ["tesseract", str(picture), "-", "tsv"]
        subprocess.run(command, check=True, capture_output=True, env=ONE_THREAD)
    return len(pictures) / (time.perf_counter() - begun)


def main() -> None:
    """Run both over text, ours over scans; print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--scanned-pages", type=int, default=10)
    parser.add_argument("--only", choices=["text", "scanned"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if chosen.only != "scanned":
            _text(folder, chosen.documents, chosen.pages)
        if chosen.only != "text" and shutil.which("tesseract"):
            _scanned(folder, chosen.scanned_pages)


def _text(folder: Path, documents: int, pages: int) -> None:
    files = [
        text_pdf(folder / f"text{number}.pdf", pages=pages, seed=number)
        for number in range(documents)
    ]
    mine = asyncio.run(ours(files, folder / "home"))
    theirs = peer(files, folder / "home", folder / "chroma")
    name, note = "LangChain + Chroma", f"{mine.pages} text pages, same encoder"
    record("ingest, text", mine.pages_a_second, "pages/s", name, theirs.pages_a_second, note)
    record("ingest, text", mine.chunks_a_second, "chunks/s", name, theirs.chunks_a_second, note)
    cost, other = 1000 * mine.processor / mine.pages, 1000 * theirs.processor / theirs.pages
    record("ingest, text, processor", cost, "ms/page", name, other, note)
    record("ingest, text, peak memory", mine.peak_mib, "MiB", name, theirs.peak_mib, note)
    record("ingest, text, peak memory of a parser", mine.child_mib, "MiB", "", None, note)


def _scanned(folder: Path, pages: int) -> None:
    (folder / "scans").mkdir()
    scan = scanned_copy(text_pdf(folder / "scan.pdf", pages=pages, seed=99), folder / "scans")
    read = asyncio.run(ours([scan], folder / "home2"))
    theirs = peer([scan], folder / "home2", folder / "chroma2", "--ocr")
    name, note = "LangChain + Chroma", f"{read.pages} scanned pages, tesseract in both"
    record("ingest, scanned", read.pages_a_second, "pages/s", name, theirs.pages_a_second, note)
    record("ingest, scanned", read.chunks_a_second, "chunks/s", name, theirs.chunks_a_second, note)
    cost, other = 1000 * read.processor / read.pages, 1000 * theirs.processor / theirs.pages
    record("ingest, scanned, processor", cost, "ms/page", name, other, note)
    note = f"{read.pages} scanned pages"
    bare = bare_ocr(scan, folder)
    record("ingest, scanned", read.pages_a_second, "pages/s", "tesseract alone", bare, note)
    record("ingest, scanned, peak memory of a parser", read.child_mib, "MiB", "", None, note)


if __name__ == "__main__":
    main()
