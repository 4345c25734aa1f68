"""What consumers hear: the events that answer_reviews publishes, and what each carries.

The names are those of the chain this system continues; every one is a CloudEvent with this data.
"""

from typing import Final

from pydantic import BaseModel

from stoa.contract import EventType
from stoa.solutions.answer_reviews.schema import PictureVerdict, ReviewState

SOURCE: Final = "/stoa/answer_reviews"
NEW_REVIEW: Final = "NEW_REVIEW"
"""What we react to: its data are those of `submit`."""
RECEIVED: Final = "REVIEW_RECEIVED"
PICTURES: Final = "REVIEW_PICTURES_RECEIVED"
HARMFUL: Final = "HARMFUL_CONTENT_DETECTED"
ANSWERED: Final = "NEW_REVIEW_RESPONSE_CREATED"
FAILED: Final = "RESPONSE_GENERATION_FAILED"
RETRACTED: Final = "REVIEW_RETRACTED"
PICTURE: Final = "PICTURE_REVIEWED"

FINAL: Final = {
    ReviewState.HARMFUL: HARMFUL,
    ReviewState.ANSWERED: ANSWERED,
    ReviewState.FAILED: FAILED,
}
"""The event that ends a review, by the state it ends in."""


class OfReview(BaseModel):
    """What every event says of the review it is about."""

    review: str
    channel: str
    source: str
    review_id: str
    language: str


class Received(OfReview):
    """A review was taken in."""


class PicturesReceived(OfReview):
    """A review was taken in that has pictures."""

    pictures: list[str]
    """Ids of uploaded files."""


class Harmful(OfReview):
    """A review is harmful: nothing was answered."""

    toxicity: float
    by_person: bool


class Answered(OfReview):
    """A reply is ready to be sent."""

    reply: str
    sentiment: float
    answered_by: str
    by_person: bool


class Failed(OfReview):
    """There is no reply that may go out."""

    reason: str


class Retracted(OfReview):
    """A review was withdrawn; take back what was sent of it."""


class PictureReviewed(OfReview):
    """A picture of a review was checked."""

    picture: str
    verdict: PictureVerdict
    reason: str
    by: str


EVENTS: Final = (
    EventType(RECEIVED, Received, "A review was taken in."),
    EventType(PICTURES, PicturesReceived, "A review was taken in that has pictures."),
    EventType(HARMFUL, Harmful, "A review is harmful; nothing is answered."),
    EventType(ANSWERED, Answered, "A reply to a review is ready to be sent."),
    EventType(FAILED, Failed, "No reply to a review may go out."),
    EventType(RETRACTED, Retracted, "A review was withdrawn."),
    EventType(PICTURE, PictureReviewed, "A picture of a review was checked."),
)
