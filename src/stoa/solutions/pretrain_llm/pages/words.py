"""How the page speaks of figures: short, with their unit."""

from stoa.solutions.pretrain_llm import measures
from stoa.ui.frame import took


def figure(value: float | None, digits: int = 4) -> str:
    """A value, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in per cent, or a dash."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def rate(value: float | None) -> str:
    """Tokens a second."""
    return "–" if value is None else large(value)


def large(value: float) -> str:
    """A large number in few digits: 6.74 B."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time, from milliseconds to days."""
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:,.1f} days"
    return f"{seconds / 3600:.1f} h" if seconds >= 2 * 3600 else took(seconds)


def title_of(measure: str) -> str:
    """What a measure is called."""
    return measures.TITLES.get(measure, measure.replace("_", " ").capitalize())
