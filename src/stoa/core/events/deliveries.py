"""Deliveries as rows: functions that spread, hand out and record them inside a transaction.

A delivery is due at `next_at`. An attempt that begins moves that on by the length of a lease and counts
`attempts` up: so processes never take the same one at once, one that dies leaves nothing behind but a
delivery that is due again, and a late result of an attempt that was given up changes nothing. This
file knows no HTTP.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.core.events import outbox
from stoa.core.events.event import matches
from stoa.core.events.tables import DeliveryRow, DeliveryState, EventRow, SubscriptionRow

_SPREAD = 500
"""Events that one transaction spreads, of one workspace."""
_ERROR_LIMIT = 500


@dataclass(frozen=True)
class Target:
    """Where a subscription wants its events; secrets are sealed."""

    url: str
    secrets: tuple[bytes, ...]


@dataclass(frozen=True)
class Due:
    """A consumer for whom something is due."""

    consumer: str
    failing: bool = False
    """Its last attempt failed: it is tried with one delivery at a time."""
    target: Target | None = None
    """None for a part of this house."""


@dataclass(frozen=True)
class Taken:
    """A delivery that this process holds a lease on."""

    event_id: str
    consumer: str
    workspace: str
    attempt: int
    envelope: dict[str, Any]
    target: Target | None


@dataclass(frozen=True)
class Outcome:
    """How an attempt went."""

    taken: Taken
    status: int | None = None
    error: str = ""
    """Empty: delivered."""
    wait: float | None = None
    """Seconds that the consumer asked to be left alone for."""
    final: bool = False
    """No other attempt could go better."""
    gone: bool = False
    """The consumer says that it wants nothing more (410)."""


def spread(session: Session, reactions: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Number what was committed since, and make its deliveries.

    Args:
        reactions: parts of this house by name, and the types that each wants.

    Returns:
        The last number of each workspace that got events.
    """
    last = {}
    for workspace in outbox.unnumbered(session):
        events = outbox.number(session, workspace, _SPREAD)
        wants = _wants(session, workspace) | dict(reactions)
        at = now()
        rows = [
            {
                "event_id": event.id,
                "consumer": consumer,
                "workspace_id": workspace,
                "state": DeliveryState.WAITING,
                "attempts": 0,
                "next_at": at,
                "error": "",
            }
            for event in events
            for consumer, types in wants.items()
            if matches(types, event.type)
        ]
        if rows:
            session.execute(sa.insert(DeliveryRow), rows)
        if events:
            last[workspace] = events[-1].number or 0
    return last


def _wants(session: Session, workspace: str) -> dict[str, Collection[str]]:
    query = sa.select(SubscriptionRow.id, SubscriptionRow.types).where(
        SubscriptionRow.workspace_id == workspace, SubscriptionRow.active
    )
    return {row.id: row.types for row in session.execute(query)}


def due(session: Session, reactions: Iterable[str]) -> list[Due]:
    """Everyone for whom something is due now."""
    at = now()
    query = sa.select(SubscriptionRow).where(
        SubscriptionRow.active,
        sa.or_(SubscriptionRow.rests_until.is_(None), SubscriptionRow.rests_until <= at),
        sa.exists().where(DeliveryRow.consumer == SubscriptionRow.id, *_is_due(at)),
    )
    found = [
        Due(row.id, row.failures > 0, Target(row.url, _secrets(row)))
        for row in session.scalars(query)
    ]
    for name in reactions:
        mine = sa.select(sa.exists().where(DeliveryRow.consumer == name, *_is_due(at)))
        if session.scalar(mine):
            found.append(Due(name))
    return found


