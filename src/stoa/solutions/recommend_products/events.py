"""What recommend_products tells, and what it hears: interactions that came in start the pipeline."""

from typing import Final

from pydantic import BaseModel

from stoa.contract import EventType

SOURCE: Final = "/stoa/recommend_products"
INTERACTIONS_ADDED: Final = "recommend_products.interactions_added"
RUN_ENDED: Final = "recommend_products.run_ended"


class InteractionsAdded(BaseModel):
    """New interactions are there. The data are a request of `run_pipeline`, filled in."""

    shop: str
    dataset: str
    version: int
    path: str
    partition: str


class RunEnded(BaseModel):
    """A run of the pipeline is over."""

    run: str
    shop: str
    outcome: str
    reason: str
    model: str
    """Id of the model version that it registered; empty where it did not."""


EVENTS: Final = (
    EventType(
        INTERACTIONS_ADDED, InteractionsAdded, "A version of a shop's interactions is there."
    ),
    EventType(RUN_ENDED, RunEnded, "A model was deployed, kept out, rejected or rolled back."),
)
