"""Which model answers a shop's calls: deploy, test beside the champion, end the test, roll back.

The endpoint is changed first, the registry's aliases follow: an alias never names a model that did not
come up. Each change can be asked for again after a crash and then changes nothing more.
"""

import asyncio
from typing import Any

from stoa.base.errors import Conflict, NotFound, Refused, StoaError
from stoa.contract import Call
from stoa.core.inference import views
from stoa.core.inference.views import Arm as EndpointArm
from stoa.core.inference.views import Probe, Scaling
from stoa.core.registry.aliases import CHALLENGER, CHAMPION
from stoa.core.registry.versions import ModelVersionView
from stoa.solutions.recommend_products.models import model_of, move, view_of
from stoa.solutions.recommend_products.names import endpoint_of, shop_of
from stoa.solutions.recommend_products.packing import ids_of
from stoa.solutions.recommend_products.schema import (
    Arm,
    EndpointRequest,
    EndpointView,
    EndTest,
    ModelRequest,
    ModelView,
    RollBack,
    Settings,
)
from stoa.solutions.recommend_products.serving import nothing_serves
from stoa.solutions.recommend_products.settings import settings_of

_PROBED = 25


async def endpoint(call: Call, request: EndpointRequest) -> EndpointView:
    """Show what serves a shop: state, rate, latency, traffic split, and the test of two models."""
    name = endpoint_of(request.shop)
    try:
        view = await call.platform.inference.endpoint(call.caller, name)
    except NotFound as error:
        raise nothing_serves(request.shop) from error
    compared = await call.platform.inference.compare(call.caller, name)
    return EndpointView(
        shop=request.shop,
        name=view.name,
        state=view.state.value,
        problem=view.problem,
        arms=[await _arm(call, each, compared) for each in view.models],
        least_replicas=view.scaling.min_replicas,
        most_replicas=view.scaling.max_replicas,
        requests_per_second=view.rate.calls_per_second,
        errors_per_second=view.rate.errors_per_second,
        p50_milliseconds=view.rate.p50_milliseconds,
        p99_milliseconds=view.rate.p99_milliseconds,
        difference=None if compared.difference is None else compared.difference.value,
        difference_low=None if compared.difference is None else compared.difference.low,
        difference_high=None if compared.difference is None else compared.difference.high,
        verdict=compared.verdict,
        earlier=view.history,
    )


async def deploy(call: Call, request: ModelRequest) -> ModelView:
    """Bring an approved model to the shop's endpoint as its champion; no call is lost."""
    row = await model_of(call, request.model)
    shop = shop_of(row.group) or ""
    await go_live(call, shop, row, await settings_of(call, shop))
    return view_of(await model_of(call, row.id))


async def roll_back(call: Call, request: RollBack) -> ModelView:
    """Go back to the model that served before; a challenger is withdrawn, no call is lost."""
    name = endpoint_of(request.shop)
    try:
        view = await call.platform.inference.roll_back(call.caller, name)
    except NotFound as error:
        raise nothing_serves(request.shop) from error
    reason = request.reason or "Rolled back by hand."
    return await _follow(call, request.shop, view, reason)


async def end_test(call: Call, request: EndTest) -> ModelView:
    """End the test of two models: the winner answers everybody from then on."""
    inference, name = call.platform.inference, endpoint_of(request.shop)
    try:
        if request.winner == EndpointArm.CHALLENGER.value:
            view = await inference.promote(call.caller, name)
        else:
            view = await inference.withdraw(call.caller, name)
    except NotFound as error:
        raise nothing_serves(request.shop) from error
    return await _follow(call, request.shop, view, f"The test ended for the {request.winner}.")


async def go_live(
    call: Call, shop: str, row: ModelVersionView, settings: Settings, *, share: float = 0.0
) -> None:
    """Make a version the champion, or with a share above 0 the challenger. Tried before it answers.

    Raises:
        Refused: it does not load or fails the smoke test; what served before serves on.
    """
    inference, name = call.platform.inference, endpoint_of(shop)
    probes = await _probes(call, row)
    if share > 0:
        if (await serving(call, shop)).get(CHALLENGER) != row.id:
            await inference.challenge(call.caller, name, row.id, share=share, probes=probes)
        await move(call, shop, {CHALLENGER: row.id}, f"Answers {share:.0%} of the users.")
        return
    scaling = Scaling(
        min_replicas=settings.replicas, max_replicas=max(settings.replicas, settings.most_replicas)
    )
    if await serving(call, shop, scaling) != {CHAMPION: row.id}:
        await inference.deploy(call.caller, name, row.id, scaling=scaling, probes=probes)
    await move(call, shop, {CHAMPION: row.id, CHALLENGER: None}, "Deployed.")


