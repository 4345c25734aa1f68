"""What a shop asks while its customers wait: rank, recommend, similar, click.

Each is one question to the shop's endpoint. Nobody is turned away: a user or an item that the model
has never seen is served as well as can be, and the answer says so.
"""

from typing import Any

from stoa.base.errors import NotFound
from stoa.contract import Call
from stoa.core.inference.views import Answer
from stoa.solutions.recommend_products.names import endpoint_of
from stoa.solutions.recommend_products.schema import (
    Click,
    Clicked,
    Rank,
    Ranking,
    Recommend,
    Recommendation,
    Similar,
    SimilarItems,
)


async def rank(call: Call, request: Rank) -> Ranking:
    """Order candidates for a user, the likeliest first."""
    payload: dict[str, Any] = {"user": request.user, "items": request.items}
    if request.history:
        payload["history"] = request.history
    answer = await _ask(call, request.shop, "rank", payload, request.user)
    return Ranking(**answer.value, **_who(answer), ticket=answer.ticket)


async def recommend(call: Call, request: Recommend) -> Recommendation:
    """Choose what to offer a user out of the whole catalogue, best first."""
    payload: dict[str, Any] = {
        "user": request.user,
        "count": request.limit,
        "seen": request.with_seen,
        "history": request.history,
        "exclude": request.exclude,
    }
    if request.where:
        payload["where"] = {name: [value] for name, value in request.where.items()}
    answer = await _ask(call, request.shop, "recommend", payload, request.user)
    return Recommendation(**answer.value, **_who(answer), ticket=answer.ticket)


async def similar(call: Call, request: Similar) -> SimilarItems:
    """List the items that go with one, most alike first."""
    payload = {"item": request.item, "count": request.limit}
    answer = await _ask(call, request.shop, "similar", payload, "")
    return SimilarItems(
        items=answer.value["items"], scores=answer.value["scores"], model=answer.version_id
    )


async def click(call: Call, request: Click) -> Clicked:
    """Count that a user took one of the things offered: this is what models are compared by."""
    return Clicked(counted=await call.platform.inference.feedback(call.caller, request.ticket))


async def _ask(call: Call, shop: str, method: str, payload: Any, user: str) -> Answer:
    inference = call.platform.inference
    name = endpoint_of(shop)
    try:
        return await inference.ask(call.caller, name, method, payload, user=user)
    except NotFound as error:
        if name in error.message:
            raise nothing_serves(shop) from error
        raise


def nothing_serves(shop: str) -> NotFound:
    """The error for a shop that has no endpoint."""
    return NotFound(
        f"Nothing serves the shop '{shop}' yet.",
        hint="Add interactions, or start the pipeline with run_pipeline.",
    )


def _who(answer: Answer) -> dict[str, str]:
    return {"model": answer.version_id, "arm": answer.arm.value}
