"""The page of answer_reviews."""

from stoa.contract import PageContext


async def page(context: PageContext) -> None:
    """Everything between the page's head and its end."""
