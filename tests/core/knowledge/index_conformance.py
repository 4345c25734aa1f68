"""What every search engine behind the `Index` seam must do. Inherit it and give an `index` fixture."""

import asyncio

import numpy as np
import pytest

from stoa.base.errors import Bug
from stoa.core.knowledge.index.index import Index, IndexRow, Scope, Space
from stoa.core.models.embedding.words import searchable

DIMENSIONS = 32
SPACE = Space("test-embedder", DIMENSIONS)
A, B = "workspace_a", "workspace_b"


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def row(number: int, text: str = "", **given: object) -> IndexRow:
    values: dict[str, object] = {
        "passage_id": f"psg_{number}",
        "document_id": "doc_1",
        "collection": "manuals",
        "live": True,
        "words": searchable(text),
        "vector": unit(number),
    }
    return IndexRow(**{**values, **given})  # type: ignore[arg-type]


def scope(*collections: str, workspace: str = A, documents: set[str] | None = None) -> Scope:
    within = None if documents is None else frozenset(documents)
    return Scope(workspace, frozenset(collections or ("manuals",)), within)


class IndexConformance:
    """The suite."""

    async def test_an_empty_index_finds_nothing(self, index: Index) -> None:
        assert await index.vector(scope(), unit(1), 5) == []
        assert await index.keyword(scope(), "pump", 5) == []
        assert await index.vectors(A, ["psg_1.0"]) == {}
        assert await index.count(A) == 0
        await index.delete(A, ["doc_1"])
        await index.delete(A)
        await index.optimise(A)

    async def test_nearest_first_with_the_exact_cosine(self, index: Index) -> None:
        await index.upsert(A, [row(number) for number in range(50)])
        near = unit(7) + 0.3 * unit(1000)
        near /= np.linalg.norm(near)
        found = await index.vector(scope(), near, 10)
        exact = sorted(range(50), key=lambda number: -float(unit(number) @ near))[:10]
        assert [hit.passage_id for hit in found] == [f"psg_{number}" for number in exact]
        assert found[0].passage_id == "psg_7"
        for hit, number in zip(found, exact, strict=True):
            assert hit.score == pytest.approx(float(unit(number) @ near), abs=1e-5)

    async def test_keyword_finds_forms_of_a_word_and_prefers_the_rare(self, index: Index) -> None:
        texts = [
            "The pump is installed",
            "Pumps and valves",
            "Valves made of brass",
            "Valve overview list",
        ]
        texts += ["The pumping station keeps running"] + ["pumps everywhere"] * 20
        await index.upsert(A, [row(number, text) for number, text in enumerate(texts)])
        found = await index.keyword(scope(), searchable("Which valves?"), 10)
        assert {hit.passage_id for hit in found} == {"psg_1", "psg_2", "psg_3"}
        both = await index.keyword(scope(), searchable("pump valve"), 10)
        assert both[0].passage_id == "psg_1"
        assert {"psg_2", "psg_3"} == {hit.passage_id for hit in both[1:3]}
        scores = [hit.score for hit in both]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) > 0
        kept = await index.vectors(A, [hit.id for hit in both])
        for hit in both:  # an engine may bring vectors along; then they are the rows' own
            assert hit.vector is None or np.allclose(hit.vector, kept[hit.id], atol=1e-6)

    async def test_keyword_in_other_scripts(self, index: Index) -> None:
        texts = [
            "Die Prüfung der Häuser",
            "泵的维护手册",
            "Инструкция по насосу",
            "دليل المضخة",
            "Ñandú",
        ]
        await index.upsert(A, [row(number, text) for number, text in enumerate(texts)])
        for number, query in enumerate(["PRUFUNG", "维护", "насосу", "المضخة", "nandu"]):
            found = await index.keyword(scope(), searchable(query), 5)
            assert [hit.passage_id for hit in found] == [f"psg_{number}"], query

    @pytest.mark.parametrize(
        "query", ["", "'", "a' OR '1'='1", "& | ! ( ) : * <->", "\\", "%_", "\x00"]
    )
    async def test_no_query_breaks_it(self, index: Index, query: str) -> None:
        await index.upsert(A, [row(1, "plain text")])
        assert await index.keyword(scope(), searchable(query), 5) == []

    async def test_a_long_query_is_answered(self, index: Index) -> None:
        await index.upsert(A, [row(1, "plain text")])
        query = searchable(" ".join(f"word{number}" for number in range(2000)) + " plain")
        assert [hit.passage_id for hit in await index.keyword(scope(), query, 5)] == ["psg_1"]

    async def test_the_scope_holds_in_the_query(self, index: Index) -> None:
        await index.upsert(A, [row(1, "pump", collection="secret", document_id="doc_s")])
        await index.upsert(
            A, [row(n, "pump", document_id=f"doc_{n}", vector=unit(n)) for n in range(2, 9)]
        )
        for hits in (
            await index.vector(scope(), unit(1), 10),
            await index.keyword(scope(), "pump", 10),
        ):
            assert len(hits) == 7
            assert "psg_1" not in {hit.passage_id for hit in hits}
        narrow = scope(documents={"doc_3", "doc_4", "doc_s"})
        for hits in (
            await index.vector(narrow, unit(1), 10),
            await index.keyword(narrow, "pump", 9),
        ):
            assert {hit.passage_id for hit in hits} == {"psg_3", "psg_4"}
        wide = await index.vector(scope("manuals", "secret"), unit(1), 1)
        assert wide[0].passage_id == "psg_1"

    async def test_what_one_may_not_read_changes_neither_order_nor_scores(
        self, index: Index
    ) -> None:
        words = ["valve", *["seal"] * 8, *["pump"] * 40]
        texts = [f"{word} {'casing ' * (n % 5)}" for n, word in enumerate(words)]
        texts += ["valve seal pump", "quixotrope pump"]
        await index.upsert(A, [row(number, text) for number, text in enumerate(texts)])
        questions = [searchable(each) for each in ("valve seal", "quixotrope seal pump", "pump")]

        async def found() -> list[tuple[str, float]]:
            hits = [await index.keyword(scope(), each, 30) for each in questions]
            hits += [await index.vector(scope(), unit(number), 30) for number in range(3)]
            return [(hit.id, round(hit.score, 6)) for each in hits for hit in each]

        before = await found()
        long = "quixotrope valve valve " + "casing " * 30
        closed = [
            row(1000 + n, long, collection="secret", document_id="doc_s", vector=unit(n % 3))
            for n in range(300)
        ]
        draft = [row(2000 + n, long, live=False, document_id="doc_d") for n in range(30)]
        await index.upsert(A, closed + draft)
        await index.upsert(B, [row(n, long) for n in range(100)])
        await index.optimise(A)
        assert await found() == before
        await index.delete(A, ["doc_s", "doc_d"])
        assert await found() == before

    async def test_no_collection_and_no_document_find_nothing(self, index: Index) -> None:
        await index.upsert(A, [row(1, "pump")])
        for none in (Scope(A, frozenset()), scope(documents=set())):
            assert await index.vector(none, unit(1), 5) == []
            assert await index.keyword(none, "pump", 5) == []
        with pytest.raises(Bug):
            Scope("", frozenset({"manuals"}))

    async def test_workspaces_never_meet(self, index: Index) -> None:
        await index.upsert(A, [row(1, "pump")])
        await index.upsert(B, [row(1, "valve", vector=unit(2)), row(3, "valve")])
        assert [hit.score for hit in await index.vector(scope(), unit(2), 5)] == pytest.approx(
            [float(unit(1) @ unit(2))], abs=1e-5
        )
        assert await index.keyword(scope(), "valv", 5) == []
        assert (await index.vectors(A, ["psg_1.0", "psg_3.0"])).keys() == {"psg_1.0"}
        await index.delete(A, ["doc_1"])
        await index.set_live(A, "doc_1", False)
        assert (await index.count(A), await index.count(B)) == (0, 2)
        assert len(await index.vector(scope(workspace=B), unit(2), 5)) == 2

    @pytest.mark.parametrize("name", ["it's", 'a"b', "x' OR '1'='1", "ünï", "%", "a\\b"])
    async def test_names_are_data(self, index: Index, name: str) -> None:
        await index.upsert(A, [row(1, "pump", collection=name, document_id=name), row(2, "pump")])
        assert [h.passage_id for h in await index.keyword(scope(name), "pump", 5)] == ["psg_1"]
        assert [h.passage_id for h in await index.vector(scope(name), unit(2), 5)] == ["psg_1"]
        await index.set_live(A, name, False)
        assert await index.keyword(scope(name), "pump", 5) == []
        await index.delete(A, [name])
        assert (await index.count(A, name), await index.count(A)) == (0, 1)

    async def test_upsert_replaces_by_id(self, index: Index) -> None:
        await index.upsert(A, [row(1, "pump"), row(2, "valve")])
        await index.upsert(A, [row(1, "motor", vector=unit(9)), row(3, "belt")])
        await index.upsert(A, [])
        assert await index.count(A) == 3
        assert await index.keyword(scope(), "pump", 5) == []
        assert len(await index.keyword(scope(), "motor", 5)) == 1
        kept = await index.vectors(A, ["psg_1.0", "psg_2.0", "psg_none.0"])
        assert kept.keys() == {"psg_1.0", "psg_2.0"}
        np.testing.assert_allclose(kept["psg_1.0"], unit(9), atol=1e-6)

    async def test_only_live_rows_are_found(self, index: Index) -> None:
        rows = [row(n, "pump", document_id=f"doc_{n % 2}", live=False) for n in range(10)]
        await index.upsert(A, rows)
        assert await index.vector(scope(), unit(1), 20) == []
        assert await index.keyword(scope(), "pump", 20) == []
        for _ in range(2):
            await index.set_live(A, "doc_1", True)
        odd = {f"psg_{n}" for n in range(1, 10, 2)}
        assert {hit.passage_id for hit in await index.vector(scope(), unit(1), 20)} == odd
        assert len(await index.keyword(scope(), "pump", 20)) == 5
        await index.set_live(A, "doc_1", False)
        assert await index.vector(scope(), unit(1), 20) == []
        assert await index.count(A, "doc_1") == 5

    async def test_delete_takes_only_what_was_named(self, index: Index) -> None:
        await index.upsert(A, [row(n, "pump", document_id=f"doc_{n % 4}") for n in range(40)])
        await index.delete(A, ["doc_0", "doc_1", "doc_none"])
        await index.delete(A, ["doc_0"])
        await index.delete(A, [])
        assert await index.count(A) == 20
        rest = {f"psg_{n}" for n in range(40) if n % 4 in (2, 3)}
        assert {hit.passage_id for hit in await index.keyword(scope(), "pump", 40)} == rest
        assert len(await index.vector(scope(), unit(1), 40)) == 20
        await index.upsert(A, [row(100, "pump", document_id="doc_0")])
        assert await index.count(A, "doc_0") == 1
        await index.delete(A)
        assert await index.count(A) == 0
        await index.upsert(A, [row(1, "pump")])
        assert len(await index.keyword(scope(), "pump", 5)) == 1

    async def test_writers_and_readers_at_once(self, index: Index) -> None:
        async def write(batch: int) -> None:
            rows = [row(batch * 100 + n, "pump", document_id=f"doc_{batch}") for n in range(20)]
            await index.upsert(A, rows)
            await index.set_live(A, f"doc_{batch}", batch % 2 == 0)

        async def read() -> None:
            for _ in range(10):
                await index.vector(scope(), unit(1), 5)
                await index.keyword(scope(), "pump", 5)

        await asyncio.gather(*(write(batch) for batch in range(8)), read(), read())
        assert await index.count(A) == 160
        assert len(await index.keyword(scope(), "pump", 500)) == 80

    async def test_another_space_starts_empty_and_the_old_one_can_be_dropped(
        self, index: Index
    ) -> None:
        await index.upsert(A, [row(1, "pump")])
        other = Space("another-embedder", 8)
        await index.open(other)
        assert await index.count(A) == 0
        short = np.zeros(8, np.float32)
        short[0] = 1
        await index.upsert(A, [row(1, "pump", vector=short)])
        await index.open(SPACE)
        assert len(await index.vector(scope(), unit(1), 5)) == 1
        await index.open(other)
        await index.drop_other_spaces()
        assert await index.count(A) == 1
        await index.open(SPACE)
        assert await index.count(A) == 0
