"""What a shop's things are called in the registry and among the endpoints."""

from typing import Final

SOLUTION: Final = "recommend_products"
FIRST_SHOP: Final = "shop"
"""The shop of whoever names none."""


def interactions_of(shop: str) -> str:
    """The dataset of a shop's interactions."""
    return f"recommend.{shop}.interactions"


def models_of(shop: str) -> str:
    """The group of a shop's model versions."""
    return f"recommend.{shop}"


def endpoint_of(shop: str) -> str:
    """The endpoint that serves a shop."""
    return f"recommend-{shop}"


def shop_of(name: str) -> str | None:
    """The shop whose dataset or model group has this name; None where it is of something else."""
    parts = name.split(".")
    if parts[0] != "recommend" or len(parts) > 3 or len(parts) < 2:
        return None
    return parts[1] if len(parts) == 2 or parts[2] == "interactions" else None
