"""Taking a document in: receive → read and index → draft. Durable, one document at a time.

A document that can't be read ends as `failed` with what to do about it. `lifecycle.py` takes over
from the draft; where the bytes come from (upload, address, source) is not known here.
"""

import mimetypes
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel
from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Bug, Cancelled, NotFound, StoaError, UserError
from stoa.base.files import FileView
from stoa.contract import Call
from stoa.core.flows.flows import RunState
from stoa.core.knowledge.documents import IngestReport, Source
from stoa.core.language.detect import detect_language
from stoa.solutions.ask_docs import lifecycle
from stoa.solutions.ask_docs.access import collection_to_write, document_to_write
from stoa.solutions.ask_docs.schema import DocumentState, Receipt
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow
from stoa.solutions.ask_docs.views import document_view

_ABANDONED_AFTER = timedelta(hours=1)
_LANGUAGE_SAMPLE = 4000
_LANGUAGE_PAGES = 5
_NOTHING_READ = "No page of the document holds text that can be read."
_NOTHING_HINT = "Open it: if it is not empty, the pages say why; send a version with text."
_WAITS = "It would replace a document that only editors may delete, so a reviewer decides."
_ENDED = {RunState.DONE, RunState.FAILED, RunState.CANCELLED}
_ON_THE_WAY = {
    DocumentState.RECEIVED,
    DocumentState.FAILED,
    DocumentState.DRAFT,
    DocumentState.APPROVED,
}
"""States in which a document may be while the run that reads it has not noted the end of it."""
_LIVE = (DocumentState.RECEIVED, DocumentState.DRAFT, DocumentState.APPROVED, DocumentState.CURRENT)


class Incoming(BaseModel):
    """One file on its way in: an upload, a fetched page, or what a source gave."""

    file_id: str
    collection: str
    """Id."""
    title: str = ""
    reference: str = ""
    replaces: str = ""
    """Document id; empty: the one of the same name, or of the same key of the same source."""
    source_id: str = ""
    source_key: str = ""


class Received(BaseModel):
    """The row made for an incoming file, or the one that was there already."""

    document_id: str
    outcome: Literal["new", "new_version", "already_there"]
    previous: str = ""
    """Version before, whose vectors can be taken over."""
    read_by: str = ""
    """Run that is reading the one that was there already, while it is."""