def _is_due(at: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return DeliveryRow.state == DeliveryState.WAITING, DeliveryRow.next_at <= at


def _secrets(row: SubscriptionRow) -> tuple[bytes, ...]:
    if row.old_secret is not None and row.old_until is not None and row.old_until > now():
        return row.secret, row.old_secret
    return (row.secret,)


def take(session: Session, of: Due, limit: int, lease: float) -> list[Taken]:
    """Take a lease on what is due for longest."""
    at = now()
    query = (
        sa.select(DeliveryRow, EventRow.envelope)
        .join(EventRow, EventRow.id == DeliveryRow.event_id)
        .where(DeliveryRow.consumer == of.consumer, *_is_due(at))
        .order_by(DeliveryRow.next_at, DeliveryRow.event_id)
        .limit(limit)
        .with_for_update(of=DeliveryRow, skip_locked=True)
    )
    found = session.execute(query).all()
    taken = []
    for row, envelope in found:
        row.attempts += 1
        row.next_at = at + timedelta(seconds=lease)
        taken.append(
            Taken(row.event_id, row.consumer, row.workspace_id, row.attempts, envelope, of.target)
        )
    session.flush()
    return taken


def record(session: Session, outcomes: Sequence[Outcome], pauses: Sequence[float]) -> None:
    """Write down how attempts went.

    Args:
        pauses: seconds after the first, second … failed attempt until the next; then it is dead.
    """
    ordered = sorted(outcomes, key=lambda each: (each.taken.consumer, each.taken.event_id))
    for outcome in ordered:
        if outcome.error:
            _failed(session, outcome, pauses)
    delivered = [each for each in ordered if not each.error]
    if delivered:
        _delivered(session, delivered)
    for consumer in dict.fromkeys(each.taken.consumer for each in ordered):
        mine = [each for each in ordered if each.taken.consumer == consumer]
        if mine[0].taken.target is not None:
            _note_health(session, consumer, mine)


def _delivered(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Also where the lease had run out: it has arrived."""
    statement = (
        sa.update(DeliveryRow)
        .where(
            DeliveryRow.event_id == sa.bindparam("of_event"),
            DeliveryRow.consumer == sa.bindparam("of_consumer"),
        )
        .values(
            state=DeliveryState.DELIVERED,
            status=sa.bindparam("with_status"),
            error="",
            ended_at=sa.bindparam("at"),
        )
    )
    at = now()
    rows = [
        {
            "of_event": each.taken.event_id,
            "of_consumer": each.taken.consumer,
            "with_status": each.status,
            "at": at,
        }
        for each in outcomes
    ]
    session.connection().execute(statement, rows)


def _failed(session: Session, outcome: Outcome, pauses: Sequence[float]) -> None:
    """Only where the attempt is the last one: a later one says how it stands."""
    taken = outcome.taken
    values: dict[str, Any] = {"status": outcome.status, "error": outcome.error[:_ERROR_LIMIT]}
    if outcome.final or taken.attempt > len(pauses):
        values |= {"state": DeliveryState.DEAD, "ended_at": now()}
    else:
        pause = pauses[taken.attempt - 1] * random.uniform(0.8, 1.2)
        values["next_at"] = now() + timedelta(seconds=max(pause, outcome.wait or 0))
    session.execute(
        sa.update(DeliveryRow)
        .where(
            DeliveryRow.event_id == taken.event_id,
            DeliveryRow.consumer == taken.consumer,
            DeliveryRow.attempts == taken.attempt,
            DeliveryRow.state == DeliveryState.WAITING,
        )
        .values(values)
    )


def _note_health(session: Session, consumer: str, outcomes: Sequence[Outcome]) -> None:
    of = sa.update(SubscriptionRow).where(SubscriptionRow.id == consumer)
    if any(each.gone for each in outcomes):
        session.execute(of.values(active=False, reason="It answered 410 Gone."))
        give_up(session, consumer, "The consumer is gone.")
        return
    failed = sum(1 for each in outcomes if each.error)
    if failed < len(outcomes):
        session.execute(of.values(failures=0, delivered_at=now(), rests_until=None))
    else:
        waits = [each.wait for each in outcomes if each.wait]
        rests = {"rests_until": now() + timedelta(seconds=max(waits))} if waits else {}
        session.execute(of.values(failures=SubscriptionRow.failures + failed, **rests))


def give_up(session: Session, consumer: str, why: str) -> None:
    """All that waits for a consumer is dead; it may be replayed."""
    session.execute(
        sa.update(DeliveryRow)
        .where(DeliveryRow.consumer == consumer, DeliveryRow.state == DeliveryState.WAITING)
        .values(state=DeliveryState.DEAD, error=why, ended_at=now())
    )
