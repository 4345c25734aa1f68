"""Looking at reviews, taking them out, labelling them, and forgetting them."""

import csv
import io
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.errors import Conflict, NotFound
from stoa.contract import Call
from stoa.solutions.answer_reviews import events
from stoa.solutions.answer_reviews.keeping import (
    found,
    keep_label,
    locked,
    names_of,
    tell,
    view_of,
)
from stoa.solutions.answer_reviews.schema import (
    OPEN,
    EventLine,
    EventLines,
    Export,
    Exported,
    Label,
    ListEvents,
    ListReviews,
    ReviewRequest,
    Reviews,
    ReviewState,
    ReviewView,
)
from stoa.solutions.answer_reviews.tables import PictureRow, ReviewRow

_CUT = 300
_MOST_EXPORTED = 100_000
_COLUMNS = (
    "id", "channel", "source", "review_id", "received_at", "ended_at", "state", "language", "rating",
    "author", "product", "title", "text", "toxicity", "sentiment", "reply", "reply_by", "reply_edited",
    "held", "decided_by", "label", "reason",
)  # fmt: skip


async def list_reviews(call: Call, request: ListReviews) -> Reviews:
    """List reviews with where they stand, newest first."""

    def look(session: Session) -> Reviews:
        query = sa.select(ReviewRow)
        if request.state is not None:
            query = query.where(ReviewRow.state == request.state)
        if request.open:
            query = query.where(ReviewRow.state.in_(OPEN))
        if request.channel is not None:
            query = query.where(ReviewRow.channel == request.channel)
        if request.text:
            words = sa.func.lower(request.text)
            places = (ReviewRow.text, ReviewRow.product, ReviewRow.review_id, ReviewRow.id)
            query = query.where(
                sa.or_(
                    *(sa.func.lower(place).contains(words, autoescape=False) for place in places)
                )
            )
        total = session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
        query = query.order_by(ReviewRow.received_at.desc(), ReviewRow.id.desc())
        rows = session.scalars(query.limit(request.limit).offset(request.offset))
        return Reviews(reviews=[view_of(session, row, cut=_CUT) for row in rows], total=total)

    return await call.platform.database.read(look, workspace=call.caller.workspace_id)


async def show(call: Call, request: ReviewRequest) -> ReviewView:
    """Show a review with its scores, its reply and who decided."""
    return await call.platform.database.read(
        lambda session: view_of(session, found(session, request.review)),
        workspace=call.caller.workspace_id,
    )


async def retract(call: Call, request: ReviewRequest) -> ReviewView:
    """Forget what a review says, stop what is under way, and tell consumers that it was withdrawn.

    Scores and labels stay, without the text. Nothing more is published about it.
    """

    def forget(session: Session) -> ReviewView:
        row = locked(session, request.review)
        if row.state != ReviewState.RETRACTED:
            row.state, row.ended_at = ReviewState.RETRACTED, now()
            row.text = row.title = row.author = row.reply = row.reason = ""
            for column in ("toxicity", "reply_toxicity"):
                kept = getattr(row, column)
                setattr(row, column, None if kept is None else kept | {"spans": []})
            session.execute(sa.delete(PictureRow).where(PictureRow.review == row.id))
            told = events.Retracted(**names_of(row))
            tell(call.platform.events, session, row, events.RETRACTED, told)
            call.platform.audit.record(session, call.caller, "answer_reviews.retract", row.id)
        return view_of(session, row)

    view = await call.platform.database.write(forget, workspace=call.caller.workspace_id)
    if view.run_id:
        with suppress(NotFound):  # pruned; one that still works finds the review retracted
            await call.platform.flows.cancel(call.caller, view.run_id)
    return view


async def label(call: Call, request: Label) -> ReviewView:
    """Say whether a review is harmful, whatever was done with it: thresholds are tuned on that."""

    def keep(session: Session) -> ReviewView:
        row = locked(session, request.review)
        if row.toxicity is None:
            raise Conflict("The review has no score yet.", hint="Wait until it has been judged.")
        keep_label(
            session,
            f"said {row.id} {call.caller.user_id}",
            row,
            request.harmful,
            by=call.caller.name or call.caller.user_id,
            asked=False,
            note=request.note,
        )
        session.flush()
        return view_of(session, row)

    return await call.platform.database.write(keep, workspace=call.caller.workspace_id)


async def event_log(call: Call, request: ListEvents) -> EventLines:
    """List what has been published about reviews, and whether every consumer has it."""
    log = call.platform.events.log
    types = [each.type for each in events.EVENTS]
    found_ = await log.list(
        call.caller, types=types, subject=request.review or None, limit=request.limit
    )
    return EventLines(
        events=[
            EventLine(
                id=each.id,
                type=each.event.type,
                review=each.event.subject or "",
                at=each.at,
                waiting=each.waiting,
                delivered=each.delivered,
                dead=each.dead,
            )
            for each in found_
            if each.event.source == events.SOURCE
        ]
    )


async def export(call: Call, request: Export) -> Exported:
    """Take reviews out as CSV or JSON lines, newest first."""

    def look(session: Session) -> list[ReviewView]:
        since = now() - timedelta(days=request.days)
        query = sa.select(ReviewRow).where(ReviewRow.received_at >= since)
        if request.channel is not None:
            query = query.where(ReviewRow.channel == request.channel)
        query = query.order_by(ReviewRow.received_at.desc(), ReviewRow.id.desc())
        return [view_of(session, row) for row in session.scalars(query.limit(_MOST_EXPORTED))]

    views = await call.platform.database.read(look, workspace=call.caller.workspace_id)
    name = f"reviews.{request.format}"
    if request.format == "jsonl":
        text = "".join(view.model_dump_json() + "\n" for view in views)
        return Exported(name=name, media_type="application/jsonl", text=text, reviews=len(views))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    writer.writerows([_cell(view, column) for column in _COLUMNS] for view in views)
    return Exported(name=name, media_type="text/csv", text=buffer.getvalue(), reviews=len(views))


def _cell(view: ReviewView, column: str) -> str | int | float | bool | None:
    value = getattr(view, column)
    if column in ("toxicity", "sentiment"):
        return None if value is None else float(value.score)
    if isinstance(value, str):
        # A spreadsheet would run a text that begins like a formula.
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    return value if value is None or isinstance(value, int | float | bool) else str(value)
