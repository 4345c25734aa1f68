"""The page of ask_docs: ask and see the source, bring documents in, review them, watch how it goes.

This file only lays the tabs out; what is on each is in `pages/`. A tab is built when it is opened, so
it shows what is true then.
"""

from stoa.base.identity.caller import EDITORS, EVERYONE, REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.ask_docs.pages.asking import show_asking
from stoa.solutions.ask_docs.pages.collections import show_collections
from stoa.solutions.ask_docs.pages.documents import show_documents
from stoa.solutions.ask_docs.pages.reporting import show_report
from stoa.solutions.ask_docs.pages.review import show_review
from stoa.solutions.ask_docs.pages.sources import show_sources
from stoa.ui.tabs import Tab, show_tabs

_TABS = (
    Tab("ask", "Ask", "forum", EVERYONE, show_asking, stays=True),
    Tab("documents", "Documents", "description", EVERYONE, show_documents),
    Tab("review", "Review", "rate_review", REVIEWERS, show_review),
    Tab("collections", "Collections", "folder_open", EVERYONE, show_collections),
    Tab("sources", "Sources", "sync", EDITORS, show_sources),
    Tab("report", "Report", "insights", EDITORS, show_report),
)


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end."""
    await show_tabs(context, _TABS)
