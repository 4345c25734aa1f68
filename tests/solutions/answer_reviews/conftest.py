"""People at work with answer_reviews: a `Desk` is one person's door to the operations of one house.

Where a text ends up is steered by the thresholds of a channel, so that these tests say nothing about
how good the classifiers are: theirs are in tests/core/language.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE
from stoa.base.identity.caller import Caller, Role
from stoa.core.events.tables import EventRow
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.run import RunState, RunView
from stoa.dispatch import Dispatcher
from stoa.solutions.answer_reviews.events import SOURCE
from stoa.solutions.answer_reviews.schema import ReviewState, ReviewView

KIND = "A kind word about the delivery: it was quick, and the parcel was in good order."
FRENCH = "La livraison était rapide et le colis en parfait état, je suis très contente."

LETS_PASS: dict[str, Any] = {"low": 1.0, "high": 1.0}
REFUSES: dict[str, Any] = {"low": 0.0, "high": 0.0}
HOLDS: dict[str, Any] = {"low": 0.0, "high": 1.0}


@dataclass
class Desk:
    """One caller's door to answer_reviews."""

    house: Dispatcher
    caller: Caller

    async def call(self, operation: str, **request: Any) -> Any:
        """Call an operation that is not durable."""
        return await self.house.call(self.caller, "answer_reviews", operation, request)

    async def channel(self, name: str = "default", **settings: Any) -> None:
        """Set a channel up."""
        await self.call("channel_set", channel=name, **settings)

    async def start(self, text: str = KIND, **request: Any) -> str:
        """Send a review; return its run."""
        given = {"text": text, **request}
        return (await self.house.start(self.caller, "answer_reviews", "submit", given)).run_id

    async def submit(self, text: str = KIND, **request: Any) -> ReviewView:
        """Send a review and wait for what comes of it."""
        view = await self.settled(await self.start(text, **request))
        assert view.state is RunState.DONE, view.error
        return ReviewView.model_validate(view.result)

    async def settled(self, run_id: str) -> RunView:
        """The run, once it has ended or waits for a person."""
        while True:
            view = await self.house.platform.flows.show(self.caller, run_id)
            if view.state.ended or view.state is RunState.WAITING:
                return view
            await asyncio.sleep(0.01)

    async def asked(self, run_id: str) -> str:
        """The id of the one question that the run waits with."""
        view = await self.settled(run_id)
        assert view.state is RunState.WAITING, (view.state, view.error, view.result)
        inbox = await self.house.platform.flows.approvals.list(self.caller)
        return next(each.id for each in inbox if each.run_id == run_id)

    async def decide(self, run_id: str, choice: str, text: str | None = None) -> RunView:
        """Answer the run's question; the run as it is once it has gone on."""
        question = await self.asked(run_id)
        approvals = self.house.platform.flows.approvals
        await approvals.decide(self.caller, question, Ballot(choice=choice, text=text))
        return await self.settled(run_id)

    async def show(self, run_id: str) -> ReviewView:
        """The review of a run."""
        found = await self.call("list", limit=500)
        review = next(each for each in found.reviews if each.run_id == run_id)
        shown: ReviewView = await self.call("show", review=review.id)
        return shown

    async def told(self, review: str | None = None) -> list[str]:
        """Types of the events that have been published, of one review or of all, in order."""

        def look(session: Any) -> list[str]:
            query = sa.select(EventRow.type).where(
                EventRow.workspace_id == self.caller.workspace_id, EventRow.source == SOURCE
            )
            if review is not None:
                query = query.where(EventRow.subject == review)
            return list(session.scalars(query.order_by(EventRow.moment)))

        return await self.house.platform.database.read(look, workspace=EVERY_WORKSPACE)

    def beside(self, user: str, role: Role) -> "Desk":
        """Another person of the same workspace."""
        return Desk(self.house, Caller(self.caller.workspace_id, user, role, user.title()))


@pytest.fixture
def desk(house: Dispatcher, alice: Caller) -> Desk:
    """The owner's desk."""
    return Desk(house, alice)


ENDED = [ReviewState.ANSWERED, ReviewState.HARMFUL, ReviewState.FAILED]
