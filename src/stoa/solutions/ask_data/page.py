"""The page of ask_data: ask and see how the answer came about, look after databases, watch acceptance.

This file only lays the tabs out; what is on each is in `pages/`. A tab is built when it is opened, so
it shows what is true then.
"""

from stoa.base.identity.caller import EDITORS, EVERYONE
from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.asking import show_asking
from stoa.solutions.ask_data.pages.databases import show_databases
from stoa.solutions.ask_data.pages.reporting import show_report
from stoa.solutions.ask_data.pages.saved import show_saved
from stoa.ui.tabs import Tab, show_tabs

_TABS = (
    Tab("ask", "Ask", "query_stats", EVERYONE, show_asking, stays=True),
    Tab("saved", "Saved", "bookmark_border", EVERYONE, show_saved),
    Tab("databases", "Databases", "storage", EVERYONE, show_databases),
    Tab("report", "Acceptance", "insights", EDITORS, show_report),
)


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end."""
    await show_tabs(context, _TABS)
