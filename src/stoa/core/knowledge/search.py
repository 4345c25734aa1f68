"""Hybrid search: by words and by meaning at once, fused by rank, checked against the database; where a
reranker is configured, it reads the best of them and puts them in order.

Reciprocal rank fusion (Cormack et al. 2009), weighted, needs no common scale of the two scores. What the index
offers is only believed after the database has said that the document is published, in a collection
that was asked for, and chosen by the caller; so an index that lags behind, or lies, can't leak a
passage. All that is asked of the database is asked in one transaction: of one moment, and at one price.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np

from stoa.base.errors import InvalidInput, LimitReached, ProviderError, SetupError
from stoa.base.telemetry import get_logger, metrics
from stoa.core.knowledge.index.index import Found, Scope, Space
from stoa.core.knowledge.indexing import Indexer
from stoa.core.knowledge.pages import Around, Hit, Passage
from stoa.core.knowledge.records import Choose, Live, Records
from stoa.core.models.embedding.words import coverage, words
from stoa.core.models.models import Models

_log = get_logger(__name__)

T = TypeVar("T")

Mode = Literal["hybrid", "keyword", "vector"]

_RANK_CONSTANT = 10
"""The published 60 makes the first ranks nearly equal; ten are read for an answer, so they matter more."""
_WEIGHT_OF_WORDS = 0.75
"""Beside meaning, which finds more: a passage that only its words find is still among the first ten."""
_CANDIDATES = 40
"""Windows that each search offers. Of 100, what both rank low pushed out what one ranks high."""
_CANDIDATES_A_HIT = 4
_MOST_CANDIDATES = 640
_SPARE = 10
"""Read from the database beyond what is wanted, because some may be withdrawn since."""
_MOST = 100
_RERANKED = 30
"""Passages that a reranker reads: a local one takes a second of a core for so many long ones."""
_RELEVANT = 0.5
_LONGEST_QUERY = 8_000
_MOST_WORDS = 64


@dataclass
class Candidate:
    """A passage that at least one of the searches offered."""

    passage_id: str
    row_id: str
    score: float = 0.0
    similarity: float | None = None
    page: int = 1
    """Where the window stands that was found first."""


@dataclass(frozen=True)
class _Asked(Generic[T]):
    """What is searched for, and how much of it."""

    scope: Scope
    query: str
    mode: Mode
    most: int
    choose: Choose[T]
    around: int


@dataclass
class _Shown(Generic[T]):
    """What may be shown, best first."""

    vector: np.ndarray
    """The query's."""
    is_cut: bool
    """Whether an index may have more to offer."""
    best: list[tuple[Passage, Candidate]] = field(default_factory=list)
    chosen: dict[str, T] = field(default_factory=dict)
    around: dict[str, Around] = field(default_factory=dict)


