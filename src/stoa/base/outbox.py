"""Where rooms leave the events of what they change, so that events and change are kept together.

`core.events.Events` is the one there is. Rooms that know no other room say what they need by this.
"""

from typing import Any, Protocol

from sqlalchemy.orm import Session


class Outbox(Protocol):
    """Where events are left within a transaction."""

    def add(
        self,
        session: Session,
        *,
        workspace: str,
        type: str,
        source: str,
        subject: str | None = None,
        data: dict[str, Any],
        key: str | None = None,
    ) -> Any:
        """Add an event; the same key in a workspace adds once."""
        ...
