"""The words of answer_reviews: what its operations take and what they give back."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stoa.contract import FileField, FileId, Request, Result
from stoa.core.language.classify import Span

LONGEST_REVIEW = 100_000
"""Characters. A longer text is no review."""
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif")
PictureFile = Annotated[FileId, FileField(accept=PICTURE_ENDINGS)]
Id = Annotated[str, StringConstraints(max_length=40)]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class ReviewState(StrEnum):
    """Where a review stands."""

    RECEIVED = "received"
    """Being judged and answered."""
    HELD = "held"
    """A person decides whether it is harmful."""
    REPLY_HELD = "reply_held"
    """A person decides whether the reply may go out."""
    ANSWERED = "answered"
    """NEW_REVIEW_RESPONSE_CREATED was published."""
    HARMFUL = "harmful"
    """HARMFUL_CONTENT_DETECTED was published."""
    FAILED = "failed"
    """RESPONSE_GENERATION_FAILED was published."""
    RETRACTED = "retracted"
    """Withdrawn by whoever wrote it; the text is gone."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in OPEN


OPEN = (ReviewState.RECEIVED, ReviewState.HELD, ReviewState.REPLY_HELD)


class Submit(Request):
    """A review to be judged and answered."""

    text: str = Field(min_length=1, max_length=LONGEST_REVIEW, description="The review itself.")
    channel: Channel = Field(
        "default", description="Where it was written: its thresholds and signature apply."
    )
    source: str = Field("", max_length=200, description="The site or system it comes from.")
    review_id: str = Field(
        "",
        max_length=200,
        description="Your own id: the same id of the same channel and source is one review.",
    )
    author: str = Field("", max_length=120, description="How to address whoever wrote it.")
    product: str = Field("", max_length=200, description="What it is about.")
    title: str = Field("", max_length=300, description="Its heading.")
    rating: int | None = Field(None, ge=1, le=5, description="Stars, 1 to 5.")
    pictures: list[PictureFile] = Field(
        [], max_length=10, description="Pictures that came with it."
    )


class Score(Result):
    """How a classifier saw a text."""

    score: float
    """Toxicity 0..1, sentiment -1..1."""
    by: str
    """Who scored: a local classifier, `offline`, or `provider:model`."""
    sure: bool = True
    note: str = ""
    """Why it is not sure."""
    spans: list[Span] = Field([])
    """What moved the score, in characters of the text."""


class ReviewView(Result):
    """A review, where it stands, and what came of it."""

    id: str
    channel: str
    source: str
    review_id: str
    title: str
    text: str
    author: str
    product: str
    rating: int | None
    language: str
    """ISO 639-1; empty where it can't be told."""
    pictures: list[str]
    state: ReviewState
    toxicity: Score | None
    sentiment: Score | None
    reply: str
    reply_by: str
    """Who wrote the reply: `offline`, or `provider:model`."""
    reply_edited: bool
    """A person changed it."""
    reply_toxicity: Score | None
    held: int
    """How often a person was asked."""
    decided_by: str
    """Name of the person who decided last; empty where nobody was asked."""
    reason: str
    label: bool | None
    """What a person said afterwards: harmful or not."""
    run_id: str
    received_at: datetime
    ended_at: datetime | None


class ReviewRequest(Request):
    """One review."""

    review: Id = Field(description="Id of the review.")


class ListReviews(Request):
    """Which reviews to list, newest first."""

    state: ReviewState | None = None
    channel: Channel | None = None
    open: bool = Field(False, description="Only those that have not ended.")
    text: str = Field("", max_length=200, description="Words in the text, the product or the id.")
    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0, le=1_000_000)


class Reviews(Result):
    """A page of reviews; long texts are cut."""

    reviews: list[ReviewView]
    total: int


class Label(Request):
    """What a person thinks of a review that was judged: it tunes thresholds and shows drift."""

    review: Id = Field(description="Id of the review.")
    harmful: bool
    note: str = Field("", max_length=500)


class Export(Request):
    """Which reviews to take out."""

    days: int = Field(90, ge=1, le=3650)
    channel: Channel | None = None
    format: Literal["csv", "jsonl"] = "csv"


class Exported(Result):
    """A file with one line a review."""

    name: str
    media_type: str
    text: str
    reviews: int


# --- channels and thresholds -----------------------------------------------------------------


