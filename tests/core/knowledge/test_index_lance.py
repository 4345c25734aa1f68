"""LanceDB keeps to the seam, and what only it must do: leave nothing behind, survive kill -9."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoa.core.knowledge.index.index import Index
from stoa.core.knowledge.index.lance import LanceIndex, _fragments
from tests.core.knowledge.index_conformance import SPACE, IndexConformance, row, scope, unit


class TestLanceIndex(IndexConformance):
    @pytest.fixture
    async def index(self, tmp_path: Path) -> AsyncIterator[Index]:
        opened = LanceIndex(tmp_path / "index")
        await opened.open(SPACE)
        yield opened
        await opened.close()


async def test_many_small_documents_are_put_together(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path / "index")
    await index.open(SPACE)
    for number in range(110):
        await index.upsert("workspace_a", [row(number, "pump", document_id=f"doc_{number}")])
    await index.optimise("workspace_a")
    table = index._table("workspace_a")
    assert table is not None
    assert _fragments(table) < 10
    assert len(await index.keyword(scope(), "pump", 200)) == 110
    await index.close()


async def test_a_search_under_way_survives_a_purge(tmp_path: Path) -> None:
    """Another process may hold the version before; its files go, and it looks again."""
    ours, theirs = LanceIndex(tmp_path / "index"), LanceIndex(tmp_path / "index")
    for index in (ours, theirs):
        await index.open(SPACE)
    await ours.upsert(
        "workspace_a", [row(number, "pump", document_id=f"doc_{number}") for number in range(40)]
    )
    assert len(await theirs.keyword(scope(), "pump", 50)) == 40
    for number in range(3):
        deleting = asyncio.create_task(ours.delete("workspace_a", [f"doc_{number}"]))
        while not deleting.done():
            hits = await theirs.vector(scope(), unit(1), 50)
            assert 40 - number - 1 <= len(hits) <= 40 - number
        await deleting
    assert len(await theirs.keyword(scope(), "pump", 50)) == 37
    for index in (ours, theirs):
        await index.close()
