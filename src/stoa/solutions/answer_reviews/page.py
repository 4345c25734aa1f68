"""The page of answer_reviews: what came in, what waits, where the thresholds lie, who was told.

This file only lays the tabs out; what is on each is in `pages/`. Decisions are made in the inbox, which
is one for all solutions.
"""

from stoa.base.identity.caller import EDITORS, EVERYONE, REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.answer_reviews.pages.event_log import show_events
from stoa.solutions.answer_reviews.pages.figures import show_figures
from stoa.solutions.answer_reviews.pages.listing import show_reviews
from stoa.solutions.answer_reviews.pages.tuning import show_tuning
from stoa.ui.tabs import Tab, show_tabs

_TABS = (
    Tab("reviews", "Reviews", "rate_review", EVERYONE, show_reviews),
    Tab("thresholds", "Thresholds", "tune", REVIEWERS, show_tuning),
    Tab("statistics", "Statistics", "insights", REVIEWERS, show_figures),
    Tab("events", "Events", "podcasts", EDITORS, show_events),
)


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end."""
    await show_tabs(context, _TABS, ends_on_leaving=True)
