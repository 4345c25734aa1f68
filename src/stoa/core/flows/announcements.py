"""Saying what happens to a question, in the transaction in which it happens.

Each thing is said three times, or never: as a line of the audit log, which nobody can rewrite; as an
event for whoever subscribes; and as letters to the people it concerns. None of them leaves before the
transaction commits. This file decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.identity.people import stoa_itself
from stoa.base.outbox import Outbox
from stoa.core.flows.letters import Letters
from stoa.core.flows.tables import ApprovalRow, Run

SOURCE = "/stoa/approvals"
_LETTERS = {"asked": "asked", "reassigned": "asked", "escalated": "asked", "reminded": "reminder"}
_EVENTS = {
    "asked": "asked",
    "asked_again": "asked",
    "reassigned": "reassigned",
    "escalated": "escalated",
    "expired": "expired",
    "decided": "decided",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True)
class Announcements:
    """The audit log, the events and the letters of questions."""

    audit: AuditLog
    events: Outbox | None
    letters: Letters

    def say(
        self,
        session: Session,
        row: ApprovalRow,
        run: Run,
        action: str,
        *,
        by: Caller | None = None,
        **details: Any,
    ) -> None:
        """Say that `action` happened to a question. `by` None: by the clock or by the run itself."""
        who = by or stoa_itself(row.workspace_id)
        self.audit.record(session, who, f"approval.{action}", row.id, run=run.id, **details)
        if action in _EVENTS and self.events is not None:
            self.events.add(
                session,
                workspace=row.workspace_id,
                type=f"stoa.approval.{_EVENTS[action]}",
                source=SOURCE,
                subject=row.id,
                data=_data_of(row, run, who, details),
            )
        if action in _LETTERS:
            session.flush()
            self.letters.write(session, row, _LETTERS[action])


def _data_of(row: ApprovalRow, run: Run, who: Caller, details: Mapping[str, Any]) -> dict[str, Any]:
    """What subscribers hear: who and what, never the texts that were shown."""
    return {
        "approval_id": row.id,
        "run_id": run.id,
        "solution": run.solution,
        "operation": run.operation,
        "question": row.question,
        "to_role": row.to_role,
        "to_user": row.to_user,
        "by": who.user_id,
        "by_name": who.name,
        **details,
    }
