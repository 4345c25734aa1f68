"""What is written about a review: each change with its event in one transaction, and only once.

A step of the flow may run twice when its process is killed between the commit and the record of the step.
So every change here asks first whether it has been made: a review is taken in once per run and once per
id of the sender, ends once, and each of its events has a key.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Bug, Conflict, NotFound
from stoa.contract import Call
from stoa.core.events.events import Events
from stoa.core.flows.questions import Decision
from stoa.core.language.detect import detect_language, likely_language
from stoa.solutions.answer_reviews import events
from stoa.solutions.answer_reviews.channels import settings_of
from stoa.solutions.answer_reviews.judging import plain_text
from stoa.solutions.answer_reviews.schema import (
    ChannelSettings,
    ReviewState,
    ReviewView,
    Score,
    Submit,
)
from stoa.solutions.answer_reviews.tables import LabelRow, ReviewRow

T = TypeVar("T")


class Intake(BaseModel):
    """A review as it was taken in, with the settings that hold for it whatever is set later."""

    id: str
    language: str
    settings: ChannelSettings
    mine: bool
    """False: another run has it, because the sender sent it twice."""


class Findings(BaseModel):
    """What a run has found about its review so far."""

    toxicity: Score | None = None
    sentiment: Score | None = None
    reply: str = ""
    reply_by: str = ""
    reply_toxicity: Score | None = None

    def put(self, row: ReviewRow) -> None:
        """Write it into the row. A reply that a person has changed stays as it is."""
        for name in ("toxicity", "sentiment", "reply_toxicity"):
            score: Score | None = getattr(self, name)
            if score is not None:
                setattr(row, name, score.model_dump(mode="json"))
        if self.reply and not row.reply_edited:
            row.reply, row.reply_by = self.reply, self.reply_by


class Desk:
    """The changes to reviews that a run makes."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def receive(self, request: Submit) -> Intake:
        """Take a review in and tell that it is there; or find that it has come before.

        Raises:
            NotFound: a picture that is not of this workspace.
            Conflict: the same id came with another text.
        """
        for picture in request.pictures:
            await self._call.platform.files.get(self._call.caller, picture)
        language = await asyncio.to_thread(_language_of, request.text)
        return await self._write(lambda s: self._receive(s, request, language))

    def _receive(self, session: Session, request: Submit, language: str) -> Intake:
        digest = hashlib.sha256(request.text.encode()).hexdigest()
        row, mine = _known(session, self._call.run_id, request), True
        if row is None:
            row = _new(request, self._call.run_id, language, digest)
            session.add(row)
            session.flush()
            self._tell(session, row, events.RECEIVED, events.Received(**names_of(row)))
            if request.pictures:
                told = events.PicturesReceived(**names_of(row), pictures=request.pictures)
                self._tell(session, row, events.PICTURES, told)
        else:
            mine = self._call.run_id is not None and row.run_id == self._call.run_id
        if row.sha256 != digest and row.state != ReviewState.RETRACTED:
            raise Conflict(
                f"'{request.review_id}' came before with another text.",
                hint="Give an edited review an id of its own.",
                review=row.id,
            )
        settings = settings_of(session, row.channel)
        return Intake(id=row.id, language=row.language, settings=settings, mine=mine)

    async def hold(self, review: str, state: ReviewState, findings: Findings) -> bool:
        """Keep what was found so far: a person is about to be asked. False: nobody is to be, since the
        review was retracted while its run was at work."""

        def work(session: Session) -> bool:
            row = locked(session, review)
            if ReviewState(row.state).ended:
                return False
            findings.put(row)
            if row.state != state:
                row.state = state
                row.held += 1
            return True

        return await self._write(work)

    async def decided(self, review: str, decision: Decision, *, about_reply: bool) -> None:
        """Keep who decided; a decision about the review itself is a label of its score."""

        def work(session: Session) -> None:
            row = locked(session, review)
            if row.state == ReviewState.RETRACTED:
                return
            row.decided_by = decision.decided_by_name or decision.decided_by or ""
            row.reason = decision.reason[:1000]
            if about_reply and decision.text is not None and decision.text != row.reply:
                row.reply, row.reply_edited = decision.text, True
            row.state = ReviewState.RECEIVED
            if decision.choice is not None and not about_reply and row.toxicity is not None:
                harmful = decision.choice == REJECT
                by = decision.decided_by_name or decision.decided_by or ""
                keep_label(
                    session, f"asked {decision.approval_id}", row, harmful, by=by, asked=True
                )

        await self._write(work)

    async def finish(
        self, review: str, state: ReviewState, reason: str, findings: Findings
    ) -> ReviewView:
        """End a review, with its final event. One that has ended stays as it is."""

        def work(session: Session) -> ReviewView:
            row = locked(session, review)
            if not ReviewState(row.state).ended:
                findings.put(row)
                row.state, row.ended_at = state, now()
                row.reason = reason[:1000] or row.reason
                self._tell(session, row, events.FINAL[state], _final(row, state), key="final")
            return view_of(session, row)

        return await self._write(work)

    async def shown(self, review: str) -> ReviewView:
        """The review as it stands."""
        return await self._call.platform.database.read(
            lambda s: view_of(s, found(s, review)), workspace=self._call.caller.workspace_id
        )

    def _tell(
        self, session: Session, row: ReviewRow, type_: str, data: BaseModel, *, key: str = ""
    ) -> None:
        tell(self._call.platform.events, session, row, type_, data, key=key)

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self._call.platform.database.write(
            work, workspace=self._call.caller.workspace_id
        )


