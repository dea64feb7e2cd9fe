"""Lines from edge to edge of the axes, segments and areas."""

import math

from . import missing, patches
from .artist import Coordinates, normalized
from .collections import LineCollection, PolyCollection
from .colors import each
from .data import is_sequence, number, numbers, repeated, same_length, sequence
from .line_charts import groups
from .lines import Line2D, parse_format
from .strokes import stairs

_ACROSS, _UPRIGHT = Coordinates("axes", "data"), Coordinates("data", "axes")


class AreaCharts:
    """The part of `Axes` that draws lines across it, segments and areas."""

    def axhline(self, y=0, xmin=0, xmax=1, **style):
        return self._across([xmin, xmax], self.yaxis.span.convert([y]) * 2, _ACROSS, style)

    def axvline(self, x=0, ymin=0, ymax=1, **style):
        return self._across(self.xaxis.span.convert([x]) * 2, [ymin, ymax], _UPRIGHT, style)

    def _across(self, xs, ys, system, style):
        style = normalized(style)
        return self.add_artist(Line2D(xs, ys, **{"color": "C0", **style, "transform": system}))

    def axline(self, xy1, xy2=None, *, slope=None, **style):
        """A line without ends through a point and another, or with a slope."""
        x, y = numbers(xy1)
        if xy2 is not None:
            dx, dy = (two - one for one, two in zip((x, y), numbers(xy2)))
        elif slope is not None:
            dx, dy = 1.0, number(slope)
        else:
            raise TypeError("axline needs a second point or a slope")
        return self.add_artist(EndlessLine((x, y), (dx, dy), **{"color": "C0", **normalized(style)}))

    def hlines(self, y, xmin, xmax, colors=None, linestyles="solid", *, label="", **style):
        ys = self.yaxis.span.convert(y)
        starts, ends = (repeated(self.xaxis.span.convert(side), len(ys), "xmin and xmax") for side in (xmin, xmax))
        segments = [[(a, at), (b, at)] for at, a, b in zip(ys, starts, ends)]
        return self._segments(segments, colors, linestyles, label, style)

    def vlines(self, x, ymin, ymax, colors=None, linestyles="solid", *, label="", **style):
        xs = self.xaxis.span.convert(x)
        starts, ends = (repeated(self.yaxis.span.convert(side), len(xs), "ymin and ymax") for side in (ymin, ymax))
        segments = [[(at, a), (at, b)] for at, a, b in zip(xs, starts, ends)]
        return self._segments(segments, colors, linestyles, label, style)

    def _segments(self, segments, colors, line, label, style):
        style = normalized(style)
        color = colors if colors is not None else style.pop("color", "C0")
        return self.add_artist(LineCollection(segments, color=color, linestyle=line, label=label, **style))

    # Areas.

    def fill_between(self, x, y1, y2=0, where=None, interpolate=False, step=None, **style):
        """The area between two curves, where `where` holds."""
        xs = self.xaxis.span.convert(x)
        one, two = (repeated(self.yaxis.span.convert(y), len(xs), name) for y, name in ((y1, "y1"), (y2, "y2")))
        return self._area(xs, one, two, where, step, style, turned=False)

    def fill_betweenx(self, y, x1, x2=0, where=None, step=None, interpolate=False, **style):
        ys = self.yaxis.span.convert(y)
        one, two = (repeated(self.xaxis.span.convert(x), len(ys), name) for x, name in ((x1, "x1"), (x2, "x2")))
        return self._area(ys, one, two, where, step, style, turned=True)

    def _area(self, along, one, two, where, step, style, turned):
        holds = [True] * len(along) if where is None else [bool(flag) for flag in sequence(where)]
        if len(holds) != len(along):
            raise ValueError(f"where has {len(holds)} values for {len(along)} points")
        holds = [flag and all(map(math.isfinite, ends)) for flag, *ends in zip(holds, along, one, two)]
        polygons, start = [], 0
        for index in range(len(along) + 1):
            if index < len(along) and holds[index]:
                continue
            if index > start:
                part = slice(start, index)
                there = list(zip(*(stairs(along[part], one[part], step) if step else (along[part], one[part]))))
                back = list(zip(*(stairs(along[part], two[part], step) if step else (along[part], two[part]))))
                polygon = there + back[::-1]
                polygons.append([(b, a) for a, b in polygon] if turned else polygon)
            start = index + 1
        style = normalized(style)
        if "color" not in style and "facecolor" not in style:
            style["facecolor"] = self.next_patch_color()
        return self.add_artist(PolyCollection(polygons, **style))

    def fill(self, *args, data=None, **style):
        """Polygons of `x, y` or `x, y, colour`, any number of them in a row."""
        polygons = []
        for x, y, text in groups(list(args)):
            points = list(zip(self.xaxis.span.convert(x), self.yaxis.span.convert(y)))
            looks = normalized(style)
            if "color" not in looks and "facecolor" not in looks:
                looks["facecolor"] = parse_format(text)[2] if text else self.next_patch_color()
            polygons.append(self.add_patch(patches.Polygon(points, **looks)))
        return polygons

    def stackplot(self, x, *args, labels=(), colors=None, baseline="zero", **style):
        """Areas on top of each other."""
        if baseline != "zero":
            raise NotImplementedError(missing.message(f"stackplot(baseline={baseline!r})"))
        rows = [numbers(row) for row in (args[0] if len(args) == 1 and is_sequence(sequence(args[0])[0]) else args)]
        xs = self.xaxis.span.convert(x)
        below, areas = [0.0] * len(xs), []
        chosen = [self.next_line_style().get("color", "C0") for _ in rows] if colors is None else each(colors)
        names = list(labels)
        for index, row in enumerate(rows):
            same_length(x=xs, y=row)
            above = [low + value for low, value in zip(below, row)]
            looks = {
                "facecolor": chosen[index % len(chosen)],
                "label": names[index] if index < len(names) else "",
                **style,
            }
            areas.append(self.fill_between(xs, below, above, **looks))
            below = above
        return areas

    def arrow(
        self, x, y, dx, dy, *, width=0.001, head_width=None, head_length=None, length_includes_head=False, **style
    ):
        head = 3 * width if head_width is None else head_width
        long = 1.5 * head if head_length is None else head_length
        corners = patches.arrow(*map(number, (x, y, dx, dy)), width, head, long, length_includes_head)
        return self.add_patch(patches.Polygon(corners, **style))


class EndlessLine(Line2D):
    """A straight line from edge to edge of the axes."""

    def __init__(self, point, step, **style):
        self._point, self._step = point, step
        super().__init__([point[0]], [point[1]], **style)

    def draw(self, drawing, view):
        ends = [(view.x_limits[i], view.y_limits[i]) for i in (0, 1)]
        (x, y), (dx, dy) = self._point, self._step
        if dx:
            xs = [end[0] for end in ends]
            ys = [y + dy / dx * (value - x) for value in xs]
        else:
            xs, ys = [x, x], [end[1] for end in ends]
        Line2D(xs, ys, label=self.label, **self.style).draw(drawing, view)
