"""Does the right page come up? Hit rate and MRR by page, against BM25 over the same pages.

    python -m benchmarks.retrieval --data FOLDER [--half tuned|held] [--documents 12] [--scan 8]

FOLDER holds `pdfs/*.pdf` and `data/*.jsonl` with `question`, `doc_name` and `evidence` (a list with
`doc_name` and `evidence_page_num`, counted from 0), as the public FinanceBench repository has them
(Islam et al. 2023, arXiv 2311.11944). All documents are searched together: the question has to find its
document and its page. What a search found counts as the page it names, `Hit.page`. Documents are
split in two halves by a fixed shuffle: parameters were chosen on `tuned`, `held` says whether they
hold. `--documents` takes the first so many of a half. The peer is rank-bm25 (Okapi, k1 1.5, b 0.75) over one text per page from pypdf.

The ablation switches one part at a time: keyword, vector, hybrid; without tables. Then, over copies of
the `--scan` shortest documents of the half that hold only pictures of their pages, without and with OCR,
beside the same documents as they are. `--scanned-only` does nothing else.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pypdfium2 as pdfium

from benchmarks.results import record
from benchmarks.scan import scanned_copy
from benchmarks.straight import Straight
from stoa.base.settings import Settings
from stoa.core.knowledge.documents import Source
from stoa.core.knowledge.knowledge import Knowledge
from stoa.core.knowledge.parsing.limits import Limits
from stoa.wiring import build

DEPTH = 10
PEERS = Path(__file__).parents[1] / ".venv/peers/bin/python"


@dataclass(frozen=True)
class Question:
    """A question and the (document, page from 1) pairs that answer it."""

    text: str
    answers: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Figures:
    """Means over questions."""

    hit_1: float
    hit_5: float
    hit_10: float
    reciprocal_rank: float
    count: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of hit@5 by Wilson's score: questions are few."""
        z, share, count = 1.96, self.hit_5, self.count
        middle = (share + z * z / (2 * count)) / (1 + z * z / count)
        half = z * sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
        return middle - half, middle + half

    def __str__(self) -> str:
        return (
            f"hit@1 {self.hit_1:.3f}  hit@5 {self.hit_5:.3f}  hit@10 {self.hit_10:.3f}  "
            f"MRR@10 {self.reciprocal_rank:.3f}"
        )


def chosen_half(folder: Path, half: str, most: int) -> frozenset[str]:
    """Names of the documents to use: of one half ("tuned", "held") or of "all"."""
    names = sorted(file.stem for file in (folder / "pdfs").glob("*.pdf"))
    random.Random(11).shuffle(names)
    middle = len(names) // 2
    some = {"tuned": names[:middle], "held": names[middle:], "all": names}[half]
    return frozenset(some[:most])


