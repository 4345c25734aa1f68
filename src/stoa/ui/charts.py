"""Small charts drawn with boxes: they follow the theme, need no library and read well as text.

The second series is hatched, so the two differ without colour.
"""

from collections.abc import Sequence

from stoa.ui.elements import Tag, tag


def bars_over_time(
    points: Sequence[tuple[str, int, int]], *, first: str, second: str = "", label: str
) -> Tag:
    """Stacked columns, one per (name, first, second). `label` says for screen readers what it shows."""
    top = max((one + two for _, one, two in points), default=0) or 1
    with tag("figure", "", "bars-over-time", role="img", aria_label=label, test="chart") as chart:
        with tag("div", "", "bars-plot"):
            for name, one, two in points:
                told = f"{name}: {one} {first}" + (f", {two} {second}" if second else "")
                with tag("div", "", "bars-column", title=told):
                    _column(two, top, "second")
                    _column(one, top, "first")
        with tag("div", "", "bars-axis"):
            for name in _ends([name for name, _, _ in points]):
                tag("span", name)
        with tag("div", "", "legend"):
            _key("first", first)
            if second:
                _key("second", second)
    return chart


def ranked_over_time(
    values: Sequence[tuple[str, Sequence[int]]], times: Sequence[str], *, unit: str, label: str
) -> Tag:
    """Names with one small column for each of `times`, oldest first; the largest sum stands on top.

    All columns have one scale, so that names can be compared.
    """
    top = max((value for _, each in values for value in each), default=0) or 1
    with tag("figure", "", "over-time", test="over-time") as chart:
        with tag("ol", "", "ranked", aria_label=label):
            for name, counts in sorted(values, key=lambda each: -sum(each[1])):
                with tag("li"):
                    tag("span", name, "wrap-anywhere")
                    tag("span", f"{sum(counts):,} {unit}", "soft small numbers")
                    _columns(counts, times, top)
        with tag("div", "", "bars-axis"):
            for name in _ends(times):
                tag("span", name)
    return chart


def _columns(counts: Sequence[int], times: Sequence[str], top: int) -> None:
    told = [f"{time}: {value:,}" for time, value in zip(times, counts, strict=True)]
    said = ", ".join(each for each, value in zip(told, counts, strict=True) if value)
    with tag("div", "", "bars-plot", role="img", aria_label=said):
        for each, value in zip(told, counts, strict=True):
            with tag("div", "", "bars-column", title=each):
                _column(value, top, "first")


def _column(value: int, top: int, css: str) -> None:
    if value:
        tag("i", "", css).style(f"height: {100 * value / top:.1f}%")


def _key(css: str, name: str) -> None:
    with tag("span"):
        tag("i", "", css)
        tag("span", name)


def _ends(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) < 2 else [names[0], names[-1]]


def measured(values: Sequence[tuple[str, float]], *, unit: str, label: str) -> Tag:
    """Names with a bar each, in the order given; values are zero or more."""
    top = max((value for _, value in values), default=0) or 1
    with tag("ol", "", "ranked", aria_label=label, test="chart") as chart:
        for name, value in values:
            with tag("li"):
                tag("span", name, "wrap-anywhere")
                tag("span", f"{_told(value)} {unit}".strip(), "soft small numbers")
                with tag("div", "", "track", aria_hidden="true"):
                    fill_to(value / top)
    return chart


def line_over_time(points: Sequence[tuple[str, float]], *, label: str) -> Tag:
    """One line through values over time, in the order given, with its ends and extremes named."""
    values = [value for _, value in points]
    low, high = min(values, default=0.0), max(values, default=0.0)
    low = min(low, 0.0) if high > 0 else low
    span = (high - low) or 1.0
    step = 100 / max(1, len(points) - 1)
    path = " ".join(
        f"{place * step:.2f},{100 - 100 * (value - low) / span:.2f}"
        for place, value in enumerate(values)
    )
    with tag("figure", "", "line-over-time", role="img", aria_label=label, test="chart") as chart:
        with tag("div", "", "line-scale"):
            tag("span", _told(high))
            tag("span", _told(low))
        with tag("div", "", "line-plot"):
            with tag("svg", "", viewBox="0 0 100 100", preserveAspectRatio="none"):
                tag("polyline", "", points=path)
        with tag("div", "", "bars-axis"):
            for name in _ends([name for name, _ in points]):
                tag("span", name)
    return chart


def _told(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def fill_to(share: float) -> Tag:
    """The filled part, 0..1, of the bar that is being drawn."""
    part = tag("i")
    part.style(f"width: {100 * max(0.0, min(1.0, share)):.1f}%")
    return part


def interval_of(low: float, at: float, high: float, *, label: str) -> Tag:
    """A band from `low` to `high` on a scale of 0..1, with a mark at `at`."""
    with tag("div", "", "interval", role="img", aria_label=label) as chart:
        tag("i").style(f"inset-inline-start: {100 * low:.2f}%; width: {100 * (high - low):.2f}%")
        tag("b").style(f"inset-inline-start: {100 * at:.2f}%")
    return chart


def share_of(share: float, marks: Sequence[tuple[str, float]], *, label: str) -> Tag:
    """A bar filled to `share` (0..1), with named marks on it, the lowest first."""
    with tag("div", "", "share", role="img", aria_label=label, test="share") as chart:
        fill_to(share)
        for number, (name, value) in enumerate(marks):
            with tag("span", "", "later" if number else "") as mark:
                tag("b", f"{100 * value:.0f} %", title=name)
            mark.style(f"inset-inline-start: {100 * value:.1f}%")
    return chart


def stacked(
    parts: Sequence[tuple[str, float, str]],
    *,
    label: str,
    whole: float | None = None,
    test: str = "parts",
) -> Tag:
    """One bar made of parts: (name, size, the size in words). Parts of nothing are left out.

    `whole`: what the full width stands for; without it, the sum. Parts keep their look by their place.
    """
    total = whole or sum(size for _, size, _ in parts) or 1.0
    shown = [(place, *each) for place, each in enumerate(parts) if each[1] > 0]
    told = f"{label}: " + ", ".join(f"{name} {words}" for _, name, _, words in shown)
    with tag("figure", "", "parts", role="img", aria_label=told, test=test) as chart:
        with tag("div", "", "parts-bar"):
            for place, name, size, words in shown:
                part = tag("i", "", f"part-{place % 8 + 1}", title=f"{name}: {words}")
                part.style(f"width: {100 * size / total:.2f}%")
        with tag("ul", "", "parts-list"):
            for place, name, _, words in shown:
                with tag("li"):
                    tag("i", "", f"part-{place % 8 + 1}")
                    tag("span", name)
                    tag("b", words)
    return chart
