"""Documents: adding, listing and showing them. What happens to one is in intake.py and lifecycle.py."""

from datetime import timedelta
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.errors import InvalidInput
from stoa.base.fetch import Fetched, FetchLimits, fetch
from stoa.base.identity.caller import REVIEWERS, Caller
from stoa.contract import Call
from stoa.solutions.ask_docs.access import (
    collection_to_write,
    document_to_read,
    document_to_write,
    may_see,
    readable_collections,
)
from stoa.solutions.ask_docs.collections import FIRST, ensure_first
from stoa.solutions.ask_docs.intake import Incoming, Intake
from stoa.solutions.ask_docs.schema import (
    Add,
    DocumentDetail,
    DocumentRequest,
    Documents,
    DocumentState,
    LifeEvent,
    ListDocuments,
    Receipts,
)
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow, LifeEventRow
from stoa.solutions.ask_docs.views import document_view, life_event

_LINK_SECONDS = 600
_DUE_AHEAD = timedelta(days=7)
_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
}


async def add(call: Call, request: Add) -> Receipts:
    """Take in documents: uploaded files, a page or file from the web, or both.

    Each is read, cut into passages and indexed, and then waits as a draft until somebody approves
    it, unless its collection needs no review. The same bytes twice in a collection are one document.
    """
    collection_id = await _target(call, request)
    incoming = [(file, request.reference) for file in request.files]

    async def check_files() -> bool:
        for file in request.files:
            await call.platform.files.get(call.caller, file)
        return True

    # All of them exist before one is taken in. A step: a copy of what is there already goes on the way.
    await call.step(check_files)

    async def fetch_url() -> str:
        fetched = await fetch_for(call, request.url)
        return (await call.platform.files.add(call.caller, file_name(fetched), fetched.content)).id

    if request.url:
        incoming.append((await call.step(fetch_url), request.reference or request.url))
    receipts = []
    for done, (file, reference) in enumerate(incoming):
        await call.progress("Taking in documents", done, len(incoming))
        one = Incoming(
            file_id=file,
            collection=collection_id,
            title=request.title,
            reference=reference,
            replaces=request.replaces,
        )
        receipts.append(await Intake(call, one).run())
    await call.progress("Taking in documents", len(incoming), len(incoming))
    return Receipts(documents=receipts)


async def list_documents(call: Call, request: ListDocuments) -> Documents:
    """List documents with their state; with `due`, the queue of drafts and of reviews due in a week."""
    caller = call.caller

    def load(session: Session) -> Documents:
        named = [request.collection] if request.collection else []
        readable = {row.id: row for row in readable_collections(session, caller, named)}
        matching = and_(
            DocumentRow.collection_id.in_(readable), _visible(caller), *_filters(request)
        )
        rows = session.scalars(
            select(DocumentRow)
            .where(matching)
            .order_by(DocumentRow.changed_at.desc(), DocumentRow.id.desc())
            .limit(request.limit)
            .offset(request.offset)
        )
        found = [document_view(row, readable[row.collection_id]) for row in rows]
        total = session.scalar(select(func.count()).select_from(DocumentRow).where(matching))
        return Documents(documents=found, total=total or 0)

    return await call.platform.database.read(load, workspace=caller.workspace_id)


async def show(call: Call, request: DocumentRequest) -> DocumentDetail:
    """Show a document: its page accounting, who did what to it and when, its versions, its original."""
    platform, caller = call.platform, call.caller

    def load(
        session: Session,
    ) -> tuple[DocumentRow, CollectionRow, list[LifeEvent], list[DocumentRow]]:
        row, collection = document_to_read(session, caller, request.document)
        events = session.scalars(
            select(LifeEventRow)
            .where(LifeEventRow.document_id == row.id)
            .order_by(LifeEventRow.at, LifeEventRow.id)
        )
        versions = session.scalars(
            select(DocumentRow)
            .where(DocumentRow.lineage == row.lineage, DocumentRow.collection_id == collection.id)
            .order_by(DocumentRow.version.desc())
        )
        seen = [each for each in versions if may_see(caller, each)]
        return row, collection, [life_event(each) for each in events], seen

    row, collection, history, versions = await platform.database.read(
        load, workspace=caller.workspace_id
    )
    file = await platform.files.get(caller, row.file_id)
    return DocumentDetail(
        document=document_view(row, collection),
        pages=await platform.knowledge.pages(caller.workspace_id, row.id) if row.pages else [],
        history=history,
        versions=[document_view(each, collection) for each in versions],
        original=platform.objects.link(file.object_key, seconds=_LINK_SECONDS, name=file.name),
    )


async def fetch_for(call: Call, url: str) -> Fetched:
    """Fetch an address within the upload limit. Private addresses only where the operator lets it."""
    settings = call.platform.settings
    limits = FetchLimits(bytes=settings.upload_limit_mb * 2**20)
    return await fetch(url, limits=limits, allow_private=settings.fetch_private)


def file_name(fetched: Fetched) -> str:
    """A file name with an ending for what was fetched, from its address and content type."""
    parts = urlsplit(fetched.url)
    name = unquote(PurePosixPath(parts.path).name) or parts.hostname or "page"
    ending = _ENDINGS.get(fetched.content_type, "")
    known = PurePosixPath(name).suffix.lower() in {".htm", *_ENDINGS.values()}
    return name if known or not ending else name + ending


async def _target(call: Call, request: Add) -> str:
    """Id of the collection to add to, checked before anything is fetched or read."""
    if not request.files and not request.url:
        raise InvalidInput("There is nothing to add.", hint="Give files, or an address in 'url'.")
    if request.replaces and len(request.files) + bool(request.url) != 1:
        raise InvalidInput(
            "One file replaces one document.", hint="Send one file or address with 'replaces'."
        )
    await ensure_first(call)

    def find(session: Session) -> str:
        if not request.replaces:
            return collection_to_write(session, call.caller, request.collection).id
        _, collection = document_to_write(session, call.caller, request.replaces)
        if request.collection not in (FIRST, collection.id, collection.name):
            raise InvalidInput(
                f"The document to replace is in '{collection.name}'.",
                hint="Leave 'collection' out.",
            )
        return collection.id

    return await call.platform.database.read(find, workspace=call.caller.workspace_id)


def _visible(caller: Caller) -> ColumnElement[bool]:
    """The same rule as `may_see`, for many rows at once."""
    exists = DocumentRow.state != DocumentState.DELETED
    if caller.role in REVIEWERS:
        return exists
    own = DocumentRow.added_by == caller.user_id
    return and_(exists, or_(DocumentRow.state == DocumentState.CURRENT, own))


def _filters(request: ListDocuments) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if request.state is not None:
        filters.append(DocumentRow.state == request.state)
    if request.due:
        filters.append(
            or_(
                DocumentRow.state == DocumentState.DRAFT,
                and_(
                    DocumentRow.state == DocumentState.CURRENT,
                    DocumentRow.review_due_at <= now() + _DUE_AHEAD,
                ),
            )
        )
    if request.text:
        found = (DocumentRow.title, DocumentRow.name)
        filters.append(or_(*(each.icontains(request.text, autoescape=True) for each in found)))
    return filters
