"""What recommend_products keeps in the SQL database: catalogues and settings.

Interactions are datasets, models are model versions, and what serves is an endpoint: all in the registry.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


class ProductRow(WorkspaceRow, Row):
    """One thing that a shop can recommend, as the shop describes it."""

    __tablename__ = "recommend_products_product"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "shop", "item"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    shop: Mapped[str] = mapped_column(sa.String(40))
    item: Mapped[str] = mapped_column(sa.String(200))
    """The shop's own id."""
    title: Mapped[str] = mapped_column(sa.String(500))
    picture: Mapped[str] = mapped_column(sa.Text)
    attributes: Mapped[dict[str, Any]]


class ShopRow(WorkspaceRow, Row):
    """The settings of one shop."""

    __tablename__ = "recommend_products_shop"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    settings: Mapped[dict[str, Any]]
