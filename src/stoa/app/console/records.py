"""The audit log of the workspace. For owners; it can be read, never changed."""

from stoa.app.console.members import owners_only
from stoa.app.console.visit import Visit
from stoa.base.identity.audit import AuditView
from stoa.ui.elements import button, tag
from stoa.ui.feedback import empty_state
from stoa.ui.frame import card, page_head
from stoa.ui.tables import Column, table

_PAGE = 200
_COLUMNS = (
    Column("at", "When"),
    Column("actor", "Who"),
    Column("action", "What", chip=True),
    Column("subject", "To what"),
    Column("details", "Details"),
)


async def show(visit: Visit) -> None:
    """`/settings/audit`"""
    owners_only(visit)
    page_head("Audit log", "Who did what to what, and when. Newest first.")
    with card():
        place = tag("div", "", "stack")
    events: list[AuditView] = []

    async def more() -> None:
        caller = await visit.check()
        before = events[-1].id if events else None
        found = await visit.platform.audit.list(caller, _PAGE, before)
        events.extend(found)
        place.clear()
        with place:
            if not events:
                empty_state("Nothing yet", symbol="receipt_long")
                return
            table(_COLUMNS, [_row(each) for each in events], label="Audit log", test="audit")
            if len(found) == _PAGE:
                button("Older", more, symbol="expand_more", test="older")

    await more()


def _row(event: AuditView) -> dict[str, object]:
    return {**event.model_dump(), "actor": event.actor or event.user_id or "Stoa"}
