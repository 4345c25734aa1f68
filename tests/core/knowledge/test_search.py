"""Search: what it finds, what it leaves out, how sure it says it is, and what a rebuild does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from stoa.base.database import Database
from stoa.base.errors import InvalidInput, LimitReached, ProviderError, SetupError, StoaError
from stoa.core.knowledge.index.choose import choose_index
from stoa.core.knowledge.index.index import Found, Index, IndexRow, Scope, Space
from stoa.core.knowledge.index.lance import LanceIndex
from stoa.core.knowledge.index.memory import MemoryIndex
from stoa.core.knowledge.pages import Hit
from stoa.core.knowledge.search import Mode, fuse
from stoa.core.models.embedding import minilm
from stoa.core.models.embedding.encoder_files import EncoderFiles
from stoa.core.models.embedding.words import searchable
from stoa.core.models.reranking.cross_encoder import CrossEncoder
from stoa.core.models.reranking.reranker import Scored
from tests.conftest import lacking
from tests.core.knowledge.building import LEAVE, PUMPS, A, Room
from tests.core.models.cross_encoders import write_cross_encoder

ENERGY = """# Energy report

## Solar

The roof of the north hall carries 412 panels. In June they gave 61,000 kilowatt hours.

## Heating

The gas boiler was replaced by two heat pumps, which cut the bill by a third.
"""


@pytest.fixture
def encoder() -> str:
    """The local encoder, as it is used without a provider."""
    if minilm.find_weights() is None:
        lacking(minilm.PACKAGE)
    return ""


@pytest.fixture
async def room(tmp_path: Path, database: Database, encoder: str) -> AsyncIterator[Room]:
    built = Room(tmp_path, database, model=encoder)
    yield built
    await built.knowledge.close()


@pytest.fixture
async def filled(room: Room) -> Room:
    await room.add(PUMPS, "pumps.md", collection="manuals")
    await room.add(LEAVE, "leave.md", collection="people")
    await room.add(ENERGY, "energy.md", collection="reports")
    return room


ALL = ("manuals", "people", "reports")
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Where the database is only asked what other tests ask both kinds."""


async def ask(room: Room, query: str, *collections: str, mode: Mode = "hybrid") -> list[Hit]:
    return await room.knowledge.search(A, query, collections=collections or ALL, mode=mode)


@on_sqlite
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("How many holidays do I get in a year?", "27 working days"),
        ("What happens when the machine has no water?", "XJ-4410"),
        ("XJ-4410", "XJ-4410"),
        ("renewable electricity in summer", "412 panels"),
        ("how long can new mothers and fathers stay at home", "fourteen months"),
    ],
)
async def test_the_answer_comes_first(filled: Room, query: str, expected: str) -> None:
    hits = await ask(filled, query)
    assert expected in hits[0].passage.text
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


@on_sqlite
async def test_a_reranker_decides_the_order(filled: Room, tmp_path: Path) -> None:
    """It reads whole passages; how sure a hit is stays the embedder's to say."""
    before = {hit.passage.id: hit for hit in await ask(filled, "pump")}
    folder = write_cross_encoder(tmp_path / "mine", {"holiday": 5.0, "heating": 3.0, "Solar": 2.0})
    filled.models.reranker = CrossEncoder("mine", EncoderFiles.of_folder(folder))
    hits = await ask(filled, "pump")
    assert {hit.passage.id for hit in hits} == set(before)
    assert [hit.score for hit in hits[:2]] == [5.0, 2.0]
    assert "holiday" in hits[0].passage.text
    assert hits[0].relevance == before[hits[0].passage.id].relevance
    narrowed = await filled.knowledge.search(A, "pump", collections=ALL, limit=1)
    assert [hit.passage.id for hit in narrowed] == [hits[0].passage.id]


