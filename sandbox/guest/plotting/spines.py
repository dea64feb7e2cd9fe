"""The four lines around axes."""

import math

from . import missing
from .artist import Artist
from .rcsetup import rcParams
from .strokes import stroke

OPPOSITE = {"left": "right", "right": "left", "bottom": "top", "top": "bottom"}
SIDES = tuple(OPPOSITE)


class Spine(Artist):
    zorder = 2.5
    clipped = False

    def __init__(self, side):
        self.side = side
        self.position = ("axes", None)
        self.bounds = None
        super().__init__()
        self.visible = rcParams[f"axes.spines.{side}"]

    def set_position(self, position):
        """ "zero", "center", or a pair of "data", "axes" or "outward" and a number."""
        named = {"zero": ("data", 0.0), "center": ("axes", 0.5)}
        if isinstance(position, str) and position in named:
            self.position = named[position]
        elif isinstance(position, (tuple, list)) and len(position) == 2 and position[0] in ("data", "axes", "outward"):
            self.position = (position[0], float(position[1]))
        else:
            raise ValueError(f"{position!r} is not the position of a spine: give 'zero', 'center' or ('data', number)")

    def set_bounds(self, low=None, high=None):
        self.bounds = low if isinstance(low, (tuple, list)) else (low, high)

    def place(self, view):
        """The pixel of the line across its direction."""
        left, top, width, height = view.box
        kind, at = self.position
        upright = self.side in ("left", "right")
        edge = {"left": left, "right": left + width, "bottom": top + height, "top": top}[self.side]
        if at is None:
            return edge
        if kind == "outward":
            return edge + at * 100 / 72 * (1 if self.side in ("right", "bottom") else -1)
        if kind == "axes":
            return view.x(at, "axes") if upright else view.y(at, "axes")
        place = view.x(at) if upright else view.y(at)
        low, high = (left, left + width) if upright else (top, top + height)
        return edge if math.isnan(place) else min(max(place, low), high)

    def inset(self, view):
        """Pixels that the line is inside the box."""
        left, top, width, height = view.box
        place = self.place(view)
        return {
            "left": place - left,
            "right": left + width - place,
            "bottom": top + height - place,
            "top": place - top,
        }[self.side]

    def draw(self, drawing, view):
        left, top, width, height = view.box
        place = self.place(view)
        upright = self.side in ("left", "right")
        ends = [top + height, top] if upright else [left, left + width]
        for index, bound in enumerate(self.bounds or ()):
            if bound is not None:
                ends[index] = view.y(bound) if upright else view.x(bound)
        points = [(place, end) for end in ends] if upright else [(end, place) for end in ends]
        color = self.styled("edgecolor", self.styled("color", rcParams["axes.edgecolor"]))
        strokes = stroke(color, self.styled("linewidth", rcParams["axes.linewidth"]), self.styled("linestyle", "-"))
        if strokes["stroke"] != "none":
            drawing.path(points, class_="spine", stroke_linecap="square", **strokes)


class Spines(dict):
    """By side, as `spines["top"]`, `spines.top` or `spines[["top", "right"]]`."""

    def __init__(self):
        super().__init__({side: Spine(side) for side in SIDES})

    def __getitem__(self, key):
        if isinstance(key, (list, tuple)):
            return SpineGroup([super(Spines, self).__getitem__(side) for side in key])
        if isinstance(key, slice):
            return SpineGroup(list(self.values()))
        return super().__getitem__(key)

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(missing.message(f"spines.{name}"))


class SpineGroup:
    """Several spines; a setter sets all of them."""

    def __init__(self, spines):
        self._spines = spines

    def __getattr__(self, name):
        if not name.startswith("set"):
            raise AttributeError(missing.message(f"{name} of several spines"))

        def call(*args, **kwargs):
            for spine in self._spines:
                getattr(spine, name)(*args, **kwargs)

        return call
