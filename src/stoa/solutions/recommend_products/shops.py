"""Which shops there are: whatever has products, interactions, models or settings."""

from collections import Counter

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.contract import Call
from stoa.solutions.recommend_products.names import interactions_of, shop_of
from stoa.solutions.recommend_products.schema import ListShops, Shops, ShopView
from stoa.solutions.recommend_products.tables import ProductRow, ShopRow

_MOST = 500


async def shops(call: Call, request: ListShops) -> Shops:
    """List the shops of the workspace, each with its own data, models and settings."""
    del request
    registry = call.platform.registry

    def look(session: Session) -> tuple[dict[str, int], set[str]]:
        counting = sa.select(ProductRow.shop, sa.func.count()).group_by(ProductRow.shop)
        products = {shop: int(number) for shop, number in session.execute(counting)}
        return products, set(session.scalars(sa.select(ShopRow.name)))

    products, set_up = await call.platform.database.read(look, workspace=call.caller.workspace_id)
    versions = {
        shop: group.versions
        for group in await registry.versions.groups(call.caller)
        if (shop := shop_of(group.name)) is not None
    }
    data = await registry.datasets.list(call.caller, limit=_MOST)
    datasets = Counter(
        shop for each in data if (shop := shop_of(each.name)) and each.name == interactions_of(shop)
    )
    names = sorted({*products, *set_up, *versions, *datasets})
    return Shops(
        shops=[
            ShopView(
                name=name,
                products=products.get(name, 0),
                datasets=datasets.get(name, 0),
                models=versions.get(name, 0),
            )
            for name in names
        ]
    )
