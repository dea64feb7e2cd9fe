"""Text in a figure, and arrows that go with it."""

import math
import re

from . import missing, typeset
from .artist import AXES, DATA, FIGURE, Artist, Coordinates, normalized
from .colors import paint
from .patches import Patch
from .rcsetup import font_size, rcParams
from .strokes import stroke
from .typeset import POINT

_BOLD = {"bold", "heavy", "semibold", "demibold", "demi", "black", "extra bold"}
_ALIGN = {"left": "left", "center": "center", "centre": "center", "right": "right"}
_VALIGN = {
    "top": "top",
    "center": "center",
    "bottom": "bottom",
    "baseline": "baseline",
    "center_baseline": "center_baseline",
}
_ROTATIONS = {"horizontal": 0.0, "vertical": 90.0}


def rotation_of(value):
    """Degrees counter-clockwise."""
    return _ROTATIONS[value] if value in _ROTATIONS else float(value or 0)


def coordinates(name):
    """The coordinates called `name`, as in `xycoords`."""
    if isinstance(name, Coordinates):
        return name
    known = {"data": DATA, "axes fraction": AXES, "figure fraction": FIGURE, "subfigure fraction": FIGURE}
    if name in known:
        return known[name]
    if isinstance(name, tuple) and len(name) == 2:
        return Coordinates(coordinates(name[0]).x, coordinates(name[1]).y)
    raise NotImplementedError(missing.message(f"the coordinates {name!r}"))


class Text(Artist):
    """Text at a point."""

    zorder = 3.0
    clipped = False
    kind = "text"

    def __init__(self, x=0, y=0, text="", **style):
        self.x, self.y, self.text = x, y, text
        # Points that the text is moved by, right and up.
        self.shift = (0.0, 0.0)
        fontdict = style.pop("fontdict", None) or {}
        font = style.pop("fontproperties", None)
        super().__init__(**{**(font if isinstance(font, dict) else {}), **fontdict, **style})

    def set_text(self, text):
        self.text = "" if text is None else text

    def get_text(self):
        return str(self.text)

    def set_position(self, xy):
        self.x, self.y = xy

    def get_position(self):
        return self.x, self.y

    def set_x(self, x):
        self.x = x

    def set_y(self, y):
        self.y = y

    def set_clip_on(self, clip):
        self.clipped = bool(clip)

    def size(self):
        """Pixels of the font."""
        return font_size(self.style.get("fontsize")) * POINT

    def is_bold(self):
        weight = self.style.get("fontweight")
        return weight in _BOLD or (isinstance(weight, (int, float)) and weight >= 600)

    def look(self):
        """Arguments for `typeset.draw` but for the place."""
        color = self.styled("color", rcParams["text.color"])
        family = self.style.get("fontfamily")
        names = [family] if isinstance(family, str) else family
        return dict(
            size=self.size(),
            rotation=self.turn(),
            bold=self.is_bold(),
            italic=self.style.get("style") in ("italic", "oblique"),
            font_family=", ".join(names) if names else None,
            **paint("fill", color, self.style.get("alpha")),
        )

    def turn(self):
        return rotation_of(self.style.get("rotation"))

    def alignment(self):
        align = self.styled("horizontalalignment", "left")
        valign = self.styled("verticalalignment", "baseline")
        for kind, value, known in (("horizontal", align, _ALIGN), ("vertical", valign, _VALIGN)):
            if value not in known:
                raise ValueError(f"{value!r} is not a {kind} alignment: give one of {', '.join(known)}")
        return _ALIGN[align], valign

    def measure(self):
        """(width, height) in pixels, before any rotation."""
        return typeset.width(self.text, self.size(), self.is_bold()), typeset.height(self.text, self.size())

    def draw(self, drawing, view):
        point = view.point(self.x, self.y, self.system)
        if point is not None and str(self.text):
            self.draw_at(drawing, (point[0] + self.shift[0] * POINT, point[1] - self.shift[1] * POINT))

    def draw_at(self, drawing, point):
        align, valign = self.alignment()
        frame = self.style.get("bbox")
        if frame is not None:
            self._draw_frame(drawing, self.box(point), frame)
        typeset.draw(drawing, *point, str(self.text), align=align, valign=valign, class_=self.kind, **self.look())

    def box(self, point):
        """(left, top, width, height) of the text at a point, were it not rotated."""
        align, valign = self.alignment()
        width, height = self.measure()
        left = point[0] - {"left": 0, "center": 0.5, "right": 1}[align] * width
        below = {"top": 0, "center": 0.5, "center_baseline": 0.5, "bottom": 1}.get(valign)
        top = point[1] - (typeset.ASCENT * self.size() if below is None else below * height)
        return left, top, width, height

    def _draw_frame(self, drawing, box, frame):
        frame = normalized(frame)
        style = str(frame.pop("boxstyle", "square"))
        # In font sizes as part of the style, in points by itself.
        named, points = re.search(r"pad\s*=\s*([\d.]+)", style), frame.pop("pad", 4)
        pad = float(named[1]) * self.size() if named else points * POINT
        left, top, width, height = box
        turn = self.turn()
        anchor = f"rotate({-turn:g} {left + width / 2:.2f} {top + height / 2:.2f})" if turn % 360 else None
        patch = Patch(**{"facecolor": "C0", "edgecolor": "black", **frame})
        drawing.element(
            "rect",
            x=left - pad,
            y=top - pad,
            width=width + 2 * pad,
            height=height + 2 * pad,
            rx=pad if style.startswith("round") else None,
            transform=anchor,
            **patch.paint(),
        )

    def __repr__(self):
        return f"{type(self).__name__}({self.x!r}, {self.y!r}, {str(self.text)!r})"