@on_sqlite
async def test_what_stands_beside_comes_with_the_best_of_the_reranker(room: Room) -> None:
    await room.add(
        "\n\n".join(f"# Part {n}\n\n" + f"Word{n} says. " * 600 for n in range(4)), "a.md"
    )
    room.models.reranker = ByLength()
    found = await room.knowledge.search_chosen(
        A, "word0", collections=["manuals"], choose=lambda _, ids: dict.fromkeys(ids), around=1
    )
    best, *rest = [hit for hit, _ in found]
    assert len(best.passage.text) == min(len(hit.passage.text) for hit, _ in found)
    own = best.passage.ordinal
    assert [each and each.ordinal for each in (best.before, best.after)] == [
        own - 1 if own else None,
        own + 1 if own < len(rest) else None,
    ]
    assert all(hit.before is None and hit.after is None for hit in rest)


@on_sqlite
@pytest.mark.parametrize(
    "error",
    [ProviderError("It is down.", retryable=True), LimitReached("Used up.", hint="Wait.")],
)
async def test_without_the_reranker_search_goes_on(filled: Room, error: StoaError) -> None:
    """In the order that rank fusion gives."""
    before = await ask(filled, "pump")
    filled.models.reranker = Failing(error)
    assert await ask(filled, "pump") == before


class ByLength:
    """A reranker that likes short passages."""

    name = "short"

    async def score(self, query: str, texts: Sequence[str]) -> Scored:
        return Scored(np.array([-len(text) for text in texts], np.float32), 0)


class Failing:
    """A reranker that can't be asked now."""

    name = "failing"

    def __init__(self, error: StoaError) -> None:
        self._error = error

    async def score(self, query: str, texts: Sequence[str]) -> Scored:
        raise self._error


@on_sqlite
@pytest.mark.parametrize(
    ("query", "relevant"),
    [
        ("How many days of paid annual leave do employees have?", True),
        ("When must the mechanical seal be replaced?", True),
        ("What does error code XJ-4410 mean?", True),
        ("How many solar panels are on the roof of the north hall?", True),
        ("Who won the chess championship?", False),
        ("What is the capital of Mongolia?", False),
        ("How do I bake bread?", False),
    ],
)
async def test_relevance_tells_answered_from_not(filled: Room, query: str, relevant: bool) -> None:
    hits = await ask(filled, query)
    assert any(hit.relevant for hit in hits) == relevant
    for hit in hits:
        assert 0 <= hit.relevance <= 1
        assert hit.relevant == (hit.relevance >= 0.5)


async def test_all_three_ways_agree_on_relevance(filled: Room) -> None:
    """A passage found by words alone gets the same cosine as one found by its vector."""
    query = "mechanical seal of the pump"
    found = {
        mode: {hit.passage.id: hit for hit in await ask(filled, query, mode=mode)}
        for mode in ("hybrid", "keyword", "vector")
    }
    assert found["keyword"].keys() <= found["hybrid"].keys()
    for passage_id, hit in found["keyword"].items():
        assert hit.relevance == pytest.approx(found["vector"][passage_id].relevance, abs=1e-4)


async def test_only_the_collections_that_were_asked_for(filled: Room) -> None:
    query = "How many days of annual leave?"
    assert await ask(filled, query, "people")
    for mode in ("hybrid", "keyword", "vector"):
        texts = [hit.passage.text for hit in await ask(filled, query, "manuals", mode=mode)]
        assert not any("annual leave" in text for text in texts)
    assert await filled.knowledge.search(A, query, collections=[]) == []
    assert await filled.knowledge.search(A, query, collections=ALL, documents=[]) == []
    assert await filled.knowledge.search(A, query, collections=["no such"]) == []


async def test_only_the_documents_that_were_asked_for(filled: Room) -> None:
    other = (await ask(filled, "pump", "manuals"))[0].passage.document_id
    hits = await filled.knowledge.search(A, "annual leave", collections=ALL, documents=[other])
    assert {hit.passage.document_id for hit in hits} == {other}


@on_sqlite
@pytest.mark.parametrize("query", ["", "   ", "\n\t"])
async def test_no_question_no_hits(filled: Room, query: str) -> None:
    assert await ask(filled, query) == []


