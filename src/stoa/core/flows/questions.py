"""The words of asking a person: the question, what it may carry, how it stands, what came of it.

Only shapes and what a shape can check by itself. Who may decide, and what a decision does, is not here.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stoa.base.identity.caller import Role

TEXT_LIMIT = 1_000_000
NOTE_LIMIT = 2_000
MOST_CHOICES = 9
"""As many as there are number keys."""


class ApprovalState(StrEnum):
    """Where a question stands."""

    OPEN = "open"
    DECIDED = "decided"
    EXPIRED = "expired"
    """Nobody decided in time. Where the question has a default choice, that choice holds."""
    WITHDRAWN = "withdrawn"
    """Its run was cancelled; a resumed run asks again."""


class Way(StrEnum):
    """By which way a choice came."""

    CONSOLE = "console"
    EMAIL = "email"
    API = "api"
    EXPIRY = "expiry"


class Highlight(BaseModel):
    """A part of a text that the person should look at, counted in characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int = Field(ge=0)
    end: int = Field(gt=0)
    note: str = Field("", max_length=200)
    """Why, in a few words."""
    field: str = ""
    """Name of the context's entry that the part is of; empty: of the editable text."""


class Asking(TypedDict, total=False):
    """What a question may carry beside its words and its choices. Everything may be left out."""

    to: Role | str | None
    """A role, or the id of a user. None: every member of the workspace."""
    context: Mapping[str, Any]
    """Plain JSON shown with the question."""
    editable_text: str | None
    """A text that the person may change before choosing."""
    highlights: Sequence[Highlight]
    """Parts of the editable text, or of texts in the context, to look at."""
    people: int
    """So many different people must make the same choice (four eyes: 2)."""
    excluding: Collection[str]
    """Ids of users who may not decide, such as the author."""
    deadline: datetime | timedelta | None
    """A time, or how long from now, after which the question expires."""
    default_choice: str | None
    """The choice that holds when it expires; None: an expired decision has none."""
    escalate_to: Role | str | None
    """Whom the question moves to when nobody has decided it in time."""
    escalate_after: timedelta | None
    """How long from now it waits before it moves."""
    remind_before: timedelta | None
    """How long before the deadline those who are asked get a second e-mail."""
    once_asked: Callable[[], Awaitable[None]]
    """Called while the question stands and before the run leaves, perhaps more than once. Where the same
    can be decided elsewhere, it looks whether that has just been done, and answers the question."""


class Question(BaseModel):
    """A question, whole and checked. `Question.of(…)` makes one from the words of `ask_person`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = Field(min_length=1)
    choices: list[str] = Field(min_length=1, max_length=MOST_CHOICES)
    context: dict[str, Any] = {}
    editable_text: str | None = Field(None, max_length=TEXT_LIMIT)
    highlights: list[Highlight] = []
    to: Role | str | None = None
    people: int = Field(1, ge=1, le=20)
    excluding: list[str] = []
    deadline: datetime | timedelta | None = None
    default_choice: str | None = None
    escalate_to: Role | str | None = None
    escalate_after: timedelta | None = None
    remind_before: timedelta | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Question":
        if len({*self.choices}) != len(self.choices) or any(
            not 0 < len(c) <= 80 for c in self.choices
        ):
            raise ValueError("choices are different texts of 1 to 80 characters")
        if self.default_choice is not None and self.default_choice not in self.choices:
            raise ValueError("the default choice is not among the choices")
        if (self.default_choice or self.remind_before) and self.deadline is None:
            raise ValueError("a default choice or a reminder needs a deadline")
        if (self.escalate_to is None) != (self.escalate_after is None):
            raise ValueError("escalate_to and escalate_after go together")
        for each in self.highlights:
            text = self.context.get(each.field) if each.field else self.editable_text
            if not isinstance(text, str) or not each.start < each.end <= len(text):
                raise ValueError(f"a highlight lies outside its text: {each!r}")
        return self


class Decision(BaseModel):
    """What came of a question."""

    approval_id: str
    choice: str | None = None
    """One of the choices; None where the deadline passed first and there is no default."""
    text: str | None = None
    """The text as the person left it, where the question came with one to edit."""
    reason: str = ""
    """What the person gave as a reason."""
    decided_by: str | None = None
    """Of several people, the last who agreed."""
    decided_by_name: str = ""
    decided_at: datetime | None = None
    way: Way | None = None
    expired: bool = False


class Vote(BaseModel):
    """What one person chose of a question that takes several."""

    user_id: str
    name: str
    choice: str
    text: str | None
    reason: str
    way: Way
    at: datetime


class ApprovalView(BaseModel):
    """A question as people see it in the inbox."""

    id: str
    run_id: str
    solution: str
    operation: str
    question: str
    context: dict[str, Any]
    choices: list[str]
    highlights: list[Highlight]
    to_role: str | None
    to_user: str | None
    to_name: str = ""
    """Name of the user it is asked of."""
    editable_text: str | None
    people: int
    votes: list[Vote] = []
    state: ApprovalState
    choice: str | None
    text: str | None
    reason: str
    way: Way | None
    decided_by: str | None
    decided_by_name: str
    decided_at: datetime | None
    deadline: datetime | None
    default_choice: str | None
    escalate_at: datetime | None
    escalated_at: datetime | None
    created_at: datetime
    may_decide: bool = True
    """Whether the caller may choose now."""

    @property
    def proposed_text(self) -> str | None:
        """The text as the last who voted left it: what the next person agrees to or changes."""
        return self.votes[-1].text if self.votes else self.editable_text


class HistoryEntry(BaseModel):
    """One line of what became of a question, from the audit log that nobody can rewrite."""

    at: datetime
    action: str
    """`asked`, `voted`, `decided`, `reassigned`, `escalated`, `expired`, `withdrawn`, `asked_again`."""
    actor: str
    details: dict[str, Any]


class Order(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DUE = "due"
    """The nearest deadline; those without one last."""


class Sought(BaseModel):
    """Which questions an inbox shows, and in which order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: ApprovalState | None = ApprovalState.OPEN
    solution: str = ""
    role: Role | None = None
    """Only what is asked of this role."""
    mine: bool = False
    """Only what is asked of the caller by name."""
    everyone: bool = False
    """For owners: also what is asked of other people by name, so that nothing waits unseen."""
    older_than: timedelta | None = None
    order: Order = Order.NEWEST


class Counts(BaseModel):
    """How many open questions the caller may decide."""

    waiting: int
    mine: int
    by_solution: dict[str, int]


def pieces(text: str, highlights: Sequence[Highlight]) -> list[tuple[str, Highlight | None]]:
    """The text in pieces, in order, each with the highlight that covers it.

    Of two highlights that overlap, the one that begins first keeps its part.
    """
    found: list[tuple[str, Highlight | None]] = []
    at = 0
    for each in sorted(highlights, key=lambda h: (h.start, h.end)):
        start, end = max(each.start, at), min(each.end, len(text))
        if start >= end:
            continue
        if start > at:
            found.append((text[at:start], None))
        found.append((text[start:end], each))
        at = end
    if at < len(text):
        found.append((text[at:], None))
    return found
