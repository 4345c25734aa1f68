"""Channels: their thresholds, who judges, who is asked, and how replies end."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id
from stoa.base.errors import InvalidInput
from stoa.contract import Call
from stoa.solutions.answer_reviews.schema import (
    OPEN,
    Channels,
    ChannelSettings,
    ChannelView,
    ListChannels,
)
from stoa.solutions.answer_reviews.tables import ChannelRow, ReviewRow


async def channels(call: Call, request: ListChannels) -> Channels:
    """List the channels with their thresholds and how many reviews they have."""
    del request
    return await call.platform.database.read(_all, workspace=call.caller.workspace_id)


async def channel_set(call: Call, request: ChannelSettings) -> ChannelSettings:
    """Set how a channel is handled: reviews that come in from now on are."""
    if request.low > request.high:
        raise InvalidInput("The lower threshold is above the upper one.", hint="Swap them.")

    def save(session: Session) -> ChannelSettings:
        row = _row(session, request.channel)
        if row is None:
            row = ChannelRow(id=new_id("channel"), name=request.channel)
            session.add(row)
        row.settings = request.model_dump(mode="json")
        call.platform.audit.record(
            session, call.caller, "answer_reviews.channel_set", row.id, **row.settings
        )
        return request

    return await call.platform.database.write(save, workspace=call.caller.workspace_id)


def settings_of(session: Session, channel: str) -> ChannelSettings:
    """The settings of a channel, or the defaults; within a session of the workspace."""
    row = _row(session, channel)
    kept = row.settings if row is not None else {}
    return ChannelSettings.model_validate(kept | {"channel": channel})


def _row(session: Session, channel: str) -> ChannelRow | None:
    return session.scalar(sa.select(ChannelRow).where(ChannelRow.name == channel))


def _all(session: Session) -> Channels:
    query = sa.select(
        ReviewRow.channel,
        sa.func.count(),
        sa.func.sum(sa.case((ReviewRow.state.in_(OPEN), 1), else_=0)),
    ).group_by(ReviewRow.channel)
    counts = {name: (int(all_), int(open_)) for name, all_, open_ in session.execute(query)}
    rows: Sequence[ChannelRow] = session.scalars(sa.select(ChannelRow)).all()
    set_up = {row.name: row.settings for row in rows}
    names = sorted({"default", *counts, *set_up})
    return Channels(
        channels=[
            ChannelView(
                settings=ChannelSettings.model_validate(set_up.get(name, {}) | {"channel": name}),
                reviews=counts.get(name, (0, 0))[0],
                open=counts.get(name, (0, 0))[1],
            )
            for name in names
        ]
    )
