"""Many shapes of one kind: the points of a scatter plot, filled areas, segments."""

import math

from . import markers, missing
from .artist import Artist
from .cm import ScalarMappable
from .colors import each, paint
from .data import finite, is_sequence, numbers, sequence
from .lines import Line2D
from .rcsetup import rcParams
from .strokes import between, stroke, visible_part
from .ticker import MaxNLocator, ScalarFormatter
from .typeset import POINT


class Collection(Artist, ScalarMappable):
    """Shapes with colours of their own, or colours by number."""

    def __init__(self, *, cmap=None, norm=None, **style):
        ScalarMappable.__init__(self, norm, cmap)
        super().__init__(**style)

    def set_color(self, colors):
        self.style["facecolor"] = self.style["edgecolor"] = colors

    def set_array(self, values):
        ScalarMappable.set_array(self, values)

    def faces(self, count):
        """A colour for each of `count` shapes."""
        values = self.get_array()
        if values:
            colors = [self.to_rgba(value) for value in values]
        else:
            colors = each(self.styled("facecolor", "C0"))
        return [colors[index % len(colors)] for index in range(count)] if colors else ["none"] * count


class PathCollection(Collection):
    """The points of a scatter plot. `sizes` are areas in square points."""

    kind = "points"

    def __init__(self, xs, ys, sizes, marker, **style):
        self.xs, self.ys, self.sizes = xs, ys, sizes
        self.sign = markers.check(marker)
        super().__init__(**style)

    def get_offsets(self):
        return [list(point) for point in zip(self.xs, self.ys)]

    def set_offsets(self, points):
        points = [numbers(point) for point in sequence(points)]
        self.xs, self.ys = [point[0] for point in points], [point[1] for point in points]

    def get_sizes(self):
        return list(self.sizes)

    def set_sizes(self, sizes):
        self.sizes = numbers(sizes)

    def extent(self):
        points = [(x, y) for x, y in zip(self.xs, self.ys) if math.isfinite(x) and math.isfinite(y)]
        return self._in_data([x for x, _ in points], [y for _, y in points])

    def cover(self, view):
        points = [view.point(x, y, self.system) for x, y in zip(self.xs, self.ys)]
        return [point for point in points if point is not None]

    def _paint(self, face, index=0):
        """SVG's attributes and the pixels by which an edge widens a marker."""
        alpha = self.style.get("alpha")
        if is_sequence(alpha):
            alpha = sequence(alpha)[index]
        edge = self.styled("edgecolor", "face")
        edges = each(edge) if edge != "face" else ["face"]
        edge = edges[index % len(edges)] if edges else "none"
        width = self.styled("linewidth", rcParams["lines.linewidth"])
        width = numbers(width)[0] if is_sequence(width) else width
        if markers.is_open(self.sign):
            return {"fill": "none", **stroke(face if edge == "face" else edge, width, "-", alpha)}, 0.0
        if edge == "face":
            return paint("fill", face, alpha), width * POINT
        edges = stroke(edge, width, "-", alpha)
        return {**paint("fill", face, alpha), **(edges if edges["stroke"] != "none" else {})}, 0.0

    def draw(self, drawing, view):
        faces = self.faces(len(self.xs))
        own = not self.get_array() and len(set(map(str, faces))) <= 1 and not is_sequence(self.style.get("alpha"))
        own = own and len(each(self.styled("edgecolor", "face"))) <= 1
        shared, wider = self._paint(faces[0]) if own and faces else ({}, 0.0)
        name = self.label if self.in_legend() else None
        with drawing.group(class_=self.kind, data_label=name, **shared):
            for index, (x, y) in enumerate(zip(self.xs, self.ys)):
                point = view.point(x, y, self.system)
                size = self.sizes[index % len(self.sizes)]
                if point is None or not size >= 0:
                    continue
                attributes, wider = ({}, wider) if own else self._paint(faces[index], index)
                size = math.sqrt(size) * POINT + wider
                if view.shows(point, size):
                    markers.draw(drawing, self.sign, *point, size, **attributes)

    def draw_key(self, drawing, box):
        left, top, width, height = box
        attributes, wider = self._paint(next(iter(self.faces(1))))
        size = math.sqrt(self.sizes[0] if self.sizes else 36.0) * POINT + wider
        markers.draw(drawing, self.sign, left + width / 2, top + height / 2, size, **attributes)

    def legend_elements(self, prop="colors", num="auto", fmt=None, func=lambda value: value, **style):
        """Signs and texts for a legend of the colours or the sizes."""
        values = sorted(set(self.get_array() if prop == "colors" else self.sizes))
        if isinstance(num, list):
            values = numbers(num)
        elif len(values) > (9 if num == "auto" else num or len(values)):
            ticks = MaxNLocator(5 if num == "auto" else num).tick_values(values[0], values[-1])
            values = [tick for tick in ticks if values[0] <= tick <= values[-1]]
        shown = [func(value) for value in values]
        texts = ScalarFormatter().format_ticks(shown) if fmt is None else [fmt.format(x=value) for value in shown]
        signs = []
        for value in values:
            color = self.to_rgba(value) if prop == "colors" else next(iter(self.faces(1)))
            size = 6.0 if prop == "colors" else math.sqrt(value)
            signs.append(Line2D([], [], linestyle="none", marker=self.sign, color=color, markersize=size, **style))
        return signs, texts


