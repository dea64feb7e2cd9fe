"""Axes: a box in a figure with an axis along two of its sides, and what is drawn in it."""

import itertools

from . import missing
from .area_charts import AreaCharts
from .axes_page import AxesOnPage
from .axis import Axis
from .bar_charts import BarCharts
from .decorations import Decorations
from .image_charts import ImageCharts
from .line_charts import LineCharts
from .rcsetup import cycler, rcParams
from .span import Span
from .spines import Spines
from .statistical_charts import StatisticalCharts
from .text import Text


class Axes(AxesOnPage, Decorations, LineCharts, AreaCharts, BarCharts, StatisticalCharts, ImageCharts):
    zorder = 0.0

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
        # Settings hold for the axes that are made under them.
        self.settings = dict(rcParams)
        self.artists, self.containers = [], []
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

    def margin_of(self, direction):
        return self.own_margins.get(direction, rcParams[f"axes.{direction}margin"])

    # Colours in turn.

    def set_prop_cycle(self, *args, **properties):
        cycle = (
            cycler(*args, **properties) if properties or (args and args[0] is not None) else rcParams["axes.prop_cycle"]
        )
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

    def get_xaxis(self):
        return self.xaxis

    def get_yaxis(self):
        return self.yaxis

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
