"""Questions that runs have put to people, over HTTP: the inbox, and the answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from stoa.app.rest.failures import RESPONSES
from stoa.app.rest.parts import Parts
from stoa.base.identity.caller import Caller
from stoa.contract import Request as Body
from stoa.core.flows.approvals import MOST_APPROVALS, ApprovalState, ApprovalView, Decision


class Decide(Body):
    """The answer to a question."""

    choice: str = Field(description="One of the question's choices.", max_length=200)
    text: str | None = Field(None, description="The edited text, where one came with the question.")


def approvals(parts: Parts) -> APIRouter:
    """The routes under `/api/approvals`."""
    router = APIRouter(prefix="/api/approvals", tags=["Approvals"], responses=RESPONSES)
    flows = parts.dispatcher.platform.flows
    Signed = Annotated[Caller, Depends(parts.caller)]  # noqa: N806 - a type

    @router.get("", operation_id="approvals.list", summary="What waits for you")
    async def show_all(
        caller: Signed,
        state: ApprovalState | None = ApprovalState.OPEN,
        limit: Annotated[int, Query(ge=1, le=MOST_APPROVALS)] = 100,
    ) -> list[ApprovalView]:
        return await flows.approvals.list(caller, state=state, limit=limit)

    @router.get("/{approval_id}", operation_id="approvals.show", summary="Show a question")
    async def show(caller: Signed, approval_id: str) -> ApprovalView:
        return await flows.approvals.show(caller, approval_id)

    @router.post("/{approval_id}", operation_id="approvals.decide", summary="Answer a question")
    async def decide(caller: Signed, approval_id: str, body: Decide) -> Decision:
        return await flows.approvals.decide(caller, approval_id, body.choice, body.text)

    return router
