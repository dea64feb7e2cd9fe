"""Matrices shown as colours."""

import math

from . import missing
from .artist import Artist
from .cm import ScalarMappable
from .colors import paint, to_rgba
from .data import is_sequence, matrix, number, numbers
from .rcsetup import rcParams

# Cells of a matrix that are drawn one by one; a larger one becomes an image.
_CELLS = 2500


class Cells(Artist, ScalarMappable):
    """Cells between the edges `xs` and `ys`, which are in increasing or decreasing
    order; the first row of the matrix is at the first of `ys`."""

    zorder = 0.0
    kind = "cells"

    def __init__(self, rows, xs, ys, *, cmap=None, norm=None, vmin=None, vmax=None, **style):
        ScalarMappable.__init__(self, norm, cmap)
        super().__init__(**style)
        self.xs, self.ys = xs, ys
        self.set_clim(vmin, vmax)
        self.set_data(rows)

    def set_array(self, values):
        raise NotImplementedError(missing.message("set_array of an image (set_data is here)"))

    def set_data(self, rows):
        self._rows = matrix(rows)
        self._are_colors = is_sequence(self._rows[0][0])
        if self._are_colors:
            self._values, largest = [], max(float(part) for row in self._rows for cell in row for part in cell)
            scale = 255 if largest > 1 else 1
            self._rows = [[tuple(float(part) / scale for part in cell) for cell in row] for row in self._rows]
        else:
            self._rows = [[number(value) for value in row] for row in self._rows]
            ScalarMappable.set_array(self, [value for row in self._rows for value in row])

    def get_array(self):
        return [list(row) for row in self._rows]

    def get_extent(self):
        return [self.xs[0], self.xs[-1], *sorted((self.ys[0], self.ys[-1]))]

    def extent(self):
        return [self.xs[0], self.xs[-1]], [self.ys[0], self.ys[-1]]

    def sticky(self):
        return self.extent()

    def _colors(self):
        alpha = self.style.get("alpha")
        if self._are_colors:
            return [[to_rgba(cell, alpha) for cell in row] for row in self._rows]
        known = {value: to_rgba(self.cmap(self.norm(value)), alpha) for row in self._rows for value in row}
        return [[known[value] for value in row] for row in self._rows]

    def draw(self, drawing, view):
        columns = [view.x(x) for x in self.xs]
        lines = [view.y(y) for y in self.ys]
        if any(map(math.isnan, columns + lines)):
            return
        rows = self._colors()
        even = _is_even(columns) and _is_even(lines)
        if even and len(rows) * len(rows[0]) > _CELLS:
            self._draw_image(drawing, rows, columns, lines)
            return
        edge = self.styled("edgecolor", "none")
        with drawing.group(class_=self.kind, shape_rendering="crispEdges", **paint("stroke", edge)):
            for row, one, two in zip(rows, lines, lines[1:]):
                for color, left, right in _runs(row, columns):
                    attributes = paint("fill", color)
                    if attributes["fill"] != "none":
                        drawing.element(
                            "rect",
                            x=min(left, right),
                            y=min(one, two),
                            width=abs(right - left),
                            height=abs(two - one),
                            **attributes,
                        )

    def _draw_image(self, drawing, rows, columns, lines):
        pixels = [[tuple(round(255 * part) for part in color) for color in row] for row in rows]
        if lines[0] > lines[-1]:
            pixels.reverse()
        if columns[0] > columns[-1]:
            pixels = [row[::-1] for row in pixels]
        left, top = min(columns), min(lines)
        drawing.image((left, top, max(columns) - left, max(lines) - top), pixels, class_=self.kind)


def _is_even(edges):
    step = (edges[-1] - edges[0]) / (len(edges) - 1)
    return all(abs(edges[0] + index * step - edge) < 0.01 for index, edge in enumerate(edges))


def _runs(row, columns):
    """(colour, left, right) of the neighbours of one colour in a row."""
    start = 0
    for index in range(1, len(row) + 1):
        if index == len(row) or row[index] != row[start]:
            yield row[start], columns[start], columns[index]
            start = index


def image(rows, origin=None, extent=None, **style):
    """The cells of `imshow`: one unit each, with the first row at the top."""
    rows = matrix(rows)
    upper = (origin or rcParams["image.origin"]) == "upper"
    if extent is None:
        left, right = -0.5, len(rows[0]) - 0.5
        first, last = -0.5, len(rows) - 0.5
    else:
        left, right, bottom, top = numbers(extent)
        first, last = (top, bottom) if upper else (bottom, top)
    xs = [left + (right - left) * index / len(rows[0]) for index in range(len(rows[0]) + 1)]
    ys = [first + (last - first) * index / len(rows) for index in range(len(rows) + 1)]
    return Cells(rows, xs, ys, **style)


def edges(centers_or_edges, count, name):
    """`count` + 1 edges of cells, of as many edges or of `count` centres."""
    values = numbers(centers_or_edges)
    if len(values) == count + 1:
        return values
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} values for {count} cells")
    if count == 1:
        return [values[0] - 0.5, values[0] + 0.5]
    middles = [(one + two) / 2 for one, two in zip(values, values[1:])]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


__getattr__ = missing.module_attribute("matplotlib.image")
