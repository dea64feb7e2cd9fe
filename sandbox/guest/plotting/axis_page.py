"""An axis on a page: which of its ticks fit, and how they are drawn."""

import math
from dataclasses import dataclass

from . import typeset
from .colors import paint
from .rcsetup import font_size, rcParams
from .strokes import stroke
from .text import rotation_of
from .typeset import POINT

_PAD = 3.5


@dataclass
class Ticks:
    """The ticks of an axis on a page. `places` are pixels along the page; `depth` is
    the pixels that ticks and labels take outside the box."""

    places: list
    texts: list
    minor: list
    offset: str
    rotation: float
    size: float
    depth: float


class AxisOnPage:
    """The part of `Axis` that is about a page."""

    def _rc(self, name):
        return rcParams[f"{self.direction}tick.{name}"]

    def _tick_length(self, kind="major"):
        style = self.tick_style if kind == "major" else self.minor_style
        return style.get("length", self._rc(f"{kind}.size")) * POINT

    def _outward(self):
        """The share of a tick that is outside the axes."""
        direction = self.tick_style.get("direction", self._rc("direction"))
        return {"out": 1.0, "in": 0.0, "inout": 0.5}[direction]

    def label_size(self):
        return font_size(self.label_style.get("fontsize", self._rc("labelsize"))) * POINT

    def arrange(self, view):
        """The ticks that fit the page, see `Ticks`."""
        along_x = self.direction == "x"
        length = view.box[2] if along_x else view.box[3]
        limits = view.x_limits if along_x else view.y_limits
        low, high = min(limits), max(limits)
        size = self.label_size()
        place = view.x if along_x else view.y
        room = max(min(int(length / (size * (3 if along_x else 2))), 9), 1)
        rotation = self.label_style.get("rotation")
        turn = rotation_of(rotation)
        while True:
            ticks, texts, offset = self.span.ticks(low, high, room)
            places = [place(tick) for tick in ticks]
            if room <= 2 or not self.span.adapts() or not _collide(places, texts, size, turn, along_x):
                break
            room -= 1
        if along_x and rotation is None and _collide(places, texts, size, 0, along_x) and self._labels_shown():
            turn = next((angle for angle in (45, 90) if not _collide(places, texts, size, angle, along_x)), 90)
        texts = _thinned(places, texts, size, turn, along_x)
        minor = [place(tick) for tick in self.span.minor_ticks(low, high, ticks)] if self.minor_on else []
        widest = max((typeset.width(text, size) for text in texts), default=0.0)
        ticks_out = self._outward() * self._tick_length() if any(self.ticks_on.values()) else 0.0
        depth = ticks_out
        if self._labels_shown() and any(texts):
            across, upright = _turned_size(widest, max(typeset.height(text, size) for text in texts), turn)
            depth += self.tick_style.get("pad", _PAD) * POINT + (upright if along_x else across)
        return Ticks(places, texts, minor, offset if self._labels_shown() else "", turn, size, depth)

    def name_size(self):
        return font_size(self.label.style.get("fontsize", rcParams["axes.labelsize"])) * POINT

    def depth_of(self, ticks, side, inset=0.0):
        """Pixels outside the box that the axis takes on a side, if its line is `inset`
        pixels inside."""
        depth = 0.0
        if self.labels_on[side]:
            depth = ticks.depth
        elif self.ticks_on[side]:
            depth = self._outward() * self._tick_length()
        if side == self.side and self.label.get_text() and self.label.visible:
            depth += self._name_pad() + typeset.height(self.label.text, self.name_size())
        return max(depth - inset, 0.0)

    def _name_pad(self):
        return (rcParams["axes.labelpad"] if self.label_pad is None else self.label_pad) * POINT

    def draw_grid(self, drawing, view, ticks):
        left, top, width, height = view.box
        for places, given in ((ticks.minor, self.minor_grid_style), (ticks.places, self.grid_style)):
            if given is None or not places:
                continue
            style = {
                name: given.get(name, rcParams[f"grid.{name}"]) for name in ("color", "linestyle", "linewidth", "alpha")
            }
            attributes = stroke(style["color"], style["linewidth"], style["linestyle"], style["alpha"])
            with drawing.group(class_=f"grid-{self.direction}", **attributes):
                for place in places:
                    ends = (
                        ((place, top), (place, top + height))
                        if self.direction == "x"
                        else ((left, place), (left + width, place))
                    )
                    drawing.path(ends)

    def draw_ticks(self, drawing, view, ticks, spine_place):
        """Ticks and their labels; `spine_place(side)` is the pixel of the line they are on."""
        color = self.tick_style.get("color", self._rc("color"))
        outward = self._outward()
        for side in self.ticks_on:
            away = 1 if side in ("bottom", "right") else -1
            line = spine_place(side)
            if self.ticks_on[side]:
                for kind, places in (("minor", ticks.minor), ("major", ticks.places)):
                    length = self._tick_length(kind)
                    if not length or not places:
                        continue
                    width = (self.tick_style if kind == "major" else self.minor_style).get(
                        "width", 0.8 if kind == "major" else 0.6
                    )
                    with drawing.group(
                        class_=f"ticks-{self.direction}" if kind == "major" else None, **stroke(color, width)
                    ):
                        start, end = line - away * (1 - outward) * length, line + away * outward * length
                        for place in places:
                            drawing.path(
                                [(place, start), (place, end)]
                                if self.direction == "x"
                                else [(start, place), (end, place)]
                            )
            if self.labels_on[side]:
                self._draw_labels(drawing, ticks, line, side, away)
                self._draw_offset(drawing, view, ticks, side)

    def _draw_labels(self, drawing, ticks, line, side, away):
        gap = self.tick_style.get("pad", _PAD) * POINT
        gap += self._outward() * self._tick_length() if self.ticks_on[side] else 0.0
        color = self.label_style.get("color") or self._rc("color")
        at = line + away * gap
        align, valign = self._alignment(ticks.rotation, side)
        bold = self.label_style.get("fontweight") in ("bold", 700)
        with drawing.group(
            class_=f"tick-labels-{self.direction}", **paint("fill", color, self.label_style.get("alpha"))
        ):
            for place, text in zip(ticks.places, ticks.texts):
                x, y = (place, at) if self.direction == "x" else (at, place)
                if self.direction == "x" and valign == "center" and ticks.rotation % 180 != 90:
                    y += away * ticks.size / 2
                typeset.draw(
                    drawing, x, y, text, ticks.size, align=align, valign=valign, rotation=ticks.rotation, bold=bold
                )

    def _alignment(self, rotation, side):
        """How a label hangs from its tick."""
        if self.direction == "y":
            if rotation % 180 == 90:
                return "center", "bottom" if side == "left" else "top"
            return ("right" if side == "left" else "left"), "center"
        align = self.label_style.get("horizontalalignment")
        if rotation % 360 == 0:
            return align or "center", "top" if side == "bottom" else "bottom"
        leans = rotation % 360 <= 180
        return "right" if leans == (side == "bottom") else "left", "center"

    def _draw_offset(self, drawing, view, ticks, side):
        if not ticks.offset:
            return
        left, top, width, height = view.box
        color = paint("fill", self._rc("color"))
        if self.direction == "y":
            x = left if side == "left" else left + width
            typeset.draw(drawing, x, top - 3 * POINT, ticks.offset, ticks.size, align=side, **color)
        else:
            y = top + height + ticks.depth + _PAD * POINT if side == "bottom" else top - ticks.depth - _PAD * POINT
            typeset.draw(
                drawing,
                left + width,
                y,
                ticks.offset,
                ticks.size,
                align="right",
                valign="top" if side == "bottom" else "bottom",
                **color,
            )

    def draw_label(self, drawing, view, ticks, line):
        """The name of the axis, whose line is at the pixel `line`."""
        if not self.label.get_text() or not self.label.visible:
            return
        left, top, width, height = view.box
        depth = (ticks.depth if self.labels_on[self.side] else 0.0) + self._name_pad()
        look = self.label.look() | {"size": self.name_size()}
        if self.label.style.get("color") is None:
            look |= paint("fill", rcParams["axes.labelcolor"])
        look["bold"] = look["bold"] or rcParams["axes.labelweight"] == "bold"
        share = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}[self.label_place]
        align = {0.0: "left", 0.5: "center", 1.0: "right"}[share]
        if self.direction == "x":
            below = self.side == "bottom"
            y = line + depth if below else line - depth
            typeset.draw(
                drawing,
                left + share * width,
                y,
                self.label.text,
                class_="label-x",
                align=align,
                valign="top" if below else "bottom",
                **look,
            )
            return
        rotation = self.label.style.get("rotation")
        look["rotation"] = 90.0 if rotation is None else rotation_of(rotation)
        x = line - depth if self.side == "left" else line + depth
        upright = look["rotation"] % 180 == 0
        valign = "center" if upright else "bottom" if (self.side == "left") == (look["rotation"] % 360 == 90) else "top"
        align = ("right" if self.side == "left" else "left") if upright else align
        typeset.draw(
            drawing,
            x,
            top + (1 - share) * height,
            self.label.text,
            class_="label-y",
            align=align,
            valign=valign,
            **look,
        )


def _turned_size(width, height, rotation):
    """(width, height) of the box around a rotated text."""
    angle = math.radians(rotation)
    c, s = abs(math.cos(angle)), abs(math.sin(angle))
    return width * c + height * s, width * s + height * c


def _collide(places, texts, size, rotation, along_x):
    """Whether a label would touch the next one."""
    shown = [(place, text) for place, text in sorted(zip(places, texts), key=lambda pair: pair[0]) if text]
    if not along_x:
        return False
    lean = abs(math.sin(math.radians(rotation)))
    for (one, text), (two, after) in zip(shown, shown[1:]):
        if lean > 0.15:
            needed = 1.05 * max(typeset.height(text, size), typeset.height(after, size)) / lean
        else:
            needed = (typeset.width(text, size) + typeset.width(after, size)) / 2 + 0.4 * size
        if two - one < needed:
            return True
    return False


def _thinned(places, texts, size, rotation, along_x):
    """`texts` with as many blanked, evenly, as it takes for the others to fit."""
    if not along_x:
        return texts
    for stride in range(1, len(texts) + 1):
        kept = [text if index % stride == 0 else "" for index, text in enumerate(texts)]
        if not _collide(places, kept, size, rotation, along_x):
            return kept
    return texts