class ChannelSettings(Request):
    """How one channel is handled. What is left out becomes the default."""

    channel: Channel = "default"
    low: Share = Field(0.4, description="Below it a text goes on without a person.")
    high: Share = Field(0.6, description="Above it a text is harmful without a person.")
    judge: Literal["local", "model"] = Field(
        "local", description="Who scores: the local classifiers, or the model of the role `fast`."
    )
    approve_replies: bool = Field(
        False, description="A person sees every reply before it goes out."
    )
    people: int = Field(1, ge=1, le=5, description="So many people must agree.")
    deadline_hours: int = Field(72, ge=1, le=2160, description="How long a person has to decide.")
    signature: str = Field("", max_length=200, description="Ends every reply.")


class ChannelView(Result):
    """A channel with its settings and its reviews."""

    settings: ChannelSettings
    reviews: int
    open: int


class ListChannels(Request):
    """All channels."""


class Channels(Result):
    """The channels that have reviews or settings, by name."""

    channels: list[ChannelView]


class ThresholdsRequest(Request):
    """Whose thresholds, and how strict a suggestion has to be."""

    channel: Channel | None = Field(None, description="None: all channels together.")
    recall: float = Field(0.95, gt=0.5, le=1, description="Harmful texts to be caught or held.")
    precision: float = Field(
        0.95, gt=0.5, le=1, description="Texts above the upper threshold that are harmful."
    )


class Point(Result):
    """What one threshold would have done to the labelled texts."""

    threshold: float
    precision: float | None
    """Share of those at or above it that are harmful; None where there are none."""
    recall: float | None
    """Share of the harmful ones that are at or above it."""


class Suggestion(Result):
    """A pair of thresholds that keeps what was asked, with the fewest texts held."""

    low: float
    high: float
    held: float
    """Share of the labelled texts between them."""
    missed: float
    """Share of the harmful ones below `low`."""
    wrongly_refused: float
    """Share of the harmless ones above `high`."""


class Thresholds(Result):
    """Precision and recall over the labelled decisions so far, and what they suggest."""

    channel: str
    low: float
    high: float
    labels: int
    harmful: int
    curve: list[Point]
    suggestion: Suggestion | None
    note: str
    """Why there is no suggestion, or how far to trust it."""


# --- reporting -------------------------------------------------------------------------------


class StatisticsRequest(Request):
    """Over which days."""

    days: int = Field(28, ge=1, le=365)
    channel: Channel | None = None


class Day(Result):
    """One day's reviews."""

    day: date
    automatic: int
    held: int


class DriftWeek(Result):
    """What people decided in one week, against what the scores had said."""

    week: date
    decisions: int
    mean_score: float
    harmful: float
    """Share that people found harmful. Far from `mean_score`: the scores are off."""


class Drift(Result):
    """Whether people have begun to see the texts otherwise than the scores do."""

    weeks: list[DriftWeek]
    drifting: bool
    note: str


class Statistics(Result):
    """How the work is shared between Stoa and people."""

    reviews: int
    open: int
    states: dict[str, int]
    automatic: float | None
    """Share of the ended ones that nobody was asked about."""
    held: float | None
    overturned: float | None
    """Share of the automatic ones that a person labelled otherwise than they were handled."""
    edited: float | None
    """Share of the replies shown to people that they changed."""
    answer_p50: float | None
    """Seconds from receipt to answer: half of the automatic ones within."""
    answer_p95: float | None
    held_p50: float | None
    """The same of those that a person decided."""
    days: list[Day]
    drift: Drift


class ListEvents(Request):
    """Which events to list, newest first."""

    review: Id = Field("", description="Id of a review; empty: of all.")
    limit: int = Field(50, ge=1, le=200)


class EventLine(Result):
    """An event, and how far its consumers have been told."""

    id: str
    type: str
    review: str
    at: datetime
    waiting: int
    delivered: int
    dead: int


class EventLines(Result):
    """Events of reviews, newest first."""

    events: list[EventLine]


# --- pictures --------------------------------------------------------------------------------


class PictureVerdict(StrEnum):
    """What came of a picture."""

    FINE = "fine"
    REFUSED = "refused"
    NOT_JUDGED = "not_judged"
    """It is a sound picture, but nobody looked at what it shows."""


class CheckPictures(Request):
    """The pictures of a review that came in; what REVIEW_PICTURES_RECEIVED carries."""

    review: Id
    channel: Channel = "default"
    source: str = Field("", max_length=200)
    review_id: str = Field("", max_length=200)
    language: str = Field("", max_length=12)
    pictures: list[PictureFile] = Field([], max_length=10)


class PictureView(Result):
    """One picture of a review."""

    picture: str
    review: str
    media_type: str
    width: int
    height: int
    verdict: PictureVerdict
    reason: str
    by: str


class Pictures(Result):
    """The pictures of a review."""

    pictures: list[PictureView]
