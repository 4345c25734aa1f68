"""Search at 100,000 passages: time (p50, p99) and recall@10, LanceDB and pgvector beside what LangChain's
retrievers stand on: Chroma for meaning, rank-bm25 for words, both fused by rank for both.

    python -m benchmarks.search [--rows 100000] [--questions 200] [--only lance|pgvector]

Passages are made up, but with the traits that make search hard. Vectors have 384 dimensions whose
spread decays as that of sentence encoders does (sigma ~ rank^-0.35), and lie in 400 topics and, within
those, in documents of 50 passages. Words are drawn from 50,000 by Zipf's law, half of them from the
topic's own 300. A question is a passage's vector with noise (cosine about 0.75) and four of its words.
Recall by meaning and by words is measured against exact search over the same rows (BM25 with k1 1.2 and
b 0.75; what scores as much as the tenth counts); that of both is the share of questions whose own passage is
among ten. Narrow: one collection of fifty (2 %); there the question's own passage mostly is not.
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse
from tests.postgres import running_server

from benchmarks.results import record
from stoa.core.knowledge.index.choose import choose_index
from stoa.core.knowledge.index.index import Found, Index, IndexRow, Scope, Space
from stoa.core.knowledge.search import fuse

PEERS = Path(__file__).parents[1] / ".venv/peers/bin/python"
WIDTH, TOPICS, DOCUMENT, COLLECTIONS, WORDS = 384, 400, 50, 50, 50_000
WORKSPACE, WARM, BATCH = "bench", 20, 2_000
CANDIDATES = 40  # as a search asks for
PEERS_OF = {"vector": "Chroma", "keyword": "rank-bm25", "hybrid": "Chroma + rank-bm25"}


@dataclass(frozen=True)
class Corpus:
    """Rows and questions; the collection of row n is `collection[n]`."""

    vectors: np.ndarray
    words: list[str]
    collection: np.ndarray
    asked: np.ndarray
    asked_words: list[str]
    meant: np.ndarray
    """The row that each question was made of."""


@dataclass(frozen=True)
class Figure:
    """Milliseconds, and the share of the exact answer that was found (1 where none is known)."""

    p50: float
    p99: float
    recall: float


def make(rows: int, questions: int) -> Corpus:
    """The same corpus for the same sizes, always."""
    rng = np.random.default_rng(2026)
    spread = (1 + np.arange(WIDTH)) ** -0.35
    topics = rng.normal(size=(TOPICS, WIDTH)) * spread
    documents = rows // DOCUMENT + 1
    topic_of = rng.integers(0, TOPICS, documents)
    centres = topics[topic_of] + 0.7 * rng.normal(size=(documents, WIDTH)) * spread
    document = np.arange(rows) // DOCUMENT
    vectors = _unit(centres[document] + 0.9 * rng.normal(size=(rows, WIDTH)) * spread)
    chance = 1 / np.arange(1, WORDS + 1)
    common = rng.choice(WORDS, size=(rows, 60), p=chance / chance.sum())
    own = topic_of[document][:, None] * 300 + rng.zipf(1.3, size=(rows, 60)) % 300 + WORDS
    drawn = np.concatenate([common, own], axis=1)
    chosen = rng.integers(0, rows, questions)
    noise = _unit(rng.normal(size=(questions, WIDTH)) * spread)
    words = [" ".join(f"w{word}" for word in row) for row in drawn]
    asked_words = [" ".join(f"w{w}" for w in rng.choice(drawn[row], 4)) for row in chosen]
    asked = _unit(vectors[chosen] + 0.9 * noise)
    return Corpus(vectors, words, document % COLLECTIONS, asked, asked_words, chosen)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def exact(corpus: Corpus, within: np.ndarray) -> list[set[str]]:
    """The ten nearest rows to each question, by comparing all."""
    places = np.flatnonzero(within)
    scores = corpus.asked @ corpus.vectors[places].T
    return [set(map(str, places[np.argsort(-row)[:10]])) for row in scores]


def exact_words(corpus: Corpus, within: np.ndarray) -> list[set[str]]:
    """The rows that score as much as the tenth by BM25 over the rows within, or more."""
    places = np.flatnonzero(within)
    names: dict[str, int] = {}
    split = [corpus.words[at].split() for at in places]
    columns = [names.setdefault(word, len(names)) for words in split for word in words]
    rows = np.repeat(np.arange(len(places)), [len(words) for words in split])
    ones = np.ones(len(columns), np.float32)
    counts = scipy.sparse.csc_array((ones, (rows, columns)), shape=(len(places), len(names)))
    lengths = np.array([len(words) for words in split])
    norm = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    found = []
    for asked in corpus.asked_words:
        scores = np.zeros(len(places))
        for word in dict.fromkeys(asked.split()):
            if word not in names:
                continue
            column = counts[:, [names[word]]].tocoo()
            idf = np.log(1 + (len(places) - column.nnz + 0.5) / (column.nnz + 0.5))
            held = column.coords[0]
            scores[held] += idf * column.data * 2.2 / (column.data + norm[held])
        tenth = np.sort(scores)[-10]
        found.append(set(map(str, places[(scores >= tenth - 1e-4) & (scores > 0)])))
    return found


async def build(index: Index, corpus: Corpus) -> float:
    """Write all rows; seconds until everything is indexed."""
    await index.open(Space("bench", WIDTH))
    started = time.perf_counter()
    for first in range(0, len(corpus.words), BATCH):
        last = min(first + BATCH, len(corpus.words))
        await index.upsert(WORKSPACE, [_row(corpus, n) for n in range(first, last)])
    await index.optimise(WORKSPACE)
    return time.perf_counter() - started


def _row(corpus: Corpus, n: int) -> IndexRow:
    collection = f"c{corpus.collection[n]}"
    document = f"doc{n // DOCUMENT}"
    vector = corpus.vectors[n]
    return IndexRow(str(n), document, collection, True, corpus.words[n], vector)


async def timed(
    search: Callable[[int], Awaitable[Sequence[str]]], questions: int, best: list[set[str]] | None
) -> Figure:
    """Ask every question once, one after another, after a few to get warm."""
    for n in range(WARM):
        await search(n % questions)
    seconds, shares = [], []
    for n in range(questions):
        started = time.perf_counter()
        found = await search(n)
        seconds.append(time.perf_counter() - started)
        if best is not None and best[n]:
            shares.append(len(best[n] & set(found)) / min(10, len(best[n])))
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return Figure(float(p50), float(p99), float(np.mean(shares)) if shares else 1.0)


async def ours(url: str, corpus: Corpus, best: dict[str, list[set[str]]]) -> dict[str, Figure]:
    """Build an index and measure every way of searching it. `build` holds seconds as p50."""
    index = choose_index(url)
    everything = Scope(WORKSPACE, frozenset(f"c{n}" for n in range(COLLECTIONS)))
    narrow = Scope(WORKSPACE, frozenset({"c7"}))
    questions = len(corpus.asked)

    def ids(found: Sequence[Found]) -> list[str]:
        return [each.passage_id for each in found]

    async def vector(n: int, scope: Scope) -> list[str]:
        return ids(await index.vector(scope, corpus.asked[n], 10))

    async def keyword(n: int, scope: Scope) -> list[str]:
        return ids(await index.keyword(scope, corpus.asked_words[n], 10))

    async def hybrid(n: int, scope: Scope) -> list[str]:
        words, near = await asyncio.gather(
            index.keyword(scope, corpus.asked_words[n], CANDIDATES),
            index.vector(scope, corpus.asked[n], CANDIDATES),
        )
        fused = fuse(words, near)
        missing = [each.row_id for each in fused[:20] if each.similarity is None]
        await index.vectors(WORKSPACE, missing)
        return [each.passage_id for each in fused[:10]]

    seconds = await build(index, corpus)
    figures = {"build": Figure(seconds, seconds, 1.0)}
    for name, search in {"vector": vector, "keyword": keyword, "hybrid": hybrid}.items():
        for width, scope in {"": everything, ", narrow": narrow}.items():
            known = best.get(name + width)
            figures[name + width] = await timed(
                lambda n, search=search, scope=scope: search(n, scope),  # type: ignore[misc]
                questions,
                known,
            )
    await index.close()
    return figures


def theirs(corpus: Corpus, best: dict[str, list[set[str]]], folder: Path) -> dict[str, Figure]:
    """Chroma and rank-bm25 in an environment and process of their own, over the same rows."""
    np.savez(
        folder / "corpus.npz",
        vectors=corpus.vectors,
        asked=corpus.asked,
        collection=corpus.collection,
    )
    (folder / "words.json").write_text(json.dumps(corpus.words))
    (folder / "asked_words.json").write_text(json.dumps(corpus.asked_words))
    (folder / "best.json").write_text(
        json.dumps({name: [sorted(each) for each in sets] for name, sets in best.items()})
    )
    script = Path(__file__).with_name("peer_search.py")
    run = subprocess.run(
        [str(PEERS), str(script), str(folder)], check=True, capture_output=True, text=True
    )
    return {name: Figure(**figure) for name, figure in json.loads(run.stdout).items()}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--only", choices=["lance", "pgvector"])
    given = parser.parse_args()
    corpus = make(given.rows, given.questions)
    everything = np.ones(given.rows, bool)
    best = {
        "vector": exact(corpus, everything),
        "vector, narrow": exact(corpus, corpus.collection == 7),
        "keyword": exact_words(corpus, everything),
        "keyword, narrow": exact_words(corpus, corpus.collection == 7),
        "hybrid": [{str(row)} for row in corpus.meant],
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peer = theirs(corpus, best, folder) if PEERS.exists() else {}
        for engine in (given.only,) if given.only else ("lance", "pgvector"):
            if engine == "lance":
                url = (folder / "index").as_uri()
            else:
                (folder / "postgres").mkdir()
                url = stack.enter_context(running_server(folder / "postgres"))
            _record(engine, asyncio.run(ours(url, corpus, best)), peer, given.rows)


def _record(engine: str, figures: dict[str, Figure], peer: dict[str, Figure], rows: int) -> None:
    for name, figure in figures.items():
        beside = peer.get(name)
        title = f"search {rows:,}, {engine}, {name}"
        if name == "build":
            record(title, figure.p50, "s", "Chroma", beside.p50 if beside else None)
            continue
        peers = PEERS_OF[name.split(",")[0]]
        record(f"{title}, p50", figure.p50, "ms", peers, beside.p50 if beside else None)
        record(f"{title}, p99", figure.p99, "ms", peers, beside.p99 if beside else None)
        if name != "hybrid, narrow":
            found = beside.recall if beside else None
            record(f"{title}, recall@10", figure.recall, "", peers, found)


if __name__ == "__main__":
    main()
