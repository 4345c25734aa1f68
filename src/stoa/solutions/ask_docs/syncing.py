"""One look at a source: what is new comes in, what changed replaces, what is gone goes.

A look is planned as a whole first: what is new, what changed, what is gone. Only that is done, so a
file that stayed the same is not read again, and a file that went takes its document with it. What is
there but can't be taken keeps its document, and so does everything where nothing at all is left: a
share that lost its mount looks the same as one that was emptied.
"""

from datetime import timedelta

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.errors import StoaError, UserError
from stoa.contract import Call
from stoa.solutions.ask_docs import lifecycle
from stoa.solutions.ask_docs.access import no_source
from stoa.solutions.ask_docs.intake import Incoming, Intake
from stoa.solutions.ask_docs.looking import Found, Held, Untaken, look
from stoa.solutions.ask_docs.schema import DocumentState, SyncReport
from stoa.solutions.ask_docs.tables import DocumentRow, SourceRow

_MOST_NAMED = 5
"""Files and folders that a problem names."""


class Plan(BaseModel):
    """What a look at a source leads to. Files are uploads already, so that the plan can be kept."""

    new: list[Incoming] = []
    changed: list[Incoming] = []
    gone: list[str] = []
    """Keys whose documents go."""
    unchanged: int = 0
    """Files whose document stays as it is; copies of another one among them."""
    problem: str = ""
    hint: str = ""