class Searcher:
    """Searches with one index and one embedder."""

    def __init__(self, records: Records, indexer: Indexer, models: Models) -> None:
        self._records = records
        self._indexer = indexer
        self._models = models

    async def search(
        self,
        scope: Scope,
        query: str,
        *,
        limit: int,
        mode: Mode,
        choose: Choose[T],
        around: int = 0,
    ) -> list[tuple[Hit, T]]:
        """Best passages first, each with what `choose` knows of its document.

        `around`: of how many of the best to read the passages before and after, too.

        Raises:
            InvalidInput: `limit` beyond 1 to 100.
            SetupError: documents of the scope wait for being indexed for another embedder.
        """
        if not 1 <= limit <= _MOST:
            raise InvalidInput(f"limit is {limit}.", hint=f"Use 1 to {_MOST}.")
        query = query.strip()[:_LONGEST_QUERY]
        if not query or scope.is_empty:
            return []
        reranks = self._models.reranks
        asked = _Asked(
            scope,
            query,
            mode,
            most=max(limit, _RERANKED) if reranks else limit,
            choose=choose,
            around=0 if reranks else around,
        )
        wanted = max(_CANDIDATES, limit * _CANDIDATES_A_HIT)
        shown = await self._shown(asked, wanted)
        while len(shown.best) < limit and shown.is_cut and wanted < _MOST_CANDIDATES:
            wanted *= 4  # many windows of few passages, or much that may not be shown
            shown = await self._shown(asked, wanted, shown.vector)
        best = (await self._reranked(scope, query, shown.best))[:limit]
        beside = shown.around
        if reranks and around and best:
            nearest = [passage.id for passage, _ in best[:around]]
            beside = await self._records.around(scope.workspace, nearest)
        metrics.passages_found.inc(len(best))
        hits = await asyncio.to_thread(self._judge, query, best, beside)
        return [(hit, shown.chosen[hit.passage.document_id]) for hit in hits]

    async def _shown(
        self, asked: "_Asked[T]", wanted: int, known: np.ndarray | None = None
    ) -> "_Shown[T]":
        """The best of what either search offers with `wanted` windows, as far as it may be shown.

        `known`: the query's vector, where it was made before.
        """
        space = await self._indexer.space()
        by_words, (vector, by_meaning) = await asyncio.gather(
            self._by_words(asked.scope, asked.query, wanted if asked.mode != "vector" else 0),
            self._by_meaning(asked, wanted if asked.mode != "keyword" else 0, known),
        )
        ordered = fuse(by_words, by_meaning)
        near = {each.id: each.vector for each in by_words if each.vector is not None}
        shown: _Shown[T] = _Shown(vector, wanted in (len(by_words), len(by_meaning)))
        at_once = asked.most + _SPARE
        for first in range(0, max(len(ordered), 1), at_once):
            some = ordered[first : first + at_once]
            _, live = await asyncio.gather(
                self._compare(asked.scope, some, vector, near),
                self._live(asked, some, space, max(0, asked.around - len(shown.best))),
            )
            shown.chosen.update(live.chosen)
            shown.around.update(live.around)
            shown.best += [
                (live.passages[each.passage_id], each)
                for each in some
                if each.passage_id in live.passages and each.similarity is not None
            ]
            if len(shown.best) >= asked.most:
                break
        del shown.best[asked.most :]
        return shown

    async def _live(
        self, asked: "_Asked[T]", candidates: Sequence[Candidate], space: Space, around: int
    ) -> Live[T]:
        """What the database says of them."""
        documents = asked.scope.documents
        live = await self._records.live(
            asked.scope.workspace,
            [each.passage_id for each in candidates],
            collections=sorted(asked.scope.collections),
            documents=None if documents is None else sorted(documents),
            space=space.id,
            choose=asked.choose,
            around=around,
        )
        if live.waiting:
            raise SetupError(
                f"{live.waiting} documents are not indexed yet for the embedder '{space.embedder}'.",
                hint="Wait for the rebuild of the index, or start it: stoa admin rebuild-index.",
            )
        return live

    async def _by_words(self, scope: Scope, query: str, wanted: int) -> list[Found]:
        asked = list(dict.fromkeys(words(query)))[:_MOST_WORDS]
        if not asked or not wanted:
            return []
        return await self._indexer.index.keyword(scope, " ".join(asked), wanted)

    async def _by_meaning(
        self, asked: "_Asked[T]", wanted: int, vector: np.ndarray | None
    ) -> tuple[np.ndarray, list[Found]]:
        """The query's vector, and what lies near it."""
        if vector is None:
            [vector] = await self._models.embed(
                [asked.query], workspace=asked.scope.workspace, kind="query"
            )
        if not wanted:
            return vector, []
        return vector, await self._indexer.index.vector(asked.scope, vector, wanted)

    async def _compare(
        self,
        scope: Scope,
        candidates: Sequence[Candidate],
        vector: np.ndarray,
        known: Mapping[str, np.ndarray],
    ) -> None:
        """Give a similarity to those that only the keyword search found. `known`: its vectors."""
        unknown = [each for each in candidates if each.similarity is None]
        ids = [each.row_id for each in unknown if each.row_id not in known]
        read = await self._indexer.index.vectors(scope.workspace, ids) if ids else {}
        vectors = {**known, **read}
        for each in unknown:
            if each.row_id in vectors:
                each.similarity = float(vectors[each.row_id] @ vector)

    async def _reranked(
        self, scope: Scope, query: str, found: list[tuple[Passage, Candidate]]
    ) -> list[tuple[Passage, Candidate]]:
        """In the reranker's order; as they are where there is none, or where it can't be asked now:
        an answer in a lesser order is better than none."""
        if not self._models.reranks or not found:
            return found
        texts = [f"{passage.heading}\n{passage.text}".strip() for passage, _ in found]
        try:
            scores = await self._models.rerank(query, texts, workspace=scope.workspace)
        except (ProviderError, LimitReached) as error:
            _log.warning("not reranked", reason=str(error))
            return found
        for (_, candidate), score in zip(found, scores, strict=True):
            candidate.score = float(score)
        return sorted(found, key=lambda each: -each[1].score)

    def _judge(
        self,
        query: str,
        best: Sequence[tuple[Passage, Candidate]],
        beside: Mapping[str, Around],
    ) -> list[Hit]:
        """How surely each passage answers the query, by the embedder's calibration."""
        asked, calibration = words(query), self._indexer.embedder.calibration
        hits = []
        for passage, candidate in best:
            share = coverage(asked, words(f"{passage.heading} {passage.text}"))
            relevance = calibration.relevance(candidate.similarity or 0.0, share)
            before, after = beside.get(passage.id, (None, None))
            hits.append(
                Hit(
                    passage=passage,
                    page=candidate.page,
                    score=candidate.score,
                    relevance=relevance,
                    relevant=relevance >= _RELEVANT,
                    before=before,
                    after=after,
                )
            )
        return hits


def fuse(by_words: Sequence[Found], by_meaning: Sequence[Found]) -> list[Candidate]:
    """Candidates, best first. Of several windows of a passage its best one counts."""
    candidates: dict[str, Candidate] = {}
    for found, weight in ((by_words, _WEIGHT_OF_WORDS), (by_meaning, 1.0)):
        rank = 0
        seen: set[str] = set()
        for each in found:
            if each.passage_id in seen:
                continue
            seen.add(each.passage_id)
            rank += 1
            candidate = candidates.setdefault(
                each.passage_id, Candidate(each.passage_id, each.id, page=each.page)
            )
            candidate.score += weight / (_RANK_CONSTANT + rank)
            if found is by_meaning:
                candidate.similarity = each.score
    return sorted(
        candidates.values(),
        key=lambda each: (-each.score, -(each.similarity or 0), each.passage_id),
    )