class Annotation(Text):
    """Text about a point, with an arrow to it if there are `arrowprops`."""

    kind = "annotation"

    def __init__(self, text, xy, xytext=None, xycoords="data", textcoords=None, arrowprops=None, **style):
        super().__init__(0, 0, text, **style)
        self.xy, self.xytext = tuple(xy), None if xytext is None else tuple(xytext)
        self.system = coordinates(xycoords)
        self.text_system = self.system if textcoords is None else textcoords
        self.arrow = None if arrowprops is None else normalized(arrowprops)

    def place(self, view):
        """(point, point of the text) in pixels, or None if it is not in sight."""
        target = view.point(*self.xy, self.system)
        if target is None or (self.system == DATA and not view.shows(target, 1)):
            return None
        if self.xytext is None:
            return target, target
        if self.text_system in ("offset points", "offset pixels"):
            unit = POINT if self.text_system == "offset points" else 1.0
            return target, (target[0] + self.xytext[0] * unit, target[1] - self.xytext[1] * unit)
        text = view.point(*self.xytext, coordinates(self.text_system))
        return None if text is None else (target, text)

    def draw(self, drawing, view):
        placed = self.place(view)
        if placed is None:
            return
        target, text = placed
        if self.arrow is not None:
            self._draw_arrow(drawing, target, text)
        if str(self.text):
            self.draw_at(drawing, text)

    def _draw_arrow(self, drawing, target, text):
        arrow = dict(self.arrow)
        style = str(arrow.get("arrowstyle", "simple" if "width" in arrow or not arrow.get("arrowstyle") else "->"))
        left, top, width, height = self.box(text)
        pad = 4 * POINT if str(self.text) else 0.0
        middle = (left + width / 2, top + height / 2) if str(self.text) else text
        dx, dy = target[0] - middle[0], target[1] - middle[1]
        length = math.hypot(dx, dy)
        if length == 0:
            return
        ux, uy = dx / length, dy / length
        # From where the line leaves the box of the text to just before the point.
        leave = min((width / 2 + pad) / abs(ux) if ux else math.inf, (height / 2 + pad) / abs(uy) if uy else math.inf)
        shrink = arrow.get("shrink", 0.0) * length + (arrow.get("shrinkB", 2.0) * POINT)
        start, end = min(leave, length) if str(self.text) else 0.0, max(length - shrink, 0.0)
        if end <= start:
            return
        tail = (middle[0] + ux * start, middle[1] + uy * start)
        tip = (middle[0] + ux * end, middle[1] + uy * end)
        color = arrow.get("color")
        line = arrow.get("edgecolor", color) or color or "black"
        face = arrow.get("facecolor", color) or color or "C0"
        width = arrow.get("linewidth", 1.0)
        alpha = arrow.get("alpha")
        with drawing.group(class_="arrow"):
            if "arrowstyle" not in arrow:
                self._draw_solid_arrow(
                    drawing, tail, tip, arrow, {**paint("fill", face, alpha), **stroke(line, width, "-", alpha)}
                )
                return
            strokes = stroke(line, width, arrow.get("linestyle", "-"), alpha)
            drawing.path([tail, tip], fill="none", **strokes)
            name = style.partition(",")[0].strip()
            head = (4 + 2 * width) * POINT
            for at, toward, wanted in ((tip, (ux, uy), name.endswith(">")), (tail, (-ux, -uy), name.startswith("<"))):
                if wanted or name in ("fancy", "simple", "wedge") and at is tip:
                    filled = "|" in name or name in ("fancy", "simple", "wedge")
                    inside = paint("fill", line, alpha) if filled else {"fill": "none"}
                    drawing.path(_head(at, toward, head), filled, **inside, **stroke(line, width, "-", alpha))

    def _draw_solid_arrow(self, drawing, tail, tip, arrow, attributes):
        width, head = arrow.get("width", 4) * POINT / 2, arrow.get("headwidth", 12) * POINT / 2
        dx, dy = tip[0] - tail[0], tip[1] - tail[1]
        length = math.hypot(dx, dy)
        ux, uy = dx / length, dy / length
        long = min(arrow.get("headlength", 12) * POINT, length)
        neck = (tip[0] - ux * long, tip[1] - uy * long)
        points = [
            (*tail, width),
            (*neck, width),
            (*neck, head),
            (*tip, 0),
            (*neck, -head),
            (*neck, -width),
            (*tail, -width),
        ]
        drawing.path([(x - uy * side, y + ux * side) for x, y, side in points], True, **attributes)


def _head(tip, toward, size):
    """The two sides of an arrow's head."""
    (ux, uy), spread = toward, 0.4
    return [
        (tip[0] - size * (ux + spread * uy), tip[1] - size * (uy - spread * ux)),
        tip,
        (tip[0] - size * (ux - spread * uy), tip[1] - size * (uy + spread * ux)),
    ]


__getattr__ = missing.module_attribute("matplotlib.text")