class Intake:
    """Takes in one incoming file for one call."""

    def __init__(self, call: Call, incoming: Incoming) -> None:
        self._call = call
        self._caller = call.caller
        self._workspace = call.caller.workspace_id
        self._platform = call.platform
        self._incoming = incoming

    async def run(self) -> Receipt:
        """Receive, read, index. The receipt says what came of it; only faults of ours are raised."""
        received = Received.model_validate(await self._call.step(self.receive))
        if received.outcome == "already_there":
            await self._call.step(self.drop_copy)
            if not await self._call.step(self.take_over, received.document_id, received.read_by):
                return await self._receipt(received.document_id, "already_there")
            received = received.model_copy(update={"outcome": "new"})
        try:
            report = await self._index(received)
        except StoaError as error:
            await self._call.step(self.fail, received.document_id, error.message, error.hint)
            if isinstance(error, UserError):
                return await self._receipt(received.document_id, "failed")
            raise
        finished = report.model_dump(mode="json")
        await self._call.step(self.finish, received.document_id, finished)
        outcome = received.outcome if report.passages else "failed"
        return await self._receipt(received.document_id, outcome)

    async def receive(self) -> Received:
        """Make the row, or find the one with the same bytes. Run twice it makes one row."""
        file = await self._platform.files.get(self._caller, self._incoming.file_id)
        for _ in range(2):
            try:
                received = await self._platform.database.write(
                    lambda session: self._receive(session, file), workspace=self._workspace
                )
            except IntegrityError:
                continue  # the same bytes arrived in the same moment and were first: find them
            return received
        raise Bug("The database refuses a document that it does not have.")

    async def drop_copy(self) -> bool:
        """Delete an upload whose bytes are there already. A step of its own: once it has begun, the
        upload can't be received again."""
        await lifecycle.drop_file(self._platform, self._caller, self._incoming.file_id)
        return True

    def _receive(self, session: Session, file: FileView) -> Received:
        collection = collection_to_write(session, self._caller, self._incoming.collection)
        there = session.scalars(
            select(DocumentRow).where(
                DocumentRow.collection_id == collection.id, DocumentRow.live_sha256 == file.sha256
            )
        ).first()
        run_id = self._call.run_id or ""
        if there is not None and not (there.file_id == file.id and there.run_id == run_id):
            read_by = there.run_id if there.state == DocumentState.RECEIVED else ""
            return Received(document_id=there.id, outcome="already_there", read_by=read_by)
        previous = self._previous(session, collection, file.name)
        if there is None:
            there = self._new_row(collection, file, previous)
            session.add(there)
            session.flush()
            lifecycle.enter(session, there, DocumentState.RECEIVED, self._caller)
        return Received(
            document_id=there.id,
            outcome="new_version" if previous is not None else "new",
            previous=previous.id if previous is not None and previous.passages else "",
        )

    def _previous(
        self, session: Session, collection: CollectionRow, name: str
    ) -> DocumentRow | None:
        """The latest readable version of the lineage that the incoming file continues, if any."""
        incoming = self._incoming
        same: ColumnElement[bool]
        if incoming.replaces:
            named, _ = document_to_write(session, self._caller, incoming.replaces)
            same = DocumentRow.lineage == named.lineage
        elif incoming.source_id:
            same = (DocumentRow.source_id == incoming.source_id) & (
                DocumentRow.source_key == incoming.source_key
            )
        else:
            same = (DocumentRow.name == name) & (DocumentRow.source_id == "")
        statement = (
            select(DocumentRow)
            .where(same, DocumentRow.collection_id == collection.id)
            .where(DocumentRow.state.in_([*_LIVE, DocumentState.SUPERSEDED]))
            .where(DocumentRow.file_id != incoming.file_id)
            .order_by(DocumentRow.version.desc())
        )
        return session.scalars(statement).first()

    def _new_row(
        self, collection: CollectionRow, file: FileView, previous: DocumentRow | None
    ) -> DocumentRow:
        document_id = new_id("doc")
        moment = now()
        return DocumentRow(
            id=document_id,
            collection_id=collection.id,
            lineage=previous.lineage if previous else document_id,
            version=previous.version + 1 if previous else 1,
            state=DocumentState.RECEIVED,
            file_id=file.id,
            name=file.name,
            title=self._incoming.title or _title_of(file.name),
            reference=self._incoming.reference,
            size=file.size,
            sha256=file.sha256,
            live_sha256=file.sha256,
            source_id=self._incoming.source_id,
            source_key=self._incoming.source_key,
            run_id=self._call.run_id or "",
            added_by=self._caller.user_id,
            added_by_name=self._caller.name,
            added_at=moment,
            changed_at=moment,
        )

    async def take_over(self, document_id: str, read_by: str) -> bool:
        """Whether the document was left half-read by a run that has ended; then it is ours now."""
        ended = not read_by or await self.has_ended(read_by)

        def claim(session: Session) -> bool:
            row = session.get(DocumentRow, document_id, with_for_update=True)
            if row is None or row.state != DocumentState.RECEIVED or row.run_id != read_by:
                return False
            if not ended or (not read_by and row.changed_at > now() - _ABANDONED_AFTER):
                return False
            row.run_id = self._call.run_id or ""
            row.changed_at = now()
            return True

        return await self._platform.database.write(claim, workspace=self._workspace)

    async def has_ended(self, run_id: str) -> bool:
        """Whether a run is over, as far as the caller may know."""
        try:
            return (await self._platform.flows.show(self._caller, run_id)).state in _ENDED
        except NotFound:
            return False  # another member's run: it is not ours to look at, nor to take over

    async def _index(self, received: Received) -> IngestReport:
        row = await self._load(received.document_id)
        file = await self._platform.files.get(self._caller, row.file_id)
        source = Source(
            workspace_id=self._workspace,
            collection=row.collection_id,
            document_id=row.id,
            object_key=file.object_key,
            name=row.name,
            replaces=received.previous,
        )
        return await self._platform.knowledge.ingest(source, self._call)

    async def finish(self, document_id: str, report: dict[str, object]) -> bool:
        """Note what was read; the document is a draft now, or current where no review is needed.

        What would replace a document that the caller may not delete is reviewed in any collection.
        """
        read = IngestReport.model_validate(report)
        language = read.language or await self._language(document_id)

        def become_draft(session: Session) -> bool | None:
            row = session.get(DocumentRow, document_id, with_for_update=True)
            if row is None or row.state == DocumentState.DELETED:
                return None
            if row.state not in _ON_THE_WAY:
                return False  # done before a crash
            collection = session.get_one(CollectionRow, row.collection_id)
            waits = lifecycle.replaces_of_others(session, row, self._caller)
            unreviewed = not (collection.review or waits)
            if row.state in (DocumentState.DRAFT, DocumentState.APPROVED):
                return unreviewed  # a crash came between this and its becoming current
            _note(row, read, language)
            if not self._incoming.title and read.title not in ("", row.name):
                row.title = read.title[:300]
            if not read.passages:
                row.problem, row.hint, row.live_sha256 = _NOTHING_READ, _NOTHING_HINT, None
                lifecycle.enter(session, row, DocumentState.FAILED, self._caller)
                return False
            row.live_sha256 = row.sha256
            note = _WAITS if waits and not collection.review else ""
            lifecycle.enter(session, row, DocumentState.DRAFT, self._caller, note)
            return unreviewed

        unreviewed = await self._platform.database.write(become_draft, workspace=self._workspace)
        if unreviewed is None:
            await self._platform.knowledge.delete(self._workspace, document_id)
            raise Cancelled("The document was deleted while it was read.", hint="Add it again.")
        if unreviewed:
            await lifecycle.make_current(
                self._platform, self._caller, document_id, "This collection needs no review."
            )
        return True

    async def fail(self, document_id: str, problem: str, hint: str) -> bool:
        """Note why the document could not be read, and let its bytes be sent again."""

        def mark(session: Session) -> bool:
            row = session.get(DocumentRow, document_id, with_for_update=True)
            if row is None or row.state != DocumentState.RECEIVED:
                return False
            row.problem, row.hint, row.live_sha256 = problem[:1000], hint[:1000], None
            row.media_type = row.media_type or mimetypes.guess_type(row.name)[0] or ""
            lifecycle.enter(session, row, DocumentState.FAILED, self._caller)
            return True

        return await self._platform.database.write(mark, workspace=self._workspace)

    async def _language(self, document_id: str) -> str:
        sample = ""
        for report in await self._platform.knowledge.pages(self._workspace, document_id):
            if report.status == "indexed" and report.characters:
                page = await self._platform.knowledge.page(
                    self._workspace, document_id, report.number
                )
                sample += page.text[:_LANGUAGE_SAMPLE] + "\n"
            if len(sample) >= _LANGUAGE_SAMPLE or report.number >= _LANGUAGE_PAGES:
                break
        return detect_language(sample)

    async def _load(self, document_id: str) -> DocumentRow:
        row = await self._platform.database.read(
            lambda session: session.get(DocumentRow, document_id), workspace=self._workspace
        )
        if row is None:
            raise Cancelled("The document was deleted while it was read.", hint="Add it again.")
        return row

    async def _receipt(
        self, document_id: str, outcome: Literal["new", "new_version", "already_there", "failed"]
    ) -> Receipt:
        def load(session: Session) -> Receipt:
            row = session.get(DocumentRow, document_id)
            if row is None:
                raise Cancelled("The document was deleted while it was read.", hint="Add it again.")
            collection = session.get_one(CollectionRow, row.collection_id)
            return Receipt(document=document_view(row, collection), outcome=outcome)

        return await self._platform.database.read(load, workspace=self._workspace)


async def fail_abandoned(call: Call) -> int:
    """Mark documents whose reading was cancelled or died for good; returns how many."""
    workspace = call.caller.workspace_id
    waiting = await call.platform.database.read(
        lambda session: list(
            session.scalars(
                select(DocumentRow)
                .where(DocumentRow.state == DocumentState.RECEIVED)
                .where(DocumentRow.changed_at < now() - _ABANDONED_AFTER)
            )
        ),
        workspace=workspace,
    )
    failed = 0
    for row in waiting:
        intake = Intake(call, Incoming(file_id=row.file_id, collection=row.collection_id))
        if not row.run_id or await intake.has_ended(row.run_id):
            failed += await intake.fail(row.id, "Its reading was stopped.", "Add the file again.")
    return failed


def _note(row: DocumentRow, read: IngestReport, language: str) -> None:
    row.media_type = read.media_type[:120]
    row.language = language
    row.pages, row.indexed, row.reported = read.pages, read.indexed, read.reported
    row.passages, row.embedded = read.passages, read.embedded
    row.problem = row.hint = ""


def _title_of(name: str) -> str:
    return PurePosixPath(name).stem.replace("_", " ").replace("-", " ").strip() or name
