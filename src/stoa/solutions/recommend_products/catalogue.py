"""The products of a shop: what they are called, how they look, and what they are filtered by."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id
from stoa.base.errors import InvalidInput
from stoa.contract import Call
from stoa.solutions.recommend_products.reading import read_products
from stoa.solutions.recommend_products.schema import (
    AddProducts,
    ListProducts,
    Product,
    Products,
    ProductsAdded,
)
from stoa.solutions.recommend_products.tables import ProductRow

_AT_ONCE = 500
_LONGEST_PICTURE = 20_000
_LONGEST_VALUE = 500
_MOST_ATTRIBUTES = 40


async def add_products(call: Call, request: AddProducts) -> ProductsAdded:
    """Take a catalogue in: titles, pictures and attributes. The same item again is replaced."""
    file = await call.platform.files.get(call.caller, request.file)
    columns = {
        "item": request.item_column, "title": request.title_column, "picture": request.picture_column
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="stoa-products-") as folder:
        path = Path(folder) / "products"
        await call.platform.objects.download(file.object_key, path)
        rows = read_products(path, file.name, columns)
        added = changed = 0
        while batch := await asyncio.to_thread(_some, rows):
            one, other = await _put(call, request.shop, batch)
            added, changed = added + one, changed + other
            await call.progress(f"{added + changed:,} products", added + changed)
    if not added + changed:
        raise InvalidInput("The file holds no products.", hint="Each row needs an item id.")
    found = await products(call, ListProducts(shop=request.shop, limit=1))
    return ProductsAdded(added=added, changed=changed, total=found.total)


async def products(call: Call, request: ListProducts) -> Products:
    """List products: those with these ids, or those whose title or id holds these words."""
    query = sa.select(ProductRow).where(ProductRow.shop == request.shop)
    if request.items:
        query = query.where(ProductRow.item.in_(request.items))
    if request.text:
        words = f"%{request.text.lower().replace('%', '').replace('_', ' ')}%"
        query = query.where(
            sa.or_(sa.func.lower(ProductRow.title).like(words), ProductRow.item == request.text)
        )
    counting = sa.select(sa.func.count()).select_from(query.subquery())
    page = query.order_by(ProductRow.item)
    if not request.items:
        page = page.limit(request.limit).offset(request.offset)

    def work(session: Session) -> Products:
        rows = session.scalars(page).all()
        found = [_view(row) for row in rows]
        if request.items:
            by_item = {each.item: each for each in found}
            found = [by_item[item] for item in request.items if item in by_item]
        return Products(products=found, total=session.scalar(counting) or 0)

    return await call.platform.database.read(work, workspace=call.caller.workspace_id)


async def titles_of(call: Call, shop: str, items: Sequence[str]) -> dict[str, str]:
    """Titles by item, of those that the catalogue knows."""
    found: dict[str, str] = {}
    for start in range(0, len(items), 1_000):
        some = items[start : start + 1_000]
        page = await products(call, ListProducts(shop=shop, items=[*some]))
        found |= {each.item: each.title for each in page.products}
    return found


async def attributes_of(call: Call, shop: str) -> dict[str, dict[str, str]]:
    """Attributes of the whole catalogue, by item."""
    query = sa.select(ProductRow.item, ProductRow.attributes).where(ProductRow.shop == shop)
    return await call.platform.database.read(
        lambda s: {item: {**attributes} for item, attributes in s.execute(query)},
        workspace=call.caller.workspace_id,
    )


async def _put(call: Call, shop: str, rows: Sequence[dict[str, str]]) -> tuple[int, int]:
    """How many are new, how many were there. One transaction."""
    by_item = {each["item"][:200]: each for each in rows}

    def work(session: Session) -> tuple[int, int]:
        query = sa.select(ProductRow).where(
            ProductRow.shop == shop, ProductRow.item.in_([*by_item])
        )
        there = {row.item: row for row in session.scalars(query)}
        for item, each in by_item.items():
            row = there.get(item)
            if row is None:
                row = ProductRow(id=new_id("product"), shop=shop, item=item)
                session.add(row)
            row.title = each["title"][:500]
            row.picture = _picture(each.get("picture", ""))
            row.attributes = _attributes(each)
        return len(by_item) - len(there), len(there)

    return await call.platform.database.write(work, workspace=call.caller.workspace_id)


def _some(rows: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    return [*islice(rows, _AT_ONCE)]


def _picture(text: str) -> str:
    """Only what a browser shows as a picture, and nothing that it would follow."""
    short = len(text) <= _LONGEST_PICTURE
    return text if short and text.startswith(("data:image/", "https://")) else ""


def _attributes(row: Mapping[str, str]) -> dict[str, str]:
    others = {
        name: value for name, value in row.items() if name not in ("item", "title", "picture")
    }
    return {
        name[:100]: value[:_LONGEST_VALUE] for name, value in [*others.items()][:_MOST_ATTRIBUTES]
    }


def _view(row: ProductRow) -> Product:
    return Product(
        item=row.item, title=row.title, picture=row.picture, attributes={**row.attributes}
    )
