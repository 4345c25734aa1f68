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


def ranked(values: Sequence[tuple[str, int]], *, unit: str, label: str) -> Tag:
    """A list of names with a bar each, largest first."""
    top = max((value for _, value in values), default=0) or 1
    with tag("ol", "", "ranked", aria_label=label, test="ranked") as chart:
        for name, value in sorted(values, key=lambda each: -each[1]):
            with tag("li"):
                tag("span", name, "wrap-anywhere")
                tag("span", f"{value:,} {unit}", "soft small numbers")
                with tag("div", "", "track", aria_hidden="true"):
                    tag("i").style(f"width: {100 * value / top:.1f}%")
    return chart


def _column(value: int, top: int, css: str) -> None:
    if value:
        tag("i", "", css).style(f"height: {100 * value / top:.1f}%")


def _key(css: str, name: str) -> None:
    with tag("span"):
        tag("i", "", css)
        tag("span", name)


def _ends(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) < 2 else [names[0], names[-1]]
