"""Lines through points."""

import re

from . import markers, missing
from .artist import Artist
from .colors import is_color_like, paint
from .data import finite, numbers, same_length
from .rcsetup import rcParams
from .strokes import between, is_drawn, is_line_style, stairs, stroke, visible_part
from .typeset import POINT


def parse_format(text):
    """(line style, marker, colour) of a format such as "r--o", None for what it leaves open."""
    if is_color_like(text) and not re.fullmatch(r"[0-9.]+", text):
        return None, None, text
    if text.strip().lower() in ("", "none"):
        return "none", None, None
    line = marker = color = None
    rest = text
    while rest:
        cycled = re.match(r"C\d+", rest)
        if is_line_style(rest[:2]) and len(rest) > 1 and line is None:
            line, rest = rest[:2], rest[2:]
        elif cycled and color is None:
            color, rest = cycled[0], rest[cycled.end() :]
        elif is_line_style(rest[0]) and line is None:
            line, rest = rest[0], rest[1:]
        elif rest[0] in markers.KNOWN and marker is None:
            marker, rest = rest[0], rest[1:]
        elif rest[0] in "bgrcmykw" and color is None:
            color, rest = rest[0], rest[1:]
        else:
            raise ValueError(f"{text!r} is not a format string: {rest!r} is no color, marker or line style in it")
    return line, marker, color


class Line2D(Artist):
    """A line through points, with a marker at each."""

    zorder = 2.0
    kind = "line"

    def __init__(self, xdata, ydata, **style):
        self.xs, self.ys = numbers(xdata), numbers(ydata)
        same_length(x=self.xs, y=self.ys)
        super().__init__(**style)

    def set_marker(self, marker):
        self.style["marker"] = markers.check(marker)

    def set_xdata(self, values):
        self.xs = numbers(values)

    def set_ydata(self, values):
        self.ys = numbers(values)

    def set_data(self, *args):
        x, y = args if len(args) == 2 else args[0]
        self.xs, self.ys = numbers(x), numbers(y)

    def get_xdata(self, orig=True):
        return list(self.xs)

    def get_ydata(self, orig=True):
        return list(self.ys)

    def get_data(self, orig=True):
        return list(self.xs), list(self.ys)

    def set_dashes(self, pattern):
        self.style["linestyle"] = (0, pattern)

    def extent(self):
        return self._in_data(finite(self.xs), finite(self.ys))

    def cover(self, view):
        points = [view.point(x, y, self.system) for x, y in zip(self.xs, self.ys)]
        return between(points, view.box) if is_drawn(self.style.get("linestyle", "-")) else [p for p in points if p]

    def _color(self):
        return self.styled("color", "C0")

    def _stroke(self):
        width = self.styled("linewidth", rcParams["lines.linewidth"])
        style = self.style["linestyle"] if "linestyle" in self.style else rcParams["lines.linestyle"]
        return stroke(self._color(), width, "-" if style is None else style, self.style.get("alpha"))

    def _marker(self):
        return self.style["marker"] if "marker" in self.style else markers.check(rcParams["lines.marker"])

    def _marker_paint(self):
        edge = self.styled("markeredgecolor", self._color())
        face = self.styled("markerfacecolor", self._color())
        if self.style.get("fillstyle") == "none" or markers.is_open(self._marker()):
            face = "none"
        alpha = self.style.get("alpha")
        width = self.styled("markeredgewidth", rcParams["lines.markeredgewidth"])
        return {**paint("fill", face, alpha), **stroke(edge, width, "-", alpha)}

    def _marker_size(self):
        return self.styled("markersize", rcParams["lines.markersize"]) * POINT

    def draw(self, drawing, view):
        style = self.style.get("drawstyle", "default")
        xs, ys = self.xs, self.ys
        if isinstance(style, str) and style.startswith("steps"):
            xs, ys = stairs(xs, ys, style.partition("-")[2] or "pre")
        with drawing.group(class_=self.kind, data_label=self.label if self.in_legend() else None):
            strokes = self._stroke()
            if strokes["stroke"] != "none":
                points = [view.point(x, y, self.system) for x, y in zip(xs, ys)]
                drawing.path(visible_part(points, view.box), fill="none", stroke_linejoin="round", **strokes)
            if self._marker() is not None:
                self._draw_markers(drawing, view)

    def _draw_markers(self, drawing, view):
        size = self._marker_size()
        with drawing.group(**self._marker_paint()):
            for x, y in self._marked():
                point = view.point(x, y, self.system)
                if point is not None and view.shows(point, size):
                    markers.draw(drawing, self._marker(), *point, size)

    def _marked(self):
        """The points that have a marker."""
        points, every = list(zip(self.xs, self.ys)), self.style.get("markevery")
        if every is None:
            return points
        if isinstance(every, int):
            return points[::every]
        if isinstance(every, tuple):
            return points[every[0] :: every[1]]
        if isinstance(every, (list, range)):
            return [points[index] for index in every]
        raise NotImplementedError(missing.message(f"markevery={every!r}"))

    def draw_key(self, drawing, box):
        left, top, width, height = box
        middle = top + height / 2
        strokes = self._stroke()
        if strokes["stroke"] != "none":
            drawing.path([(left, middle), (left + width, middle)], fill="none", **strokes)
        if self._marker() is not None:
            markers.draw(drawing, self._marker(), left + width / 2, middle, self._marker_size(), **self._marker_paint())


__getattr__ = missing.module_attribute("matplotlib.lines")
