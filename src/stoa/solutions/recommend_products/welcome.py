"""Fills a fresh workspace with the shop of `sample/`: products, half a year of interactions, a model that serves.

The first model is a closed form that trains in a second, so that one can try a user at once. Then the
settings ask for approval, and a new week of interactions comes in: its event starts the pipeline as soon
as the house runs, and whether the new model may serve is the first question in the inbox.
"""

from pathlib import Path

from stoa.contract import Call
from stoa.solutions.recommend_products.schema import (
    AddInteractions,
    AddProducts,
    ListShops,
    Model,
    RunPipeline,
    Settings,
    Shops,
)

SHOP = "larkfield"
_FOLDER = Path(__file__).parent / "sample"
_SETTINGS = Settings(
    shop=SHOP,
    models=[Model.POPULARITY, Model.ITEM_KNN, Model.EASE],
    parameters={Model.EASE: {"regularisation": 200.0}},
)


async def fill(call: Call) -> None:
    """Add the shop, train and deploy its first model, and send the new week, where that is not done yet."""
    found: Shops = await call.call("shops", ListShops())
    there = next((each for each in found.shops if each.name == SHOP), None)
    if there is not None and there.models and there.datasets > 1:
        return
    if there is None or not there.models:
        await call.call("settings_set", _SETTINGS)
        products = AddProducts(shop=SHOP, file=await _file(call, "products.csv"))
        await call.call("add_products", products)
        await _add(call, "interactions.parquet", "2025-08-24", train=False)
        await call.call("run_pipeline", RunPipeline(shop=SHOP, models=[Model.EASE]))
    await call.call("settings_set", _SETTINGS.model_copy(update={"approval": True}))
    await _add(call, "new_week.csv", "2025-08-31", train=True)


async def _add(call: Call, name: str, partition: str, *, train: bool) -> None:
    file = await _file(call, name)
    adding = AddInteractions(shop=SHOP, file=file, partition=partition, train=train)
    await call.call("add_interactions", adding)


async def _file(call: Call, name: str) -> str:
    return (await call.platform.files.add(call.caller, name, _FOLDER / name)).id
