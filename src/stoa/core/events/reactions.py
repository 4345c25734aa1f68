"""What a part of this house does about an event."""

from collections.abc import Awaitable, Callable

from stoa.core.events.event import CloudEvent

React = Callable[[str, CloudEvent], Awaitable[None]]
"""Called with the workspace and the event, at least once, until it returns."""
