"""How the page speaks of models, figures and how things ended."""

from collections.abc import Mapping

from stoa.solutions.recommend_products.schema import Model, Outcome
from stoa.ui.feedback import Tone

OUTCOMES: dict[Outcome, tuple[str, Tone, str]] = {
    Outcome.RUNNING: ("Running", "live", "autorenew"),
    Outcome.WAITING: ("Waits for approval", "warn", "front_hand"),
    Outcome.DEPLOYED: ("Deployed", "good", "rocket_launch"),
    Outcome.KEPT_OUT: ("Kept out", "warn", "block"),
    Outcome.REJECTED: ("Rejected", "bad", "thumb_down_off_alt"),
    Outcome.ROLLED_BACK: ("Rolled back", "bad", "undo"),
    Outcome.FAILED: ("Failed", "bad", "error_outline"),
    Outcome.CANCELLED: ("Cancelled", "quiet", "block"),
}
MODELS: dict[Model, str] = {
    Model.POPULARITY: "Popularity",
    Model.ITEM_KNN: "Item neighbours",
    Model.EASE: "EASE",
    Model.IALS: "iALS",
    Model.GMF: "GMF",
    Model.MLP: "MLP",
    Model.NEUMF: "NeuMF",
    Model.BLEND: "Blend",
}
ENDPOINT_STATES: dict[str, tuple[str, Tone, str]] = {
    "starting": ("Starting", "live", "autorenew"),
    "live": ("Live", "good", "check"),
    "degraded": ("Degraded", "warn", "warning_amber"),
    "down": ("Down", "bad", "error_outline"),
}


def model_name(kind: str) -> str:
    """A kind of model as people call it."""
    return MODELS[Model(kind)] if kind in {*Model} else kind


def share(value: float | None, digits: int = 1) -> str:
    """A share as per cent, or a dash where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def metric(metrics: Mapping[str, float], name: str) -> str:
    """A metric to four digits, or a dash where it was not measured."""
    value = metrics.get(name)
    return "–" if value is None else f"{value:.4f}"


def milliseconds(value: float) -> str:
    """A latency to the precision it deserves."""
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"
