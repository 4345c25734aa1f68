"""Precision and recall by threshold, drawn in the colours of the theme; the dashes tell them apart."""

from collections.abc import Sequence

from stoa.solutions.answer_reviews.schema import Thresholds
from stoa.ui.elements import tag

_LEFT, _TOP, _WIDTH, _HEIGHT = 44, 12, 580, 220
_MARKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def curve(found: Thresholds, low: float, high: float) -> None:
    """The picture, with the band that the settings hold and the pair that is suggested."""
    told = f"Precision and recall over {found.labels} labels; held between {low:g} and {high:g}"
    with tag("figure", "", "stack-tight"):
        with tag(
            "svg", "", "curve", viewBox="0 0 640 262", role="img", aria_label=told, test="curve"
        ):
            band = max(1.0, _x(high) - _x(low))
            _shape("rect", "band", x=_x(low), y=_TOP, width=band, height=_HEIGHT)
            for mark in _MARKS:
                right, level = _LEFT + _WIDTH, _y(mark)
                _shape("line", "grid", x1=_LEFT, x2=right, y1=level, y2=level)
                _word(f"{mark:.0%}", _LEFT - 6, level + 4, "end")
                _word(f"{mark:g}", _x(mark), _TOP + _HEIGHT + 18, "middle")
            if found.suggestion is not None:
                for each in (found.suggestion.low, found.suggestion.high):
                    place, bottom = _x(each), _TOP + _HEIGHT
                    _shape("line", "suggested", x1=place, x2=place, y1=_TOP, y2=bottom)
            _line("recall", [(each.threshold, each.recall) for each in found.curve])
            _line("precision", [(each.threshold, each.precision) for each in found.curve])
        tag(
            "figcaption",
            "Solid: recall. Dashed: precision. Shaded: held by the settings. Dotted: suggested.",
            "soft small",
        )


def _x(value: float) -> float:
    return round(_LEFT + value * _WIDTH, 1)


def _y(value: float) -> float:
    return round(_TOP + (1 - value) * _HEIGHT, 1)


def _shape(name: str, css: str, **numbers: float) -> None:
    tag(name, "", css, **{key: str(value) for key, value in numbers.items()})


def _word(content: str, x: float, y: float, anchor: str) -> None:
    tag("text", content, x=str(x), y=str(y), text_anchor=anchor)


def _line(css: str, points: Sequence[tuple[float, float | None]]) -> None:
    drawn = " ".join(f"{_x(a)},{_y(b)}" for a, b in points if b is not None)
    tag("polyline", "", css, points=drawn)