@on_sqlite
@pytest.mark.parametrize(
    "query",
    ["?!", "the of and", "\x00", "'; DROP TABLE --", "💥" * 50, "a" * 50_000],
    ids=["marks", "common", "nul", "sql", "pictures", "endless"],
)
async def test_odd_questions_break_nothing(filled: Room, query: str) -> None:
    for mode in ("hybrid", "keyword", "vector"):
        hits = await ask(filled, query, mode=mode)
        assert not any(hit.relevant for hit in hits)


@on_sqlite
@pytest.mark.parametrize("limit", [0, -1, 101])
async def test_limits_are_bounded(filled: Room, limit: int) -> None:
    with pytest.raises(InvalidInput):
        await filled.knowledge.search(A, "pump", collections=ALL, limit=limit)


async def test_the_far_end_of_a_long_passage_is_found(room: Room) -> None:
    """A small encoder takes in 256 tokens; what stands beyond them counts just as much."""
    filler = "The committee met and took note of the minutes of the meeting before. " * 45
    await room.add(
        f"{filler}\n\nThe lighthouse keeper feeds three penguins every morning.", "a.txt"
    )
    await room.add(filler + filler[:300], "b.txt")
    hits = await room.knowledge.search(
        A, "birds being given food", collections=["manuals"], mode="vector"
    )
    assert "penguins" in hits[0].passage.text
    assert len(hits[0].passage.text) > 2500


async def test_the_title_helps_words_to_find_it(room: Room) -> None:
    await room.add("# Zebra handbook\n\nFeed them twice a day.\n", "z.md")
    await room.add("# Lion handbook\n\nFeed them once a day.\n", "l.md")
    hits = await room.knowledge.search(A, "zebra", collections=["manuals"], mode="keyword")
    assert len(hits) == 1
    assert "twice" in hits[0].passage.text


def test_fusion_by_rank() -> None:
    def found(*passages: str) -> list[Found]:
        return [Found(f"{each}.0", 1.0) for each in passages]

    ordered = fuse(found("a", "b", "b", "c"), found("c", "a"))
    fused = {each.passage_id: each for each in ordered}
    assert [each.passage_id for each in ordered] == ["a", "c", "b"]
    assert fused["a"].score == pytest.approx(0.75 / 11 + 1 / 12)
    assert fused["b"].score == pytest.approx(0.75 / 12)
    assert fused["c"].score == pytest.approx(
        0.75 / 13 + 1 / 11
    )  # the second window of b took no rank
    assert fused["b"].similarity is None


def test_what_only_words_find_is_among_the_first_ten() -> None:
    """A part number says nothing to an encoder."""
    by_words = [Found(f"{name}.0", 1.0) for name in ("part", "other")]
    by_meaning = [Found(f"near{number}.0", 0.5) for number in range(40)]
    ordered = [each.passage_id for each in fuse(by_words, by_meaning)]
    assert ordered.index("part") == 4
    assert ordered.index("other") < 10


async def test_another_embedder_means_a_rebuild(
    tmp_path: Path, database: Database, encoder: str
) -> None:
    before = Room(tmp_path, database, model="hashed")
    source, _ = await before.add(PUMPS)
    hidden = (await before.add(LEAVE))[0]
    await before.knowledge.withdraw(A, hidden.document_id)
    await before.knowledge.close()

    after = Room(tmp_path, database, model=encoder)
    assert await after.knowledge.prepare() == 2
    with pytest.raises(SetupError, match="not indexed yet") as refused:
        await ask(after, "pump seal", "manuals")
    assert "rebuild-index" in refused.value.hint
    assert await ask(after, "pump seal", "people") == []
    assert await after.knowledge.rebuild() == 2
    assert await after.knowledge.prepare() == 0
    assert await after.knowledge.rebuild() == 0
    hits = await ask(after, "When is the seal replaced?", "manuals")
    assert {hit.passage.document_id for hit in hits} == {source.document_id}
    folders = [path for path in (after.home / "index").iterdir() if path.is_dir()]
    assert len(folders) == 1, "what the embedder before left is gone"
    await after.knowledge.publish(A, hidden.document_id)
    assert await ask(after, "parental leave", "manuals")
    await after.knowledge.close()


