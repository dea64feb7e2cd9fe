"""Where values are on the page."""

import math
from typing import NamedTuple

from .artist import DATA


class Limits(NamedTuple):
    """The values at the two ends of an axis; the first is larger if it is inverted."""

    start: float
    end: float


class View:
    """The place of axes on the page: their box (left, top, width, height) in pixels
    and the values at its edges."""

    def __init__(self, box, x_span, y_span, x_limits, y_limits, figure_size):
        self.box = box
        self.x_limits, self.y_limits = x_limits, y_limits
        self._figure_size = figure_size
        self._x_scale, self._y_scale = x_span.scale, y_span.scale
        self._x_ends = [self._x_scale.forward(value) for value in x_limits]
        self._y_ends = [self._y_scale.forward(value) for value in y_limits]

    def x(self, value, system="data"):
        """Pixels from the left; nan if the value has no place."""
        left, _, width, _ = self.box
        if system == "figure":
            return value * self._figure_size[0]
        return left + width * (_share(value, self._x_scale, self._x_ends) if system == "data" else value)

    def y(self, value, system="data"):
        """Pixels from the top; nan if the value has no place."""
        _, top, _, height = self.box
        if system == "figure":
            return (1 - value) * self._figure_size[1]
        return top + height * (1 - (_share(value, self._y_scale, self._y_ends) if system == "data" else value))

    def point(self, x, y, system=DATA):
        """(x, y) in pixels, or None."""
        point = self.x(x, system.x), self.y(y, system.y)
        return None if math.isnan(point[0]) or math.isnan(point[1]) else point

    def clamped(self, x, y, system=DATA):
        """As `point`, but what a logarithmic axis cannot show, and what is far
        outside, is just outside the box."""
        left, top, width, height = self.box
        if math.isnan(x) or math.isnan(y):
            return None
        px, py = self.x(x, system.x), self.y(y, system.y)
        px = left - width if math.isnan(px) else px
        py = top + 2 * height if math.isnan(py) else py
        return min(max(px, left - 2 * width), left + 3 * width), min(max(py, top - 2 * height), top + 3 * height)

    def shows(self, point, size):
        """Whether something `size` pixels wide at the point can be seen."""
        left, top, width, height = self.box
        return left - size <= point[0] <= left + width + size and top - size <= point[1] <= top + height + size


def _share(value, scale, ends):
    if not scale.shows(value):
        return math.nan
    try:
        return (scale.forward(value) - ends[0]) / (ends[1] - ends[0])
    except (OverflowError, ValueError):
        return math.nan
