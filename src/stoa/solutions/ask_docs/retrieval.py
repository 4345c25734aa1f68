"""Passages for a question: of current documents, in collections the caller may read, and no others.

Rights go into the query as the list of collections. What is current is read in the transaction that
reads the passages, so that an answer never mixes two versions.
"""

from collections.abc import Collection, Sequence
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
    request = Search(query=question[:2000], limit=_PASSAGES)
    hits = await _search(call, request, scope, around=_NEIGHBOURS_OF)
    found = [_view(hit, document) for hit, document in hits]
    known = {passage.id for passage in found}
    around: list[PassageView] = []
    for view, (hit, _) in zip(found, hits, strict=True):
        for passage in (hit.before, hit.after):
            if passage is not None and passage.id not in known:
                known.add(passage.id)
                around.append(_as_neighbour(passage, view))
    return found + around


async def current_passages(call: Call, request: Search, scope: Scope) -> list[PassageView]:
    """Hits in documents that are current at one single moment, so that two versions never mix."""
    return [_view(hit, document) for hit, document in await _search(call, request, scope)]


async def _search(
    call: Call, request: Search, scope: Scope, *, around: int = 0
) -> list[tuple[Hit, DocumentRow]]:
    def current(session: Session, ids: Collection[str]) -> dict[str, DocumentRow]:
        rows = session.scalars(
            select(DocumentRow)
            .where(DocumentRow.id.in_(ids))
            .where(DocumentRow.state == DocumentState.CURRENT)
            .where(DocumentRow.collection_id.in_(scope.collections))
        )
        return {row.id: row for row in rows}

    return await call.platform.knowledge.search_chosen(
        call.caller.workspace_id,
        request.query,
        collections=scope.collections,
        documents=scope.documents,
        limit=request.limit,
        mode=request.mode,
        choose=current,
        around=around,
    )


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
