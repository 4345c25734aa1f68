"""The history of a run or of a document: one line per event, newest last."""

from datetime import datetime
from typing import Any

from stoa.ui.elements import Tag, tag
from stoa.ui.feedback import Tone


class Timeline:
    """A list that grows while a person watches; screen readers hear what is added."""

    def __init__(self, **attributes: Any) -> None:
        self._list = tag(
            "ol", "", "timeline", aria_live="polite", **{"test": "timeline", **attributes}
        )

    def add(self, what: str, when: datetime, *, more: str = "", tone: Tone = "quiet") -> Tag:
        """Add one event."""
        with self._list, tag("li", "", f"tone-{tone}") as item:
            with tag("div", "", "wrap-anywhere"):
                tag("span", what)
                if more:
                    tag("div", more, "soft small")
            tag("time", when.astimezone().strftime("%H:%M:%S"), datetime=when.isoformat())
        return item

    def clear(self) -> None:
        """Empty it."""
        self._list.clear()
