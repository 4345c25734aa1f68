"""The index in memory keeps to the seam."""

from collections.abc import AsyncIterator

import pytest

from stoa.core.knowledge.index.index import Index
from stoa.core.knowledge.index.memory import MemoryIndex
from tests.core.knowledge.index_conformance import SPACE, IndexConformance


class TestMemoryIndex(IndexConformance):
    @pytest.fixture
    async def index(self) -> AsyncIterator[Index]:
        opened = MemoryIndex()
        await opened.open(SPACE)
        yield opened
        await opened.close()