async def test_a_lost_index_is_made_again(tmp_path: Path, database: Database) -> None:
    room = Room(tmp_path, database, index=MemoryIndex())
    source, _ = await room.add(PUMPS)
    await room.knowledge.close()
    again = Room(tmp_path, database, index=MemoryIndex())
    assert await ask(again, "pump", "manuals") == []
    for _ in range(2):
        assert await again.knowledge.rebuild(A, everything=True) == 1
        assert await ask(again, "pump", "manuals")
    passages, missing, windows = await again.knowledge._records.totals(A, source.document_id)
    assert passages > 0
    assert missing == 0
    assert await again.index.count(A) == windows


async def test_one_index_from_two_event_loops(tmp_path: Path, database: Database) -> None:
    """Durable work may run on a loop of its own, in another thread."""
    room = Room(tmp_path, database)
    await asyncio.to_thread(lambda: asyncio.run(room.add(PUMPS)))
    assert await ask(room, "pump", "manuals")
    await asyncio.to_thread(lambda: asyncio.run(room.add(LEAVE)))
    assert await ask(room, "parental leave", "manuals")
    await room.knowledge.close()


# A narrow filter must not starve: measured against exact search at a few ten thousand rows.

_ROWS, _WIDTH, _DOCUMENTS, _QUESTIONS = 30_000, 128, 600, 60


def _clustered(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows around topics, and questions near some of them, as embeddings of texts are."""
    topics = rng.normal(size=(200, _WIDTH))
    rows = topics[rng.integers(0, 200, _ROWS)] * 0.8 + rng.normal(size=(_ROWS, _WIDTH))
    asked = rows[rng.integers(0, _ROWS, _QUESTIONS)] + 0.6 * rng.normal(size=(_QUESTIONS, _WIDTH))
    return _unit(rows), _unit(asked)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _recall(found: Sequence[Sequence[Found]], exact: np.ndarray) -> float:
    shared = [
        len({int(hit.passage_id) for hit in hits} & set(best.tolist()))
        for hits, best in zip(found, exact, strict=True)
    ]
    return sum(shared) / exact.size


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("engine", ["lance", "pgvector"])
async def test_a_narrow_filter_does_not_starve(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    index: Index = (
        LanceIndex(tmp_path / "index")
        if engine == "lance"
        else choose_index(request.getfixturevalue("postgres_url"))
    )
    await index.open(Space("test", _WIDTH))
    rows, asked = _clustered(np.random.default_rng(7))
    document = np.arange(_ROWS) % _DOCUMENTS
    for first in range(0, _ROWS, 5_000):
        await index.upsert(
            A,
            [
                IndexRow(
                    str(n),
                    f"doc{document[n]}",
                    f"c{document[n] % 50}",
                    True,
                    searchable(f"row {n} of document {document[n]}"),
                    rows[n],
                )
                for n in range(first, first + 5_000)
            ],
        )
    await index.optimise(A)
    everything = frozenset(f"c{n}" for n in range(50))
    narrow_documents = frozenset(f"doc{n}" for n in range(0, _DOCUMENTS, 50))
    cases = {
        "all": (Scope(A, everything), np.ones(_ROWS, bool)),
        "one collection of 50": (Scope(A, frozenset({"c7"})), document % 50 == 7),
        "2 % of the documents": (Scope(A, everything, narrow_documents), document % 50 == 0),
        "a third": (Scope(A, frozenset(f"c{n}" for n in range(17))), document % 50 < 17),
    }
    for name, (scope, within) in cases.items():
        places = np.flatnonzero(within)
        exact = places[np.argsort(-(asked @ rows[places].T), axis=1)[:, :10]]
        found = [await index.vector(scope, question, 10) for question in asked]
        assert all(len(hits) == 10 for hits in found), name
        assert _recall(found, exact) >= (0.98 if "2 %" in name or "50" in name else 0.9), name
        words = [await index.keyword(scope, searchable("row document"), 10) for _ in range(3)]
        assert all(len(hits) == 10 for hits in words), name
    await index.close()