class Sync:
    """One look at one source."""

    def __init__(self, call: Call, source_id: str) -> None:
        self._call = call
        self._caller = call.caller
        self._source_id = source_id

    async def run(self) -> SyncReport:
        """Plan, then do; the source's row says how it went."""
        try:
            plan = Plan.model_validate(await self._call.step(self.plan))
        except StoaError as error:
            report = self._report(Plan(problem=error.message, hint=error.hint), 0)
        else:
            await self._call.step(self.drop_gone, plan.gone)
            failed = 0
            everything = plan.new + plan.changed
            for done, incoming in enumerate(everything):
                await self._call.progress(incoming.source_key, done, len(everything))
                receipt = await Intake(self._call, incoming).run()
                failed += receipt.outcome == "failed"
            report = self._report(plan, failed)
        await self._call.step(self.note, report.problem, report.hint)
        return report

    def _report(self, plan: Plan, failed: int) -> SyncReport:
        return SyncReport(
            source=self._source_id,
            added=len(plan.new),
            changed=len(plan.changed),
            deleted=len(plan.gone),
            unchanged=plan.unchanged,
            failed=failed,
            problem=plan.problem,
            hint=plan.hint,
        )

    async def plan(self) -> Plan:
        """Look, compare with the documents there are, and store what is new or changed as uploads."""
        platform = self._call.platform
        row = await platform.database.read(
            lambda session: session.get(SourceRow, self._source_id),
            workspace=self._caller.workspace_id,
        )
        if row is None:  # removed since it was due
            raise no_source(self._source_id)
        known = await platform.database.read(self._known, workspace=self._caller.workspace_id)
        plan = Plan()
        async with look(platform.settings, row.kind, row.location, row.branch) as held:
            missing = known.keys() - {each.key for each in held.files}
            gone = {key for key in missing if not _may_be_there(key, row.kind, held)}
            there = await self._there(row.collection_id, held, gone)
            plan.unchanged = len(missing - gone)
            for each in held.files:
                if known.get(each.key) == each.sha256:
                    plan.unchanged += 1
                    continue
                if each.sha256 in there:
                    plan.unchanged += 1
                    if each.key in known and there[each.sha256]:
                        gone.add(each.key)  # what it said before it became a copy
                    continue
                try:
                    incoming = await self._upload(row, each)
                except (UserError, FileNotFoundError, PermissionError) as error:
                    held.untaken.append(Untaken(each.key, str(error)))  # it changed as we looked
                    continue
                (plan.changed if each.key in known else plan.new).append(incoming)
                there[each.sha256] = False
            plan.gone = sorted(gone)
            _tell(plan, held, missing - gone)
        return plan

    def _known(self, session: Session) -> dict[str, str]:
        """Hash of the latest version by key, whatever a reviewer decided about it."""
        rows = session.execute(
            select(DocumentRow.source_key, DocumentRow.sha256)
            .where(DocumentRow.source_id == self._source_id)
            .where(DocumentRow.state != DocumentState.DELETED)
            .order_by(DocumentRow.version, DocumentRow.added_at)
        )
        return {key: sha256 for key, sha256 in rows}  # noqa: C416 - rows are no tuples of type

    async def _there(self, collection: str, held: Held, gone: set[str]) -> dict[str, bool]:
        """Hashes that the collection has a document of, and will have when this look is done; and
        whether answers are made from it."""
        found = {each.key: each.sha256 for each in held.files}
        rows = await self._call.platform.database.read(
            lambda session: session.execute(
                select(
                    DocumentRow.source_id,
                    DocumentRow.source_key,
                    DocumentRow.sha256,
                    DocumentRow.state == DocumentState.CURRENT,
                )
                .where(DocumentRow.collection_id == collection)
                .where(DocumentRow.live_sha256.is_not(None))
            ).all(),
            workspace=self._caller.workspace_id,
        )
        return {
            sha256: counts
            for source, key, sha256, counts in rows
            if source != self._source_id or (key not in gone and found.get(key, sha256) == sha256)
        }

    async def _upload(self, row: SourceRow, found: Found) -> Incoming:
        file = await self._call.platform.files.add(self._caller, found.name, found.path)
        return Incoming(
            file_id=file.id,
            collection=row.collection_id,
            reference=found.reference[:2000],
            source_id=row.id,
            source_key=found.key[:2000],
        )

    async def drop_gone(self, keys: list[str]) -> int:
        """Delete every version of the documents whose files are gone."""

        def mark(session: Session) -> list[str]:
            rows = session.scalars(
                select(DocumentRow).where(
                    DocumentRow.source_id == self._source_id, DocumentRow.source_key.in_(keys)
                )
            ).all()
            for row in rows:
                if row.state != DocumentState.DELETED:
                    lifecycle.mark_deleted(session, row, self._caller)
            return [row.id for row in rows]

        platform = self._call.platform
        marked = await platform.database.write(mark, workspace=self._caller.workspace_id)
        await lifecycle.remove_deleted(platform, self._caller, marked)
        return len(marked)

    async def note(self, problem: str, hint: str) -> bool:
        """Write down how the look went, and when the next is due."""

        def mark(session: Session) -> bool:
            row = session.get(SourceRow, self._source_id)
            if row is None:
                return False
            row.last_at = now()
            row.next_at = row.last_at + timedelta(minutes=row.every_minutes)
            row.problem, row.hint = problem[:1000], hint[:1000]
            return True

        return await self._call.platform.database.write(mark, workspace=self._caller.workspace_id)


def _may_be_there(key: str, kind: str, held: Held) -> bool:
    """Whether a file that was not found may be there all the same. A page that is gone says so."""
    nothing_left = not held.files and not held.untaken and kind != "web"
    return nothing_left or any(each.covers(key) for each in held.untaken)


def _tell(plan: Plan, held: Held, kept: set[str]) -> None:
    """What was not taken, or not believed, is a problem."""
    if held.untaken:
        more = len(held.untaken) - _MOST_NAMED
        named = ", ".join(map(str, held.untaken[:_MOST_NAMED]))
        plan.problem = f"Could not be taken: {named}{f' and {more} more' if more > 0 else ''}."
        plan.hint = " ".join(dict.fromkeys(each.hint for each in held.untaken))
    elif kept:
        plan.problem = "The source holds nothing any more; its documents are kept."
        plan.hint = "If that is meant, use source_remove and have its documents deleted with it."