def _language_of(text: str) -> str:
    """Takes half a second the first time, when the model is loaded."""
    plain = plain_text(text)
    return detect_language(plain) or likely_language(plain)


ACCEPT, REJECT = "accept", "reject"
"""The choices of a person, about a review and about a reply."""


def tell(
    outbox: Events, session: Session, row: ReviewRow, type_: str, data: BaseModel, *, key: str = ""
) -> None:
    """Put an event of a review into the outbox, once per review and key."""
    outbox.add(
        session,
        workspace=row.workspace_id,
        type=type_,
        source=events.SOURCE,
        subject=row.id,
        data=data.model_dump(mode="json"),
        key=f"answer_reviews {row.id} {key or type_}",
    )


def keep_label(
    session: Session, key: str, row: ReviewRow, harmful: bool, *, by: str, asked: bool,
    note: str = "",
) -> None:  # fmt: skip
    """Remember what a person said of a score; the same key again replaces it."""
    if row.toxicity is None:
        raise Bug("a label of a review that has no score")
    label = session.scalar(sa.select(LabelRow).where(LabelRow.key == key))
    if label is None:
        label = LabelRow(
            id=new_id("label"), workspace_id=row.workspace_id, key=key, review=row.id,
            channel=row.channel, asked=asked,
        )  # fmt: skip
        session.add(label)
    label.score, label.harmful = row.toxicity["score"], harmful
    label.by, label.note, label.at = by[:200], note, now()


def found(session: Session, review: str) -> ReviewRow:
    """A review of the session's workspace. Raises NotFound."""
    row = session.scalar(sa.select(ReviewRow).where(ReviewRow.id == review))
    if row is None:
        raise _absent(review)
    return row


def view_of(session: Session, row: ReviewRow, *, cut: int | None = None) -> ReviewView:
    """The row as people see it; `cut`: at most so many characters of its texts."""
    query = sa.select(LabelRow.harmful).where(LabelRow.review == row.id)
    label = session.scalar(query.order_by(LabelRow.at.desc()).limit(1))
    plain = {name: getattr(row, name) for name in ReviewView.model_fields if hasattr(row, name)}
    plain |= {"review_id": row.review_id or "", "run_id": row.run_id or "", "label": label}
    if cut is not None:
        plain |= {name: _cut(plain[name], cut) for name in ("text", "reply")}
        for name in ("toxicity", "sentiment", "reply_toxicity"):
            plain[name] = None if plain[name] is None else plain[name] | {"spans": []}
    return ReviewView.model_validate(plain)


def names_of(row: ReviewRow) -> dict[str, str]:
    """What every event says of a review."""
    return {
        "review": row.id,
        "channel": row.channel,
        "source": row.source,
        "review_id": row.review_id or "",
        "language": row.language,
    }


def _final(row: ReviewRow, state: ReviewState) -> BaseModel:
    if state is ReviewState.HARMFUL:
        score = (row.toxicity or {}).get("score", 0.0)
        return events.Harmful(**names_of(row), toxicity=score, by_person=bool(row.decided_by))
    if state is ReviewState.FAILED:
        return events.Failed(**names_of(row), reason=row.reason)
    return events.Answered(
        **names_of(row),
        reply=row.reply,
        sentiment=(row.sentiment or {}).get("score", 0.0),
        answered_by=row.reply_by,
        by_person=bool(row.decided_by),
    )


def locked(session: Session, review: str) -> ReviewRow:
    """As `found`, held by the transaction until it ends."""
    query = sa.select(ReviewRow).where(ReviewRow.id == review).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise _absent(review)
    return row


def _known(session: Session, run_id: str | None, request: Submit) -> ReviewRow | None:
    if run_id is not None:
        row = session.scalar(sa.select(ReviewRow).where(ReviewRow.run_id == run_id))
        if row is not None:
            return row
    if not request.review_id:
        return None
    return session.scalar(
        sa.select(ReviewRow).where(
            ReviewRow.channel == request.channel,
            ReviewRow.source == request.source,
            ReviewRow.review_id == request.review_id,
        )
    )


def _new(request: Submit, run_id: str | None, language: str, digest: str) -> ReviewRow:
    return ReviewRow(
        id=new_id("review"),
        run_id=run_id,
        channel=request.channel,
        source=request.source,
        review_id=request.review_id or None,
        sha256=digest,
        title=request.title,
        text=request.text,
        author=request.author,
        product=request.product,
        rating=request.rating,
        language=language,
        pictures=[*request.pictures],
        state=ReviewState.RECEIVED,
        reply="",
        reply_by="",
        reply_edited=False,
        held=0,
        decided_by="",
        reason="",
        received_at=now(),
    )


def _absent(review: str) -> NotFound:
    return NotFound(f"There is no review '{review}'.", hint="List the reviews to see their ids.")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most].rstrip() + " …"