async def smoke_test(call: Call, shop: str, row: ModelVersionView) -> str:
    """What is wrong with the answers of a version that is live, as champion or challenger.

    Empty where nothing is.
    """
    inference, name = call.platform.inference, endpoint_of(shop)
    for probe in await _probes(call, row):
        try:
            answer = await inference.probe(call.caller, name, row.id, probe)
        except StoaError as error:
            return f"{probe.method} fails: {error.message}"
        expected = probe.payload.get("items")
        if expected is not None and sorted(answer["items"]) != sorted(expected):
            return f"{probe.method} does not answer with the items that it was given."
    return ""


async def take_back(call: Call, shop: str, row: ModelVersionView, reason: str) -> None:
    """Undo `go_live` of a version: withdraw it as challenger, or go back to the champion before it."""
    inference, name = call.platform.inference, endpoint_of(shop)
    there = await serving(call, shop)
    if there.get(CHALLENGER) == row.id:
        await inference.withdraw(call.caller, name)
    elif there.get(CHAMPION) == row.id:
        try:
            await inference.roll_back(call.caller, name)
        except (Conflict, Refused):  # it was the first: nothing is better than a model that fails
            await inference.remove(call.caller, name)
    # Also where the endpoint has gone back before, and whoever did it was killed before saying so.
    there = await serving(call, shop)
    await move(call, shop, {each: there.get(each) for each in (CHAMPION, CHALLENGER)}, reason)


async def serving(call: Call, shop: str, scaling: Scaling | None = None) -> dict[str, str]:
    """Arm → version of what answers a shop now; empty where nothing does, or not with that scaling."""
    try:
        view = await call.platform.inference.endpoint(call.caller, endpoint_of(shop))
    except NotFound:
        return {}
    if scaling is not None and view.scaling != scaling:
        return {}
    return {each.arm.value: each.version_id for each in view.models}


async def _follow(call: Call, shop: str, view: views.EndpointView, reason: str) -> ModelView:
    """Let the registry's aliases say what the endpoint serves; the champion."""
    there = {each.arm.value: each.version_id for each in view.models}
    targets = {CHAMPION: there.get(CHAMPION), CHALLENGER: there.get(CHALLENGER)}
    await move(call, shop, targets, reason)
    return view_of(await model_of(call, there[CHAMPION]))


async def _probes(call: Call, row: ModelVersionView) -> list[Probe]:
    """Calls that a model must answer: somebody it knows, somebody new, and an item of its own."""
    folder = await call.platform.registry.artefacts.open(call.caller, row.artefact_id)
    ids = await asyncio.to_thread(ids_of, folder)
    items = ids["items"][:_PROBED]
    known = ids["users"][0] if ids["users"] else ""
    return [
        Probe(method="rank", payload={"user": known, "items": items}),
        Probe(method="rank", payload={"user": "", "items": items}),
        Probe(method="recommend", payload={"user": known, "count": 10, "seen": True}),
        *[Probe(method="similar", payload={"item": each, "count": 5}) for each in items[:1]],
    ]


async def _arm(call: Call, served: views.Served, compared: views.Comparison) -> Arm:
    row = await call.platform.registry.versions.show(call.caller, served.version_id)
    results: dict[str, Any] = {
        each.arm.value: each
        for each in (compared.champion, compared.challenger)
        if each is not None
    }
    result = results.get(served.arm.value)
    rate = result.rate if result is not None and result.shown else None
    return Arm(
        arm=served.arm.value,
        model=row.id,
        version=row.version,
        name=row.kind,
        share=served.share,
        replicas=served.replicas,
        shown=0 if result is None else result.shown,
        clicked=0 if result is None else result.clicked,
        rate=None if rate is None else rate.value,
        low=None if rate is None else rate.low,
        high=None if rate is None else rate.high,
    )
