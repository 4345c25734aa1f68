"""One attempt to bring an event to its consumer: a signed POST, or a call of a part of this house.

A webhook gets the event in CloudEvents' structured mode, signed per Standard Webhooks. Any 2xx means that it
has arrived; 410 that nothing more is wanted; everything else, redirects too, that it is tried again.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from stoa.base.database import now
from stoa.base.errors import LimitReached, ProviderError, StoaError, UserError
from stoa.base.post import Answered, Poster
from stoa.base.secrets import SecretBox
from stoa.core.events.deliveries import Outcome, Taken, Target
from stoa.core.events.event import CloudEvent
from stoa.core.events.pace import Pace
from stoa.core.events.reactions import React
from stoa.core.events.signing import signed_headers

JSON_TYPE = "application/cloudevents+json"
USER_AGENT = "Stoa (webhook)"
_GONE = 410


class Sender:
    """Makes attempts. It raises nothing: what went wrong is in the outcome."""

    def __init__(
        self, poster: Poster, box: SecretBox, reactions: Mapping[str, React], pace: Pace
    ) -> None:
        self._poster = poster
        self._box = box
        self._reactions = reactions
        self._pace = pace

    async def attempt(self, taken: Taken) -> Outcome:
        """Bring one event to one consumer."""
        try:
            if taken.target is None:
                return await self._react(taken)
            return await self._send(taken, taken.target)
        except StoaError as error:
            return Outcome(taken, error=str(error), final=taken.target is None and _is_final(error))
        except Exception as error:  # noqa: BLE001 - the edge: an attempt that is lost would hang
            return Outcome(taken, error=f"Unforeseen: {type(error).__name__}.")

    async def _react(self, taken: Taken) -> Outcome:
        event = CloudEvent.model_validate(taken.envelope)
        try:
            async with asyncio.timeout(self._pace.lease):
                await self._reactions[taken.consumer](taken.workspace, event)
        except TimeoutError as error:
            raise ProviderError("It took too long.", retryable=True) from error
        return Outcome(taken)

    async def _send(self, taken: Taken, target: Target) -> Outcome:
        body = json.dumps(taken.envelope, separators=(",", ":")).encode()
        secrets = [self._box.open(each).decode() for each in target.secrets]
        headers = signed_headers(secrets, taken.event_id, int(time.time()), body)
        headers |= {"Content-Type": f"{JSON_TYPE}; charset=utf-8", "User-Agent": USER_AGENT}
        answered = await self._poster.post(target.url, body, headers)
        return self._judge(taken, answered)

    def _judge(self, taken: Taken, answered: Answered) -> Outcome:
        status = answered.status
        if 200 <= status < 300:
            return Outcome(taken, status)
        error = f"It answered {status}."
        if 300 <= status < 400:
            error += " Redirects are not followed: subscribe with the address that it leads to."
        if status == _GONE:
            return Outcome(taken, status, error, final=True, gone=True)
        wait = min(seconds_of(answered.retry_after), self._pace.longest_wait)
        return Outcome(taken, status, error, wait=wait or None)


def _is_final(error: StoaError) -> bool:
    """The event does not fit what reacts to it, and won't later."""
    return isinstance(error, UserError) and not isinstance(error, LimitReached)


def seconds_of(retry_after: str | None) -> float:
    """What a Retry-After header says (RFC 9110 10.2.3): seconds, or a date; 0 where it says nothing."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now()).total_seconds())
