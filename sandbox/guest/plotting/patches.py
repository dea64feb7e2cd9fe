"""Filled shapes."""

import math

from . import missing
from .artist import Artist
from .colors import paint
from .data import as_given, finite, number, numbers, sequence
from .rcsetup import rcParams
from .strokes import stroke
from .svg import number as written


class Patch(Artist):
    """A filled shape; by itself only a sign for a legend."""

    kind = "patch"

    def set(self, **properties):
        # `color` stands for both colours; one that is named wins.
        first = {name: properties.pop(name) for name in ("color", "c") if name in properties}
        super().set(**first)
        super().set(**properties)

    update = set

    def set_color(self, color):
        self.style["facecolor"] = self.style["edgecolor"] = color

    def set_fill(self, fill):
        self.style["fill"] = fill

    def get_facecolor(self):
        return self._face()

    def _face(self):
        return self.styled("facecolor", rcParams["patch.facecolor"])

    def paint(self):
        """SVG's attributes of the shape."""
        alpha = self.style.get("alpha")
        face = "none" if self.style.get("fill") is False else self._face()
        edge = self.style.get("edgecolor")
        attributes = paint("fill", face, alpha)
        if edge is None and self._edge_by_default():
            edge = rcParams["patch.edgecolor"]
        if edge is not None:
            edge = self._face() if isinstance(edge, str) and edge == "face" else edge
            width = self.styled("linewidth", rcParams["patch.linewidth"])
            edges = stroke(edge, width, self.styled("linestyle", "-"), alpha)
            if edges["stroke"] != "none":
                attributes |= edges
        return attributes

    def _edge_by_default(self):
        return self.style.get("fill") is False

    def draw_key(self, drawing, box):
        left, top, width, height = box
        drawing.element("rect", x=left, y=top, width=width, height=height, **self.paint())

    def draw(self, drawing, view):
        """A patch without a shape is not drawn."""


class Rectangle(Patch):
    """A rectangle from its lower left corner."""

    def __init__(self, xy, width, height, *, angle=0.0, **style):
        self.x0, self.y0 = numbers(xy)
        self.width, self.height = (as_given([side])[0] for side in (width, height))
        self.angle = float(angle)
        self.ends_at = ()
        super().__init__(**style)

    def get_x(self):
        return self.x0

    def get_y(self):
        return self.y0

    def get_xy(self):
        return self.x0, self.y0

    def get_width(self):
        return self.width

    def get_height(self):
        return self.height

    def set_x(self, x):
        self.x0 = number(x)

    def set_y(self, y):
        self.y0 = number(y)

    def set_width(self, width):
        self.width = number(width)

    def set_height(self, height):
        self.height = number(height)

    def get_center(self):
        return self.x0 + self.width / 2, self.y0 + self.height / 2

    def corners(self):
        turn = math.radians(self.angle)
        return [
            (
                self.x0 + right * self.width * math.cos(turn) - up * self.height * math.sin(turn),
                self.y0 + right * self.width * math.sin(turn) + up * self.height * math.cos(turn),
            )
            for right, up in ((0, 0), (1, 0), (1, 1), (0, 1))
        ]

    def extent(self):
        corners = self.corners()
        return self._in_data(finite([x for x, _ in corners]), finite([y for _, y in corners]))

    def cover(self, view):
        """A net of points all over the rectangle."""
        ends = [
            view.clamped(x, y, self.system) for x, y in (self.get_xy(), (self.x0 + self.width, self.y0 + self.height))
        ]
        if None in ends:
            return []
        (left, top), (right, bottom) = ends
        steps = [step / 8 for step in range(9)]
        return [(left + (right - left) * across, top + (bottom - top) * down) for across in steps for down in steps]

    def sticky(self):
        return ([self.x0] if "x" in self.ends_at else []), ([self.y0] if "y" in self.ends_at else [])

    def draw(self, drawing, view):
        points = [view.clamped(x, y, self.system) for x, y in self.corners()]
        if None in points:
            return
        name = dict(class_=self.kind, data_label=self.label if self.in_legend() else None)
        if self.angle:
            drawing.path(points, True, **name, **self.paint())
            return
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, top = min(xs), min(ys)
        drawing.element("rect", x=left, y=top, width=max(xs) - left, height=max(ys) - top, **name, **self.paint())


class Bar(Rectangle):
    """A rectangle of a bar chart or a histogram."""

    kind = "bar"


class Polygon(Patch):
    """A polygon through points."""

    kind = "polygon"

    def __init__(self, xy, closed=True, **style):
        self.xy = [tuple(numbers(point)) for point in sequence(xy)]
        self.closed = closed
        super().__init__(**style)

    def get_xy(self):
        return list(self.xy)

    def cover(self, view):
        return [point for point in (view.clamped(x, y, self.system) for x, y in self.xy) if point is not None]

    def extent(self):
        return self._in_data(finite([x for x, _ in self.xy]), finite([y for _, y in self.xy]))

    def draw(self, drawing, view):
        # A gap ends one polygon and begins another.
        part = []
        for point in [*(view.clamped(x, y, self.system) for x, y in self.xy), None]:
            if point is not None:
                part.append(point)
            elif part:
                drawing.path(part, self.closed, class_=self.kind, **self.paint())
                part = []


