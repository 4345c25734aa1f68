"""Lines over steps, time or anything else that is measured: losses of runs, rates, what-if curves.

Drawn as an SVG that stretches, with words beside it that do not, so it is sharp on a phone too. Lines
differ by dashes as well as by colour; a pointer or the arrow keys read values off (`static/curves.js`).
It knows nothing of what is measured.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stoa.ui.elements import Tag, dress, tag

Points = Sequence[tuple[float, float]]
_MOST_POINTS = 400
_LOOKS = 6
"""How many lines look different from each other."""


@dataclass(frozen=True)
class Series:
    """One line: its name, and (x, y) in the order of x."""

    name: str
    points: Points


@dataclass(frozen=True)
class Mark:
    """Something at one place: a spike, an optimum. Without `y` it is a line from top to bottom."""

    x: float
    y: float | None
    text: str
    tone: Literal["warn", "bad", "good"] = "warn"


@dataclass(frozen=True)
class _Axis:
    """Values to per cent of the plot."""

    low: float
    high: float
    logarithmic: bool

    def at(self, value: float) -> float:
        low, high = self._plain(self.low), self._plain(self.high)
        return 100 * (self._plain(value) - low) / ((high - low) or 1.0)

    def ticks(self) -> list[float]:
        return _decades(self.low, self.high) if self.logarithmic else _round(self.low, self.high)

    def _plain(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.logarithmic else value


class Curves:
    """A picture that can be drawn anew while somebody reads it: focus and readout stay where they are."""

    def __init__(
        self,
        *,
        x_name: str = "step",
        y_name: str = "",
        log_x: bool = False,
        log_y: bool = False,
        from_zero: bool = False,
        test: str = "curves",
    ) -> None:
        """An empty picture; `draw` fills it."""
        self._x_name, self._log_x, self._log_y = x_name, log_x, log_y
        self._from_zero = from_zero and not log_y
        self.figure = tag("figure", "", "curves", role="img", tabindex="0", test=test)
        with self.figure:
            tag("div", y_name, "curves-name soft small")
            self._scale = tag("div", "", "curves-scale", aria_hidden="true")
            with tag("div", "", "curves-plot"):
                self._drawn = tag("div", "", "curves-drawn")
                tag("div", "", "curves-cursor", hidden="")
                tag("output", "", "curves-readout", hidden="", aria_live="polite")
            self._axis = tag("div", "", "curves-axis", aria_hidden="true")
            tag("div", x_name, "curves-under soft small")
            self._legend = tag("div", "", "curves-names")

    def draw(self, series: Sequence[Series], *, label: str, marks: Sequence[Mark] = ()) -> None:
        """`label` says for screen readers what it shows; the last values follow it."""
        shown = [Series(each.name, _thinned(each.points)) for each in series]
        across = _axis([x for each in shown for x, _ in each.points], self._log_x)
        values = [y for each in shown for _, y in each.points]
        up = _axis(values + ([0.0] if self._from_zero else []), self._log_y, room=True)
        data = json.dumps({
            "x": self._x_name, "log": [self._log_x, self._log_y],
            "box": [across.low, across.high, up.low, up.high],
            "series": [{"name": each.name, "points": list(each.points)} for each in shown],
        })  # fmt: skip
        told = label + ". " + "; ".join(_last(each) for each in shown if each.points)
        dress(self.figure, aria_label=told, data_curves=data)
        self.figure.update()
        for place in (self._scale, self._drawn, self._axis, self._legend):
            place.clear()
        with self._scale:
            for value in up.ticks():
                tag("span", _told(value)).style(f"bottom: {up.at(value):.2f}%")
        with self._drawn:
            _lines(shown, across, up)
            _marks(marks, across, up)
        with self._axis:
            for value in across.ticks():
                tag("span", _told(value)).style(f"inset-inline-start: {across.at(value):.2f}%")
        with self._legend:
            if len(shown) > 1:
                _legend([each.name for each in shown])


def curves(
    series: Sequence[Series],
    *,
    label: str,
    x_name: str = "step",
    y_name: str = "",
    marks: Sequence[Mark] = (),
    log_x: bool = False,
    log_y: bool = False,
    from_zero: bool = False,
    test: str = "curves",
) -> Tag:
    """A picture that is drawn once. `label` says for screen readers what it shows."""
    picture = Curves(
        x_name=x_name, y_name=y_name, log_x=log_x, log_y=log_y, from_zero=from_zero, test=test
    )
    picture.draw(series, label=label, marks=marks)
    return picture.figure


def _lines(series: Sequence[Series], across: _Axis, up: _Axis) -> None:
    with tag("svg", "", viewBox="0 0 100 100", preserveAspectRatio="none", aria_hidden="true"):
        for value in up.ticks():
            level = f"{100 - up.at(value):.2f}"
            tag("line", "", "grid", x1="0", x2="100", y1=level, y2=level)
        for place, each in enumerate(series):
            drawn = " ".join(f"{across.at(x):.2f},{100 - up.at(y):.2f}" for x, y in each.points)
            tag("polyline", "", f"line-{place % _LOOKS + 1}", points=drawn)
    for place, each in enumerate(series):
        if len(each.points) == 1:  # no line yet
            dot = tag("i", "", f"curves-dot dot-{place % _LOOKS + 1}")
            x, y = each.points[0]
            dot.style(f"inset-inline-start: {across.at(x):.2f}%; bottom: {up.at(y):.2f}%")


def _marks(marks: Sequence[Mark], across: _Axis, up: _Axis) -> None:
    for each in marks:
        where = f"inset-inline-start: {across.at(each.x):.2f}%"
        if each.y is None:
            with tag("span", "", f"curves-upright tone-{each.tone}") as element:
                tag("b", each.text)
            element.style(where)
            continue
        element = tag("i", "", f"curves-mark tone-{each.tone}", title=each.text)
        element.style(f"{where}; bottom: {up.at(each.y):.2f}%")


def _legend(names: Sequence[str]) -> None:
    with tag("div", "", "legend curves-legend"):
        for place, name in enumerate(names):
            with tag("span", "", "line"):
                with tag("svg", "", "curves-key", viewBox="0 0 24 8", aria_hidden="true"):
                    tag("polyline", "", f"line-{place % _LOOKS + 1}", points="0,4 24,4")
                tag("span", name, "wrap-anywhere")


def _thinned(points: Points) -> list[tuple[float, float]]:
    """At most so many points: of every few neighbours the lowest and the highest, so spikes stay."""
    finite = [(float(x), float(y)) for x, y in points if math.isfinite(y)]
    if len(finite) <= _MOST_POINTS:
        return finite
    kept: list[tuple[float, float]] = []
    wide = math.ceil(2 * len(finite) / _MOST_POINTS)
    for start in range(0, len(finite), wide):
        some = finite[start : start + wide]
        kept += sorted({min(some, key=lambda each: each[1]), max(some, key=lambda each: each[1])})
    return kept if kept[-1] == finite[-1] else [*kept, finite[-1]]


def _axis(values: Sequence[float], logarithmic: bool, *, room: bool = False) -> _Axis:
    usable = [each for each in values if each > 0] if logarithmic else list(values)
    low, high = min(usable, default=0.1 if logarithmic else 0.0), max(usable, default=1.0)
    if low == high:
        low, high = (
            (low / 2, high * 2)
            if logarithmic
            else (low - abs(low) / 2, high + (abs(high) / 2 or 1))
        )
    elif room and not logarithmic:
        edge = 0.04 * (high - low)
        low, high = (low if low == 0 else low - edge), high + edge
    return _Axis(low, high, logarithmic)


def _round(low: float, high: float) -> list[float]:
    """About five values with few digits."""
    raw = (high - low) / 4 or 1.0
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * each for each in (1, 2, 2.5, 5, 10) if size * each >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(each * step, 12) for each in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten, with halves and fifths where there are few."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) <= 3 else (1,)
    found = [each * 10.0**decade for decade in decades for each in steps]
    return [each for each in found if low * 0.999 <= each <= high * 1.001]


def _told(value: float) -> str:
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.4g}{unit}"
    return f"{value:.4g}"


def _last(series: Series) -> str:
    return f"{series.name} ends at {_told(series.points[-1][1])}"
