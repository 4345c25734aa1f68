"""Questions that runs have put to people, over HTTP: the inbox, the answer, to whom it goes on."""

from datetime import timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, model_validator

from stoa.app.rest.failures import RESPONSES
from stoa.app.rest.parts import Parts
from stoa.base.identity.caller import Caller, Role
from stoa.contract import Request as Body
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.approvals import MOST_APPROVALS
from stoa.core.flows.letters import LetterView
from stoa.core.flows.questions import (
    NOTE_LIMIT,
    ApprovalState,
    ApprovalView,
    Counts,
    Decision,
    HistoryEntry,
    Order,
    Sought,
    Way,
)


class Decide(Body):
    """The answer to a question."""

    choice: str = Field(description="One of the question's choices.", max_length=200)
    text: str | None = Field(None, description="The edited text, where one came with the question.")
    reason: str = Field("", description="Why, for the history.", max_length=NOTE_LIMIT)


class Reassign(Body):
    """Whom a question goes on to: a role or a member, one of the two."""

    to_role: Role | None = None
    to_user: str | None = Field(None, description="Id of a member.", max_length=40)
    note: str = Field("", description="What the next person should know.", max_length=NOTE_LIMIT)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.to_role is None) == (self.to_user is None):
            raise ValueError("give to_role or to_user, one of the two")
        return self


class MailChoice(BaseModel):
    """Whether the caller gets e-mails about questions of this workspace."""

    by_mail: bool


class Filters(BaseModel):
    """Which questions, and in which order."""

    state: ApprovalState | None = ApprovalState.OPEN
    solution: str = ""
    role: Role | None = Field(None, description="Only what is asked of this role.")
    mine: bool = Field(False, description="Only what is asked of you by name.")
    everyone: bool = Field(False, description="For owners: what is asked of others, too.")
    older_than_hours: float | None = Field(None, ge=0, le=100_000)
    order: Order = Order.NEWEST
    limit: int = Field(100, ge=1, le=MOST_APPROVALS)

    def sought(self) -> Sought:
        """As the core takes it."""
        hours = self.older_than_hours
        return Sought(
            state=self.state,
            solution=self.solution,
            role=self.role,
            mine=self.mine,
            everyone=self.everyone,
            older_than=None if hours is None else timedelta(hours=hours),
            order=self.order,
        )


def approvals(parts: Parts) -> APIRouter:
    """The routes under `/api/approvals`."""
    router = APIRouter(prefix="/api/approvals", tags=["Approvals"], responses=RESPONSES)
    found = parts.dispatcher.platform.flows.approvals
    Signed = Annotated[Caller, Depends(parts.caller)]  # noqa: N806 - a type

    @router.get("", operation_id="approvals.list", summary="What waits for you")
    async def show_all(caller: Signed, filters: Annotated[Filters, Query()]) -> list[ApprovalView]:
        return await found.list(caller, filters.sought(), limit=filters.limit)

    @router.get("/count", operation_id="approvals.count", summary="How much waits for you")
    async def count(caller: Signed) -> Counts:
        return await found.count(caller)

    @router.get("/mail", operation_id="approvals.mail", summary="Whether you get e-mails")
    async def mail(caller: Signed) -> MailChoice:
        return MailChoice(by_mail=await found.letters.wants(caller))

    @router.put("/mail", operation_id="approvals.choose_mail", summary="Get e-mails, or none")
    async def choose_mail(caller: Signed, body: MailChoice) -> MailChoice:
        await found.letters.want(caller, body.by_mail)
        return body

    @router.get("/letters", operation_id="approvals.letters", summary="E-mails that were given up")
    async def letters(caller: Signed) -> list[LetterView]:
        return await found.letters.failed(caller)

    @router.post(
        "/letters/{letter_id}/retry",
        operation_id="approvals.retry_letter",
        summary="Try an e-mail again that was given up",
    )
    async def retry(caller: Signed, letter_id: str) -> LetterView:
        return await found.letters.retry(caller, letter_id)

    @router.get("/{approval_id}", operation_id="approvals.show", summary="Show a question")
    async def show(caller: Signed, approval_id: str) -> ApprovalView:
        return await found.show(caller, approval_id)

    @router.get(
        "/{approval_id}/history", operation_id="approvals.history", summary="What became of it"
    )
    async def history(caller: Signed, approval_id: str) -> list[HistoryEntry]:
        return [*await found.history(caller, approval_id)]

    @router.post("/{approval_id}", operation_id="approvals.decide", summary="Answer a question")
    async def decide(caller: Signed, approval_id: str, body: Decide) -> Decision:
        ballot = Ballot(body.choice, body.text, body.reason, Way.API)
        return await found.decide(caller, approval_id, ballot)

    @router.post(
        "/{approval_id}/reassign",
        operation_id="approvals.reassign",
        summary="Put a question to somebody else",
    )
    async def reassign(caller: Signed, approval_id: str, body: Reassign) -> ApprovalView:
        to = body.to_role if body.to_role is not None else body.to_user or ""
        return await found.reassign(caller, approval_id, to, body.note)

    return router
