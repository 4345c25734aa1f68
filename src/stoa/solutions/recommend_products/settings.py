"""How a shop's models are made and judged: read, set, and wound up where there is a schedule."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id
from stoa.base.errors import NotFound
from stoa.contract import Call
from stoa.dispatch import WORKFLOW
from stoa.solutions.recommend_products.names import SOLUTION
from stoa.solutions.recommend_products.schema import (
    RunPipeline,
    Settings,
    SettingsRequest,
    SettingsView,
)
from stoa.solutions.recommend_products.tables import ShopRow


async def settings(call: Call, request: SettingsRequest) -> SettingsView:
    """Show what is trained for a shop, how it is judged, and who approves."""
    return SettingsView(settings=await settings_of(call, request.shop))


async def settings_set(call: Call, request: Settings) -> SettingsView:
    """Set how a shop's models are made and judged: the next run of the pipeline keeps to it."""

    def save(session: Session) -> None:
        row = _row(session, request.shop)
        if row is None:
            row = ShopRow(id=new_id("shop"), name=request.shop)
            session.add(row)
        row.settings = request.model_dump(mode="json")
        call.platform.audit.record(
            session, call.caller, f"{SOLUTION}.settings_set", row.id, **row.settings
        )

    await _wind(call, request)  # first: it refuses a schedule that can't be read
    await call.platform.database.write(save, workspace=call.caller.workspace_id)
    return SettingsView(settings=request)


async def settings_of(call: Call, shop: str) -> Settings:
    """The settings of a shop, or the defaults."""
    kept = await call.platform.database.read(
        lambda s: None if (row := _row(s, shop)) is None else row.settings,
        workspace=call.caller.workspace_id,
    )
    return Settings.model_validate({**(kept or {}), "shop": shop})


async def _wind(call: Call, request: Settings) -> None:
    flows = call.platform.flows
    name = f"{SOLUTION} {request.shop}"
    if request.schedule:
        payload = RunPipeline(shop=request.shop).model_dump(mode="json")
        await flows.add_schedule(
            call.caller,
            name,
            request.schedule,
            workflow=WORKFLOW,
            target=(SOLUTION, "run_pipeline"),
            payload=payload,
        )
        return
    try:
        await flows.remove_schedule(call.caller, name)
    except NotFound:
        return  # there was none


def _row(session: Session, shop: str) -> ShopRow | None:
    return session.scalar(sa.select(ShopRow).where(ShopRow.name == shop))
