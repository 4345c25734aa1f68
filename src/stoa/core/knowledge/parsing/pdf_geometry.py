"""From the space that pdfium speaks in to the page that a person sees.

A PDF page has its own space: origin bottom left, before rotation, shifted by the crop box. On display
it is in points with the origin top left and y down, after rotation and crop.
"""

from dataclasses import dataclass
from functools import cached_property

from stoa.core.knowledge.parsing.words import Rectangle, turned

Matrix = tuple[float, float, float, float, float, float]
UNIT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Geometry:
    """A page's visible rectangle in its own space, and its clockwise rotation in degrees."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int

    @cached_property
    def size(self) -> tuple[float, float]:
        """Width and height on display, in points."""
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.rotation in (90, 270) else (width, height)

    def display(self, x0: float, y0: float, x1: float, y1: float) -> Rectangle:
        """A rectangle of the page's own space, in display points."""
        seen = (x0 - self.left, self.top - y1, x1 - self.left, self.top - y0)
        if not self.rotation:
            return seen
        turns = {90: 3, 180: 2, 270: 1}[self.rotation]
        return turned(seen, turns, self.right - self.left, self.top - self.bottom)


def times(one: Matrix, other: Matrix) -> Matrix:
    """First `one`, then `other`."""
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        (e * q + f * s + u),
    )


def placed(box: Rectangle, matrix: Matrix, geometry: Geometry) -> Rectangle:
    """The display rectangle around two corners that a matrix moves."""
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in box[::2] for y in box[1::2]]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return geometry.display(min(xs), min(ys), max(xs), max(ys))
