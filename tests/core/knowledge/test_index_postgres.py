"""PostgreSQL with pgvector keeps to the seam."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import sqlalchemy as sa

from stoa.base.errors import SetupError
from stoa.core.knowledge.index import postgres, postgres_words
from stoa.core.knowledge.index.choose import choose_index
from stoa.core.knowledge.index.index import Index, Space
from tests.core.knowledge.index_conformance import SPACE, IndexConformance, row, scope


class TestPostgresIndex(IndexConformance):
    @pytest.fixture
    async def index(self, postgres_url: str) -> AsyncIterator[Index]:
        opened = choose_index(postgres_url)
        await opened.open(SPACE)
        yield opened
        await opened.close()


async def test_a_server_that_is_not_there_is_named() -> None:
    index = choose_index("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(SetupError, match="search index"):
        await index.open(SPACE)
    await index.close()


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "postgresql://[broken"])
def test_an_unknown_engine_is_refused(url: str) -> None:
    with pytest.raises(SetupError):
        choose_index(url)


@pytest.mark.parametrize("dimensions", [32, 2_048])
async def test_the_vector_index_comes_when_it_is_needed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, dimensions: int
) -> None:
    """Also for wide vectors, which are indexed as half floats, and after a build was cut off."""
    monkeypatch.setattr(postgres, "_INDEX_FROM", 50)
    monkeypatch.setattr(postgres, "_EXACT_UP_TO", 10)
    index = choose_index(postgres_url)
    await index.open(Space("wide", dimensions))
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [row(n, "pump", vector=vectors[n]) for n in range(60)]
    await index.upsert("workspace_a", rows[:40])
    await index.optimise("workspace_a")
    engine = sa.create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))

    def valid() -> list[bool]:
        with engine.begin() as connection:
            asked = "SELECT indisvalid FROM pg_index WHERE indexrelid::regclass::text LIKE '%near'"
            return list(connection.scalars(sa.text(asked)))

    assert valid() == []
    await index.upsert("workspace_a", rows[40:])
    await asyncio.gather(*(index.optimise("workspace_a") for _ in range(2)))
    assert valid() == [True]
    with engine.begin() as connection:
        cut = "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%near'"
        connection.execute(sa.text(cut))
    await index.optimise("workspace_a")
    assert valid() == [True]
    found = await index.vector(scope(), vectors[7], 10)
    assert found[0].passage_id == "psg_7"
    assert found[0].score == pytest.approx(1, abs=2e-3)
    assert len(found) == 10
    kept = await index.vectors("workspace_a", ["psg_7.0"])
    np.testing.assert_allclose(kept["psg_7.0"], vectors[7], atol=1e-3)
    engine.dispose()
    await index.close()


async def test_a_new_word_is_found_at_once_where_counts_are_remembered(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_words, "_COUNTS_FROM", 1)
    index = choose_index(postgres_url)
    await index.open(SPACE)
    await index.upsert("workspace_a", [row(n, "pump") for n in range(20)])
    assert await index.keyword(scope(), "valv pump", 30)
    assert await index.keyword(scope(), "valv", 30) == []
    await index.upsert("workspace_a", [row(50, "valve")])
    assert [hit.passage_id for hit in await index.keyword(scope(), "valv", 30)] == ["psg_50"]
    await index.delete("workspace_a", ["doc_1"])
    assert await index.keyword(scope(), "valv pump", 30) == []
    await index.close()
