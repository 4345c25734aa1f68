"""A knowledge room to test with: real database, objects, index and embedder; documents written here."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from stoa.base.database import Database, new_id
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.knowledge.documents import IngestReport, Source
from stoa.core.knowledge.index.index import Index
from stoa.core.knowledge.knowledge import Knowledge
from stoa.core.models.embedding.choose import choose_embedder
from stoa.core.models.embedding.embedder import Embedder, Kind
from stoa.core.models.reranking.reranker import Reranker
from tests.encoder import encoder_home

T = TypeVar("T")
A, B = "workspace_a", "workspace_b"

PUMPS = """# Pump manual

## Installation

The circulating pump is bolted to a level concrete base. Tighten the four bolts crosswise to 45
newton metres, and check them again after the first week of running.

## Maintenance

Replace the mechanical seal every 4,000 hours of running. A seal that drips more than ten drops a
minute must be replaced at once, whatever its age.

## Faults

Error code XJ-4410 means that the pump runs dry. Close the outlet valve, fill the casing with water
and vent it before you start the motor again.
"""

LEAVE = """# Leave and absence

Full-time employees have 27 working days of paid annual leave in a calendar year.

Up to five days of holiday that were not taken may be carried over until the end of March.

Parental leave lasts as long as fourteen months after the birth or adoption of a child.
"""


class DirectStepper:
    """Runs steps as they come, and remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.progressed: list[tuple[str, int, int]] = []

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: object) -> T:
        self.steps.append(getattr(work, "__name__", ""))
        return await work(*arguments)

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        self.progressed.append((message, done, total))


@functools.cache
def shared_embedder(model: str) -> Embedder:
    """One for all tests of the process: building and loading it takes seconds."""
    return choose_embedder(model, encoder_home())


class LocalModels:
    """As much of the models room as knowledge uses, and a count of what it was asked to embed."""

    def __init__(self, model: str = "") -> None:
        self.embedder = shared_embedder(model)
        self.embedded: list[str] = []
        self.reranker: Reranker | None = None

    async def embed(self, texts: Sequence[str], *, workspace: str, kind: Kind) -> np.ndarray:
        if kind == "passage":
            self.embedded.extend(texts)
        return await self.embedder.embed(texts, kind)

    @property
    def reranks(self) -> bool:
        return self.reranker is not None

    async def rerank(self, query: str, texts: Sequence[str], *, workspace: str) -> np.ndarray:
        assert self.reranker is not None
        return (await self.reranker.score(query, texts)).scores


class Room:
    """A knowledge room and everything it stands on, so that tests can look into every store."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        *,
        model: str = "hashed",
        index: Index | None = None,
        index_url: str = "",
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.database = database
        self.settings = Settings.load(home=self.home, index_url=index_url)
        self.objects = Objects(
            (folder / "objects").as_uri(), secret=b"secret", public_url="http://localhost"
        )
        self.models = LocalModels(model)
        models: Any = self.models
        self.knowledge = Knowledge(self.settings, database, self.objects, models, index=index)
        self.index = self.knowledge._index

    async def source(self, text: str | bytes, name: str = "text.md", **given: Any) -> Source:
        """A source whose original lies in the object store."""
        workspace = given.pop("workspace_id", A)
        key = f"{workspace}/files/{new_id('file')}"
        await self.objects.put(key, text.encode() if isinstance(text, str) else text)
        values: dict[str, Any] = {
            "workspace_id": workspace,
            "collection": "manuals",
            "document_id": new_id("doc"),
            "object_key": key,
            "name": name,
        }
        return Source(**{**values, **given})

    async def add(
        self, text: str | bytes, name: str = "text.md", **given: Any
    ) -> tuple[Source, IngestReport]:
        """Ingest and publish."""
        source = await self.source(text, name, **given)
        report = await self.knowledge.ingest(source, DirectStepper())
        await self.knowledge.publish(source.workspace_id, source.document_id)
        return source, report