class Ellipse(Patch):
    """An ellipse by its centre, width and height."""

    kind = "ellipse"

    def __init__(self, xy, width, height, *, angle=0.0, **style):
        self.center = tuple(numbers(xy))
        self.width, self.height, self.angle = number(width), number(height), float(angle)
        super().__init__(**style)

    def get_center(self):
        return self.center

    def _outline(self):
        turn = math.radians(self.angle)
        for step in range(72):
            along = math.radians(5 * step)
            x, y = self.width / 2 * math.cos(along), self.height / 2 * math.sin(along)
            yield (
                self.center[0] + x * math.cos(turn) - y * math.sin(turn),
                self.center[1] + x * math.sin(turn) + y * math.cos(turn),
            )

    def extent(self):
        points = list(self._outline())
        return self._in_data([x for x, _ in points], [y for _, y in points])

    def draw(self, drawing, view):
        points = [view.point(x, y, self.system) for x, y in self._outline()]
        middle = view.point(*self.center, self.system)
        if middle is None or None in points:
            return
        if self.angle:
            drawing.path(points, True, class_=self.kind, **self.paint())
        else:
            drawing.element(
                "ellipse",
                cx=middle[0],
                cy=middle[1],
                rx=abs(points[0][0] - middle[0]),
                ry=abs(points[18][1] - middle[1]),
                class_=self.kind,
                **self.paint(),
            )


class Circle(Ellipse):
    """A circle by its centre and radius."""

    def __init__(self, xy, radius=5, **style):
        super().__init__(xy, 2 * number(radius), 2 * number(radius), **style)

    def get_radius(self):
        return self.width / 2

    def set_radius(self, radius):
        self.width = self.height = 2 * number(radius)


class Wedge(Patch):
    """A sector of a circle between two angles in degrees, or of a ring `width` wide."""

    kind = "wedge"

    def __init__(self, center, r, theta1, theta2, *, width=None, **style):
        self.center, self.r, self.ring = tuple(numbers(center)), number(r), width
        self.theta1, self.theta2 = number(theta1), number(theta2)
        super().__init__(**style)

    def set_width(self, width):
        self.ring = width

    def cover(self, view):
        turns = [math.radians(self.theta1 + (self.theta2 - self.theta1) * step / 12) for step in range(13)]
        shares = (0.4, 0.7, 1.0)
        (x, y), r = self.center, self.r
        points = [
            view.point(x + r * s * math.cos(t), y + r * s * math.sin(t), self.system) for t in turns for s in shares
        ]
        return [point for point in points if point is not None]

    def extent(self):
        (x, y), r = self.center, self.r
        return self._in_data([x - r, x + r], [y - r, y + r])

    def draw(self, drawing, view):
        middle = view.point(*self.center, self.system)
        rim = view.point(self.center[0] + self.r, self.center[1] + self.r, self.system)
        if middle is None or rim is None or self.theta1 == self.theta2:
            return
        rx, ry = abs(rim[0] - middle[0]), abs(rim[1] - middle[1])
        inner = 0.0 if self.ring is None else max(1 - self.ring / self.r, 0.0)
        d = _sector(middle, rx, ry, inner, self.theta1, self.theta2)
        drawing.element(
            "path", d=d, class_=self.kind, data_label=self.label or None, stroke_linejoin="round", **self.paint()
        )


def _sector(middle, rx, ry, inner, start, end):
    """The `d` of a sector; an arc is at most a third of the circle, since SVG does
    not draw one that ends where it began."""
    pieces = max(math.ceil(abs(end - start) / 120), 1)
    angles = [math.radians(start + (end - start) * index / pieces) for index in range(pieces + 1)]

    def rim(angle, share):
        return middle[0] + share * rx * math.cos(angle), middle[1] - share * ry * math.sin(angle)

    def arcs(angles, share):
        sweep = 0 if angles[-1] > angles[0] else 1
        size = f"{written(share * rx)} {written(share * ry)}"
        return "".join(f"A{size} 0 0 {sweep} {_pair(rim(angle, share))}" for angle in angles[1:])

    whole = abs(end - start) >= 360 - 1e-9
    outer = f"M{_pair(rim(angles[0], 1))}{arcs(angles, 1)}"
    if inner:
        back = angles[::-1]
        join = "ZM" if whole else "L"
        return f"{outer}{join}{_pair(rim(back[0], inner))}{arcs(back, inner)}Z"
    return f"{outer}Z" if whole else f"{outer}L{_pair(middle)}Z"


def _pair(point):
    return f"{written(point[0])} {written(point[1])}"


def arrow(x, y, dx, dy, width, head_width, head_length, length_includes_head):
    """The corners of an arrow in units of the data."""
    length = math.hypot(dx, dy)
    if length == 0:
        return [(x, y)]
    shaft = max(length - head_length, 0.0) if length_includes_head else length
    tip = max(shaft + head_length, length if length_includes_head else 0.0)
    along, across = (dx / length, dy / length), (-dy / length, dx / length)
    outline = [
        (0, width / 2),
        (shaft, width / 2),
        (shaft, head_width / 2),
        (tip, 0),
        (shaft, -head_width / 2),
        (shaft, -width / 2),
        (0, -width / 2),
    ]
    return [(x + a * along[0] + b * across[0], y + a * along[1] + b * across[1]) for a, b in outline]


__getattr__ = missing.module_attribute("matplotlib.patches")
