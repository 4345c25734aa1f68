"""How the page speaks of states and scores."""

from stoa.solutions.answer_reviews.schema import ReviewState, Score
from stoa.ui.feedback import Tone

STATES: dict[ReviewState, tuple[str, Tone, str]] = {
    ReviewState.RECEIVED: ("Being answered", "live", "autorenew"),
    ReviewState.HELD: ("Waits for a person", "warn", "front_hand"),
    ReviewState.REPLY_HELD: ("Reply waits for a person", "warn", "front_hand"),
    ReviewState.ANSWERED: ("Answered", "good", "check"),
    ReviewState.HARMFUL: ("Harmful", "bad", "gpp_bad"),
    ReviewState.FAILED: ("No reply", "bad", "error_outline"),
    ReviewState.RETRACTED: ("Retracted", "quiet", "block"),
}
EVENTS: dict[str, tuple[Tone, str]] = {
    "NEW_REVIEW_RESPONSE_CREATED": ("good", "mark_email_read"),
    "HARMFUL_CONTENT_DETECTED": ("bad", "gpp_bad"),
    "RESPONSE_GENERATION_FAILED": ("warn", "error_outline"),
}
WAITING = (ReviewState.HELD, ReviewState.REPLY_HELD)


def percent(share: float | None) -> str:
    """A share, or a dash where there is none."""
    return "–" if share is None else f"{100 * share:.0f} %"


def toxicity(score: Score | None) -> str:
    """A toxicity as people read it."""
    return "–" if score is None else f"{score.score:.2f}"


def feeling(score: Score | None) -> str:
    """A sentiment in a word."""
    if score is None:
        return "–"
    word = "pleased" if score.score >= 0.25 else "displeased" if score.score <= -0.25 else "mixed"
    return f"{word} ({score.score:+.2f})"