def questions(folder: Path, names: frozenset[str]) -> list[Question]:
    """The questions that are answered within those documents."""
    found = []
    for file in sorted((folder / "data").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            answers = {
                (each["doc_name"], each["evidence_page_num"] + 1)
                for each in row.get("evidence", [])
            }
            if answers and all(name in names for name, _ in answers):
                found.append(Question(row["question"], frozenset(answers)))
    return found


def grade(asked: list[Question], rankings: Iterable[list[tuple[str, int]]]) -> Figures:
    """Grade rankings of pages, one a question, best first."""
    ranks = []
    for question, ranking in zip(asked, rankings, strict=True):
        places = [
            place for place, page in enumerate(ranking[:DEPTH], 1) if page in question.answers
        ]
        ranks.append(places[0] if places else 0)
    count = len(ranks)
    return Figures(
        sum(rank == 1 for rank in ranks) / count,
        sum(0 < rank <= 5 for rank in ranks) / count,
        sum(0 < rank <= 10 for rank in ranks) / count,
        sum(1 / rank for rank in ranks if rank) / count,
        count,
    )


async def ours(
    files: list[Path], asked: list[Question], modes: list[str], limits: Limits
) -> dict[str, Figures]:
    """Ingest the files into a fresh house and grade each mode."""
    with tempfile.TemporaryDirectory() as home:
        house = build(Settings.load(home=Path(home)))
        platform = house.platform
        caller = await platform.accounts.ensure_sample()
        knowledge = Knowledge(
            platform.settings, platform.database, platform.objects, platform.models, limits=limits
        )
        workspace = caller.workspace_id
        for file in files:
            key = f"{workspace}/bench/{file.name}"
            await platform.objects.put(key, file)
            source = Source(
                workspace_id=workspace,
                collection="bench",
                document_id=document_id(file),
                object_key=key,
                name=file.name,
            )
            await knowledge.ingest(source, Straight())
            await knowledge.publish(workspace, source.document_id)
        by_id = {document_id(file): file.stem for file in files}
        graded = {}
        for mode in modes:
            rankings = []
            for question in asked:
                hits = await knowledge.search(
                    workspace,
                    question.text,
                    collections=["bench"],
                    limit=4 * DEPTH,
                    mode=mode,  # type: ignore[arg-type]
                )
                pages = [(by_id[hit.passage.document_id], hit.page) for hit in hits]
                rankings.append(list(dict.fromkeys(pages)))
            graded[mode] = grade(asked, rankings)
        await knowledge.close()
        platform.database.close()
        return graded


def document_id(file: Path) -> str:
    """A short id that follows from the name."""
    return "doc_" + re.sub(r"[^a-z0-9]", "", file.stem.lower())[:34]


def bm25(files: list[Path], asked: list[Question]) -> Figures:
    """The peer, in its own environment."""
    done = subprocess.run(
        [str(PEERS), str(Path(__file__).with_name("peer_bm25.py")), *map(str, files)],
        input=json.dumps([question.text for question in asked]),
        capture_output=True,
        text=True,
        check=True,
    )
    return grade(asked, [[(name, page) for name, page in each] for each in json.loads(done.stdout)])


def main() -> None:
    """Run the peer and the ablation; print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--half", choices=["tuned", "held", "all"], default="held")
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--scan", type=int, default=8)
    parser.add_argument("--scanned-only", action="store_true")
    parser.add_argument(
        "--no-ablation", action="store_true", help="leave out the run without tables"
    )
    chosen = parser.parse_args()
    if chosen.data is None or not (chosen.data / "pdfs").is_dir():
        print("retrieval: give --data FOLDER with pdfs/ and data/ (see the docstring); skipped")
        sys.exit(0)
    if chosen.scan:
        _scanned(chosen.data, chosen.half, chosen.scan)
    if chosen.scanned_only:
        return
    asked = questions(chosen.data, chosen_half(chosen.data, chosen.half, chosen.documents))
    names = sorted({name for question in asked for name, _ in question.answers})
    files = [chosen.data / f"pdfs/{name}.pdf" for name in names]
    print(f"{len(asked)} questions over {len(files)} documents")
    peer = bm25(files, asked)
    print(f"BM25 over pages (peer)   {peer}")
    note = f"{len(asked)} questions, {len(files)} PDFs of half {chosen.half}, by page"
    modes = asyncio.run(ours(files, asked, ["keyword", "vector", "hybrid"], Limits()))
    if not chosen.no_ablation:
        plain = asyncio.run(ours(files, asked, ["hybrid"], Limits(tables=False)))
        modes["hybrid, no tables"] = plain["hybrid"]
    for name, figures in modes.items():
        print(f"{name:24} {figures}")
        low, high = figures.interval
        interval = f"{note}; 95 %: {low:.3f} to {high:.3f}"
        record(f"retrieval hit@5, {name}", figures.hit_5, "", "BM25", peer.hit_5, interval)


def _scanned(data: Path, half: str, count: int) -> None:
    """Hit rates over pictures of pages, beside those over the documents as they are."""
    every = questions(data, chosen_half(data, half, len(list((data / "pdfs").glob("*.pdf")))))
    files = [data / f"pdfs/{name}.pdf" for name in {name for q in every for name, _ in q.answers}]
    files = sorted(files, key=lambda file: (len(pdfium.PdfDocument(file)), file))[:count]
    asked = questions(data, frozenset(file.stem for file in files))
    text = asyncio.run(ours(files, asked, ["hybrid"], Limits()))["hybrid"]
    print(f"as they are              {text}")
    with tempfile.TemporaryDirectory() as folder:
        copies = [scanned_copy(file, Path(folder)) for file in files]
        note = f"{len(asked)} questions, {len(files)} PDFs of half {half}, by page"
        for name, limits in {"no OCR": Limits(ocr="none"), "OCR": Limits()}.items():
            figures = asyncio.run(ours(copies, asked, ["hybrid"], limits))["hybrid"]
            print(f"scanned, {name:15} {figures}")
            beside = "the same with their text"
            record(f"retrieval hit@5, scanned, {name}", figures.hit_5, "", beside, text.hit_5, note)


if __name__ == "__main__":
    main()
