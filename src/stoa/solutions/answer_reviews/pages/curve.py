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
        with tag("svg", viewBox="0 0 640 262", role="img", aria_label=told, test="curve").style(
            "width:100%;max-width:52rem;height:auto;font-size:12px"
        ):
            _shape(
                "rect",
                "fill:var(--warn-soft)",
                x=_x(low),
                y=_TOP,
                width=max(1.0, _x(high) - _x(low)),
                height=_HEIGHT,
            )
            for mark in _MARKS:
                _shape(
                    "line",
                    "stroke:var(--line)",
                    x1=_LEFT,
                    x2=_LEFT + _WIDTH,
                    y1=_y(mark),
                    y2=_y(mark),
                )
                _word(f"{mark:.0%}", _LEFT - 6, _y(mark) + 4, "end")
                _word(f"{mark:g}", _x(mark), _TOP + _HEIGHT + 18, "middle")
            if found.suggestion is not None:
                for each in (found.suggestion.low, found.suggestion.high):
                    _shape(
                        "line",
                        "stroke:var(--ink-soft);stroke-dasharray:2 4;stroke-width:1.5",
                        x1=_x(each),
                        x2=_x(each),
                        y1=_TOP,
                        y2=_TOP + _HEIGHT,
                    )
            _line([(each.threshold, each.recall) for each in found.curve], "stroke:var(--accent)")
            _line(
                [(each.threshold, each.precision) for each in found.curve],
                "stroke:var(--warn);stroke-dasharray:7 5",
            )
        tag(
            "figcaption",
            "Solid: recall. Dashed: precision. Shaded: held by the settings. Dotted: suggested.",
            "soft small",
        )


def _x(value: float) -> float:
    return round(_LEFT + value * _WIDTH, 1)


def _y(value: float) -> float:
    return round(_TOP + (1 - value) * _HEIGHT, 1)


def _shape(name: str, style: str, **numbers: float) -> None:
    tag(name, **{key: str(value) for key, value in numbers.items()}).style(style)


def _word(content: str, x: float, y: float, anchor: str) -> None:
    tag("text", content, x=str(x), y=str(y), text_anchor=anchor).style("fill:var(--ink-soft)")


def _line(points: Sequence[tuple[float, float | None]], style: str) -> None:
    drawn = " ".join(f"{_x(a)},{_y(b)}" for a, b in points if b is not None)
    tag("polyline", points=drawn).style(f"fill:none;stroke-width:2.5;stroke-linejoin:round;{style}")
