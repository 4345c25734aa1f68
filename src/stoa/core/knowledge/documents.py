"""The words around a document: what to ingest, how far it came, what became of its pages."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Stepper(Protocol):
    """How ingestion works durably: a `Call` fits."""

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: object) -> T: ...

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None: ...


class Source(BaseModel):
    """What to ingest: an object already in the store."""

    model_config = ConfigDict(frozen=True)

    workspace_id: str
    collection: str
    document_id: str
    object_key: str
    name: str
    """File name as given, for its ending and for messages."""
    replaces: str = ""
    """Document id of the version before: unchanged passages take their vectors over from it."""


class PageReport(BaseModel):
    """One line of the page accounting."""

    number: int
    status: Literal["indexed", "reported"]
    source: Literal["text", "ocr", "none"]
    reason: str = ""
    characters: int = 0
    tables: int = 0


class IngestReport(BaseModel):
    """What came of a document. pages == indexed + reported, always."""

    document_id: str
    media_type: str
    title: str
    language: str
    pages: int
    indexed: int
    reported: int
    passages: int
    embedded: int
    """Passages whose vectors were computed; the others were taken over from the version before."""