class PolyCollection(Collection):
    """Filled polygons, each a list of points."""

    kind = "area"

    def __init__(self, polygons, **style):
        self.polygons = polygons
        super().__init__(**style)

    def extent(self):
        points = [point for polygon in self.polygons for point in polygon]
        return self._in_data(finite([x for x, _ in points]), finite([y for _, y in points]))

    def cover(self, view):
        result = []
        for polygon in self.polygons:
            points = [view.clamped(x, y, self.system) for x, y in polygon]
            if None not in points:
                # One side of the area, the other, and what is halfway between.
                result.extend(points)
                result.extend(((a + c) / 2, (b + d) / 2) for (a, b), (c, d) in zip(points, points[::-1]))
        return result

    def _paint(self, face):
        alpha = self.style.get("alpha")
        attributes = paint("fill", face, alpha)
        edge = self.styled("edgecolor", "none")
        if edge != "none":
            attributes |= stroke(face if edge == "face" else edge, self.styled("linewidth", 1.0), "-", alpha)
        return attributes

    def draw(self, drawing, view):
        faces = self.faces(len(self.polygons))
        name = self.label if self.in_legend() else None
        with drawing.group(class_=self.kind, data_label=name):
            for polygon, face in zip(self.polygons, faces):
                points = [view.clamped(x, y, self.system) for x, y in polygon]
                if None not in points:
                    drawing.path(points, True, **self._paint(face))

    def draw_key(self, drawing, box):
        left, top, width, height = box
        face = next(iter(self.faces(1)))
        drawing.element("rect", x=left, y=top, width=width, height=height, **self._paint(face))


class LineCollection(Collection):
    """Separate lines, each a list of points."""

    zorder = 2.0
    kind = "segments"

    def __init__(self, segments, *, colors=None, array=None, **style):
        self.segments = [[tuple(numbers(point)) for point in sequence(segment)] for segment in sequence(segments)]
        super().__init__(**style)
        if colors is not None:
            self.style["color"] = colors
        if array is not None:
            self.set_array(array)

    def set_color(self, colors):
        self.style["color"] = colors

    def set_segments(self, segments):
        self.segments = [[tuple(numbers(point)) for point in sequence(segment)] for segment in sequence(segments)]

    def get_segments(self):
        return self.segments

    def extent(self):
        points = [point for segment in self.segments for point in segment]
        return self._in_data(finite([x for x, _ in points]), finite([y for _, y in points]))

    def cover(self, view):
        return [
            point
            for segment in self.segments
            for point in between([view.clamped(x, y, self.system) for x, y in segment], view.box)
        ]

    def _stroke(self, index, count):
        if self.get_array():
            color = self.faces(count)[index]
        else:
            colors = each(self.styled("color", "C0"))
            color = colors[index % len(colors)]
        widths = sequence(self.styled("linewidth", rcParams["lines.linewidth"]))
        styles = self.styled("linestyle", "-")
        styles = styles if isinstance(styles, list) else [styles]
        return stroke(color, widths[index % len(widths)], styles[index % len(styles)], self.style.get("alpha"))

    def draw(self, drawing, view):
        name = self.label if self.in_legend() else None
        with drawing.group(class_=self.kind, data_label=name, fill="none"):
            for index, segment in enumerate(self.segments):
                points = [view.clamped(x, y, self.system) for x, y in segment]
                drawing.path(visible_part(points, view.box), **self._stroke(index, len(self.segments)))

    def draw_key(self, drawing, box):
        left, top, width, height = box
        middle = top + height / 2
        attributes = self._stroke(0, max(len(self.segments), 1))
        drawing.path([(left, middle), (left + width, middle)], fill="none", **attributes)


__getattr__ = missing.module_attribute("matplotlib.collections")
