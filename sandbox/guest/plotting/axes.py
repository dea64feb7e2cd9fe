"""Axes: a box in a figure with an axis along two of its sides, and what is drawn in it."""

import itertools

from . import missing, typeset
from .axis import Axis
from .bar_charts import BarCharts
from .colors import paint, to_hex
from .decorations import Decorations
from .image_charts import ImageCharts
from .line_charts import LineCharts
from .rcsetup import cycler, font_size, rcParams
from .span import Span
from .spines import SIDES, Spines
from .statistical_charts import StatisticalCharts
from .text import Text
from .typeset import POINT
from .view import Limits, View

_BELOW = {True: 0.5, "line": 1.5, False: 2.5}


class Axes(Decorations, LineCharts, BarCharts, StatisticalCharts, ImageCharts):
    zorder = 0.0
    order = 0

    def __init__(self, figure, spec, x_span=None, y_span=None):
        self.figure, self.spec = figure, spec
        # The axes on whose box these are drawn, with an axis of their own.
        self.twin_of = None
        # The colour bar that these axes are.
        self.colorbar = None
        # What they took outside their box when they were last laid out.
        self.last_depths = {}
        self._spans = [x_span or Span("x"), y_span or Span("y")]
        for span in self._spans:
            span.members.append(self)
        self.visible = True
        self.label = ""
        self.cla()

    def cla(self):
        """Takes everything out."""
        self.artists, self.containers = [], []
        self._counter = itertools.count()
        self.mappable = None
        self.xaxis, self.yaxis = Axis(self, "x", self._spans[0]), Axis(self, "y", self._spans[1])
        for span in self._spans:
            if span.members == [self]:
                span.reset()
        self.spines = Spines()
        self.titles = {place: Text(0, 0, "") for place in ("left", "center", "right")}
        self.title_pad = rcParams["axes.titlepad"]
        self.legend_ = None
        self.axis_on = True
        self.grid_below = rcParams["axes.axisbelow"]
        self.face = rcParams["axes.facecolor"]
        self.aspect, self.adjustable, self.box_aspect = None, "box", None
        self.own_margins = {}
        self.colorbars = []
        self.set_prop_cycle(None)

    clear = cla

    def count(self):
        return next(self._counter)

    def margin_of(self, direction):
        return self.own_margins.get(direction, rcParams[f"axes.{direction}margin"])

    # Colours in turn.

    def set_prop_cycle(self, *args, **properties):
        cycle = cycler(*args, **properties) if properties or (args and args[0] is not None) else rcParams["axes.prop_cycle"]
        self._line_styles, self._patch_styles = itertools.cycle(list(cycle)), itertools.cycle(list(cycle))
        self._colors = cycle.by_key().get("color", ["C0"])

    def next_line_style(self):
        return next(self._line_styles)

    def next_patch_color(self):
        return next(self._patch_styles).get("color", "C0")

    def pie_colors(self):
        return self._colors

    # Other axes.

    def twinx(self):
        """Axes on the same box with a y axis of their own, on the right."""
        twin = self._twin(self.xaxis.span, None)
        twin.yaxis.set_ticks_position("right")
        twin.xaxis.visible = False
        return twin

    def twiny(self):
        """Axes on the same box with an x axis of their own, on top."""
        twin = self._twin(None, self.yaxis.span)
        twin.xaxis.set_ticks_position("top")
        twin.yaxis.visible = False
        return twin

    def _twin(self, x_span, y_span):
        twin = Axes(self.figure, self.spec, x_span, y_span)
        twin.twin_of = self.twin_of or self
        twin.face = "none"
        return self.figure.take(twin)

    def sharex(self, other):
        self._share(0, other.xaxis.span)

    def sharey(self, other):
        self._share(1, other.yaxis.span)

    def _share(self, index, span):
        self._spans[index].members.remove(self)
        self._spans[index] = span
        span.members.append(self)
        (self.xaxis, self.yaxis)[index].span = span

    def label_outer(self):
        """Hides the tick labels between axes of one grid."""
        spec = self.spec
        if spec.rows[1] < spec.grid.nrows:
            self.xaxis.labels_on["bottom"] = False
            self.xaxis.label.set_visible(False)
        if spec.columns[0] > 0:
            self.yaxis.labels_on["left"] = False
            self.yaxis.label.set_visible(False)

    def get_figure(self):
        return self.figure

    def get_subplotspec(self):
        return self.spec

    def get_position(self):
        raise NotImplementedError(missing.message("Axes.get_position"))

    def set_position(self, rectangle, which="both"):
        self.spec = tuple(rectangle)

    def set_visible(self, visible):
        self.visible = bool(visible)

    def get_visible(self):
        return self.visible

    def set_label(self, label):
        self.label = str(label)

    def get_label(self):
        return self.label

    def set_zorder(self, zorder):
        self.zorder = float(zorder)

    def remove(self):
        self.figure.delaxes(self)

    @property
    def lines(self):
        return [artist for artist in self.artists if artist.kind == "line"]

    @property
    def patches(self):
        return [artist for artist in self.artists if artist.kind in ("bar", "patch", "polygon", "ellipse", "wedge")]

    @property
    def collections(self):
        return [artist for artist in self.artists if artist.kind in ("points", "area", "segments")]

    @property
    def texts(self):
        return [artist for artist in self.artists if artist.kind in ("text", "annotation")]

    @property
    def images(self):
        return [artist for artist in self.artists if artist.kind == "cells"]

    def get_lines(self):
        return self.lines

    def has_data(self):
        return bool(self.artists)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(missing.message(f"Axes.{name}"))

    def __repr__(self):
        return f"<Axes {self.get_title()!r}>" if self.get_title() else "<Axes>"

    # On a page.

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
        for axis, arranged, sides in ((self.xaxis, x_ticks, ("bottom", "top")), (self.yaxis, y_ticks, ("left", "right"))):
            if arranged is not None:
                for side in sides:
                    depths[side] = axis.depth_of(arranged, side)
        if x_ticks is not None:
            self._add_overhang(depths, view, x_ticks)
            if x_ticks.offset:
                depths["bottom"] += 1.1 * x_ticks.size
        if y_ticks is not None:
            half = y_ticks.size / 2 if any(y_ticks.texts) else 0.0
            depths["top"] = max(depths["top"], half, 1.3 * y_ticks.size if y_ticks.offset else 0.0)
            depths["bottom"] = max(depths["bottom"], half)
        title = max(
            (typeset.height(self.title_text(one, title_room), self.title_size(one)) for one in self.titles.values() if one.text),
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
                    items.append((2.5, False, lambda drawing, view, a=axis, t=arranged: self._draw_axis(drawing, view, a, t)))
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
        return self.twin_of is None or spine.side == (self.yaxis.side if self.yaxis.visible else self.xaxis.side)

    def _draw_axis(self, drawing, view, axis, ticks):
        axis.draw_ticks(drawing, view, ticks, lambda side: self.spines[side].place(view))
        axis.draw_label(drawing, view, ticks)

    def _draw_titles(self, drawing, view, ticks, room):
        left, top, width, _ = view.box
        above = self.xaxis.depth_of(ticks[0], "top") if ticks[0] is not None else 0.0
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
                drawing, x, top - above - self.title_pad * POINT, self.title_text(title, room), class_="title", align=place,
                valign="bottom", **look,
            )
