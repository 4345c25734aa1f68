"""The page of pretrain_llm: runs with their curves, runs beside each other, plans, simulations, text.

This file only lays the tabs out; what is on each is in `pages/`.
"""

from stoa.base.identity.caller import EVERYONE
from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.comparing import show_comparison
from stoa.solutions.pretrain_llm.pages.planning import show_plan
from stoa.solutions.pretrain_llm.pages.running import show_runs
from stoa.solutions.pretrain_llm.pages.simulating import show_simulation
from stoa.solutions.pretrain_llm.pages.texts import show_texts
from stoa.ui.tabs import Tab, show_tabs

_TABS = (
    Tab("runs", "Runs", "show_chart", EVERYONE, show_runs),
    Tab("compare", "Compare", "ssid_chart", EVERYONE, show_comparison),
    Tab("plan", "Plan", "dns", EVERYONE, show_plan),
    Tab("simulate", "Failures", "bolt", EVERYONE, show_simulation),
    Tab("texts", "Recipes and text", "menu_book", EVERYONE, show_texts),
)


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end."""
    await show_tabs(context, _TABS, ends_on_leaving=True)
