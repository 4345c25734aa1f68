"""Passages for a question: of current documents, in collections the caller may read, and no others.

Rights go into the query as the list of collections. What is current is read from the SQL database in
one query after the search, so that an answer never mixes two versions.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from stoa.base.identity.caller import Caller
from stoa.contract import Call
from stoa.core.knowledge.pages import Hit, Passage
from stoa.solutions.ask_docs.access import document_to_read, readable_collections
from stoa.solutions.ask_docs.schema import DocumentState, PassageView, Search
from stoa.solutions.ask_docs.tables import DocumentRow

_PASSAGES = 10
_SPARE = 5
"""More hits than wanted, because some may belong to a version that is being replaced right now."""
_NEIGHBOURS_OF = 2


@dataclass(frozen=True)
class Scope:
    """Where a caller may look: ids of readable collections, of documents where it was narrowed."""

    collections: list[str]
    documents: list[str] | None


def find_scope(
    session: Session, caller: Caller, collections: Sequence[str], documents: Sequence[str]
) -> Scope:
    """Raises NotFound for a collection or document that does not exist for the caller."""
    readable = readable_collections(session, caller, collections)
    named = [document_to_read(session, caller, each)[0].id for each in documents]
    return Scope([row.id for row in readable], named or None)


async def retrieve(call: Call, question: str, scope: Scope) -> list[PassageView]:
    """The best passages, and after them the neighbours of the very best, for context."""
    hits = await _search(call, Search(query=question[:2000], limit=_PASSAGES), scope)
    if not hits:
        return []
    best = [hit.passage.id for hit in hits[:_NEIGHBOURS_OF]]
    found, nearby = await asyncio.gather(
        _current(call, hits, scope),
        call.platform.knowledge.neighbours(call.caller.workspace_id, best),
    )
    found = found[:_PASSAGES]
    known = {passage.id for passage in found}
    around: list[PassageView] = []
    for view in found[:_NEIGHBOURS_OF]:
        for passage in nearby.get(view.id, ()):
            if passage is not None and passage.id not in known:
                known.add(passage.id)
                around.append(_as_neighbour(passage, view))
    return found + around


async def current_passages(call: Call, request: Search, scope: Scope) -> list[PassageView]:
    """Hits in documents that are current at one single moment, so that two versions never mix."""
    found = await _current(call, await _search(call, request, scope), scope)
    return found[: request.limit]


async def _search(call: Call, request: Search, scope: Scope) -> list[Hit]:
    return await call.platform.knowledge.search(
        call.caller.workspace_id,
        request.query,
        collections=scope.collections,
        documents=scope.documents,
        limit=request.limit + _SPARE,
        mode=request.mode,
    )


async def _current(call: Call, hits: Sequence[Hit], scope: Scope) -> list[PassageView]:
    def load(session: Session) -> dict[str, DocumentRow]:
        rows = session.scalars(
            select(DocumentRow)
            .where(DocumentRow.id.in_({hit.passage.document_id for hit in hits}))
            .where(DocumentRow.state == DocumentState.CURRENT)
            .where(DocumentRow.collection_id.in_(scope.collections))
        )
        return {row.id: row for row in rows}

    current = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    return [
        _view(hit, current[hit.passage.document_id])
        for hit in hits
        if hit.passage.document_id in current
    ]


def _view(hit: Hit, document: DocumentRow) -> PassageView:
    passage = hit.passage
    return PassageView(
        id=passage.id,
        document=document.id,
        title=document.title,
        collection=document.collection_id,
        reference=document.reference,
        page=hit.page,
        first_page=passage.page,
        last_page=passage.last_page,
        heading=passage.heading,
        text=passage.text,
        score=hit.score,
        relevance=hit.relevance,
        relevant=hit.relevant,
    )


def _as_neighbour(passage: Passage, hit: PassageView) -> PassageView:
    own = passage.model_dump(include={"id", "page", "last_page", "heading", "text"})
    own["first_page"] = passage.page
    return hit.model_copy(update={**own, "score": 0.0, "relevance": 0.0, "relevant": False})
