"""Axes on a page: their box, what they need around it, and their drawing."""

import itertools

from . import typeset
from .colors import paint, to_hex
from .rcsetup import font_size, rcParams
from .spines import SIDES
from .typeset import POINT
from .view import Limits, View

_BELOW = {True: 0.5, "line": 1.5, False: 2.5}


class AxesOnPage:
    """The part of `Axes` that is about a page."""

    def view(self, box, figure_size):
        """The view in a box, which an aspect may make smaller."""
        x_limits, y_limits = self.xaxis.span.limits(), self.yaxis.span.limits()
        left, top, width, height = box
        if self.box_aspect is not None:
            wide, high = min(width, height / self.box_aspect), min(height, width * self.box_aspect)
            box = (left + (width - wide) / 2, top + (height - high) / 2, wide, high)
        if self.aspect is not None:
            box, x_limits, y_limits = self._with_aspect(box, x_limits, y_limits)
        return View(box, self.xaxis.span, self.yaxis.span, x_limits, y_limits, figure_size)

    def _with_aspect(self, box, x_limits, y_limits):
        left, top, width, height = box
        x_scale, y_scale = self.xaxis.span.scale, self.yaxis.span.scale
        x0, x1 = (x_scale.forward(value) for value in x_limits)
        y0, y1 = (y_scale.forward(value) for value in y_limits)
        x_unit, y_unit = width / abs(x1 - x0), height / abs(y1 - y0) / self.aspect
        unit = min(x_unit, y_unit)
        if self.adjustable == "box":
            wide, high = abs(x1 - x0) * unit, abs(y1 - y0) * unit * self.aspect
            return (left + (width - wide) / 2, top + (height - high) / 2, wide, high), x_limits, y_limits
        more_x, more_y = (x1 - x0) * (x_unit / unit - 1) / 2, (y1 - y0) * (y_unit / unit - 1) / 2
        return (
            box,
            Limits(x_scale.inverse(x0 - more_x), x_scale.inverse(x1 + more_x)),
            Limits(y_scale.inverse(y0 - more_y), y_scale.inverse(y1 + more_y)),
        )

    def arrange(self, view):
        """(ticks of x, ticks of y), None for what is not shown."""
        axes = (self.xaxis, self.yaxis)
        return tuple(axis.arrange(view) if self.axis_on and axis.visible else None for axis in axes)

    def title_size(self, title):
        return font_size(title.style.get("fontsize", rcParams["axes.titlesize"])) * POINT

    def title_text(self, title, room):
        """The text of a title, in as many lines as it takes to fit `room` pixels."""
        return typeset.wrapped(title.text, self.title_size(title), room)

    def depths(self, view, ticks, title_room):
        """Pixels that the axes take outside their box, by side."""
        depths = dict.fromkeys(SIDES, 0.0)
        x_ticks, y_ticks = ticks
        for axis, arranged, sides in (
            (self.xaxis, x_ticks, ("bottom", "top")),
            (self.yaxis, y_ticks, ("left", "right")),
        ):
            if arranged is not None:
                for side in sides:
                    depths[side] = axis.depth_of(arranged, side, self.spines[side].inset(view))
        if x_ticks is not None:
            self._add_overhang(depths, view, x_ticks)
            if x_ticks.offset:
                depths["bottom"] += 1.1 * x_ticks.size
        if y_ticks is not None:
            half = y_ticks.size / 2 if any(y_ticks.texts) else 0.0
            depths["top"] = max(depths["top"], half, 1.3 * y_ticks.size if y_ticks.offset else 0.0)
            depths["bottom"] = max(depths["bottom"], half)
        title = max(
            (
                typeset.height(self.title_text(one, title_room), self.title_size(one))
                for one in self.titles.values()
                if one.text
            ),
            default=None,
        )
        if title is not None:
            depths["top"] += title + self.title_pad * POINT
        if self.legend_ is not None and self.legend_.anchor is not None:
            left, top, width, height = self.legend_.box(view, [])
            box = view.box
            depths["left"] = max(depths["left"], box[0] - left)
            depths["top"] = max(depths["top"], box[1] - top)
            depths["right"] = max(depths["right"], left + width - box[0] - box[2])
            depths["bottom"] = max(depths["bottom"], top + height - box[1] - box[3])
        return depths

    def _add_overhang(self, depths, view, ticks):
        """What the first and the last label of x take beyond the corners."""
        left, _, width, _ = view.box
        for place, text in zip(ticks.places, ticks.texts):
            if not text or not any(self.xaxis.labels_on.values()):
                continue
            reach = typeset.width(text, ticks.size)
            if ticks.rotation % 180 == 0:
                before = after = reach / 2
            elif ticks.rotation % 180 == 90:
                before = after = ticks.size / 2
            else:
                before, after = (reach * 0.75, ticks.size / 2)
            depths["left"] = max(depths["left"], before - (place - left))
            depths["right"] = max(depths["right"], after - (left + width - place))

    def draw(self, drawing, view, ticks, title_room):
        box = view.box
        left, top, width, height = box
        if self.axis_on:
            face = paint("fill", self.face)
            if face["fill"] != "none":
                drawing.element("rect", x=left, y=top, width=width, height=height, class_="background", **face)
        items = [(artist.zorder, artist.clipped, artist.draw) for artist in self.artists if artist.visible]
        if self.axis_on:
            below = _BELOW.get(self.grid_below, 1.5)
            for axis, arranged in zip((self.xaxis, self.yaxis), ticks):
                if arranged is not None:
                    items.append((below, True, lambda drawing, view, a=axis, t=arranged: a.draw_grid(drawing, view, t)))
                    items.append(
                        (2.5, False, lambda drawing, view, a=axis, t=arranged: self._draw_axis(drawing, view, a, t))
                    )
            items.extend((spine.zorder, False, spine.draw) for spine in self.spines.values() if self._has_spine(spine))
        items.sort(key=lambda item: item[0])
        for clipped, together in itertools.groupby(items, key=lambda item: item[1]):
            if clipped:
                with drawing.clip(box):
                    for _, _, draw in together:
                        draw(drawing, view)
            else:
                for _, _, draw in together:
                    draw(drawing, view)
        self._draw_titles(drawing, view, ticks, title_room)
        if self.legend_ is not None and self.legend_.visible:
            crowd = [point for artist in self.artists if artist.visible for point in artist.cover(view)]
            background = self.face if self.face != "none" else rcParams["axes.facecolor"]
            self.legend_.draw_in(drawing, self.legend_.box(view, crowd), to_hex(background))

    def _has_spine(self, spine):
        if not spine.visible:
            return False
        if self.twin_of is None:
            return True
        own = self.yaxis.side if self.yaxis.visible else self.xaxis.side
        return spine.side == own and not self.twin_of.spines[own].visible

    def _draw_axis(self, drawing, view, axis, ticks):
        axis.draw_ticks(drawing, view, ticks, lambda side: self.spines[side].place(view))
        axis.draw_label(drawing, view, ticks, self.spines[axis.side].place(view))

    def _draw_titles(self, drawing, view, ticks, room):
        left, top, width, _ = view.box
        above = self.xaxis.depth_of(ticks[0], "top", self.spines["top"].inset(view)) if ticks[0] is not None else 0.0
        if ticks[1] is not None and ticks[1].offset:
            above = max(above, 1.3 * ticks[1].size)
        for place, title in self.titles.items():
            if not title.text or not title.visible:
                continue
            size = self.title_size(title)
            look = title.look() | {"size": size}
            if title.style.get("color") is None and rcParams["axes.titlecolor"] != "auto":
                look |= paint("fill", rcParams["axes.titlecolor"])
            look["bold"] = look["bold"] or rcParams["axes.titleweight"] == "bold"
            x = left + {"left": 0.0, "center": 0.5, "right": 1.0}[place] * width
            typeset.draw(
                drawing,
                x,
                top - above - self.title_pad * POINT,
                self.title_text(title, room),
                class_="title",
                align=place,
                valign="bottom",
                **look,
            )
