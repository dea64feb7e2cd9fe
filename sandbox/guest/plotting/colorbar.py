"""Colour bars: which number has which colour."""

from . import missing
from .axes import Axes
from .cm import ScalarMappable
from .image import Cells
from .ticker import FormatStrFormatter
from .typeset import POINT

_STEPS = 256
_NOTHING = {"left": 0.0, "right": 0.0, "top": 0.0, "bottom": 0.0}


class Colorbar:
    """A bar beside axes, or in axes of its own (`cax`)."""

    def __init__(
        self,
        figure,
        mappable,
        parents,
        cax=None,
        *,
        label="",
        orientation=None,
        location=None,
        shrink=1.0,
        aspect=20,
        pad=None,
        fraction=0.15,
        ticks=None,
        format=None,
        extend="neither",
        **style,
    ):
        if mappable is None:
            raise RuntimeError(
                "a color bar needs an image or a scatter plot with numbers for colors: pass it as mappable"
            )
        self.mappable, self.parents = mappable, [parent.twin_of or parent for parent in parents]
        self.side = location or {"horizontal": "bottom", "vertical": "right", None: "right"}[orientation]
        if self.side not in _NOTHING:
            raise ValueError(f"location={self.side!r}: give one of {', '.join(_NOTHING)}")
        self.shrink, self.slimness, self.pad = float(shrink), float(aspect), pad
        self.depths = dict(_NOTHING)
        self.own = cax is not None
        self.ax = cax if cax is not None else figure.take(Axes(figure, None))
        self.ax.colorbar = self
        if not self.own:
            for parent in self.parents:
                parent.colorbars.append(self)
        self._fill()
        if label:
            self.set_label(label)
        if ticks is not None:
            self.set_ticks(ticks)
        if format is not None:
            self._axis.set_major_formatter(
                format if not isinstance(format, str) or "{" in format else FormatStrFormatter(format)
            )

    @property
    def upright(self):
        return self.side in ("left", "right")

    @property
    def _axis(self):
        return self.ax.yaxis if self.upright else self.ax.xaxis

    def _fill(self):
        norm, cmap = self.mappable.norm, self.mappable.cmap
        low, high = (0.0 if norm.vmin is None else norm.vmin), (1.0 if norm.vmax is None else norm.vmax)
        if low == high:
            low, high = low - 0.5, high + 0.5
        steps = min(cmap.N, _STEPS)
        logarithmic = type(norm).__name__ == "LogNorm"
        if logarithmic:
            (self.ax.set_yscale if self.upright else self.ax.set_xscale)("log")
        scale = self._axis.span.scale
        start, end = scale.forward(low), scale.forward(high)
        edges = [scale.inverse(start + (end - start) * index / steps) for index in range(steps + 1)]
        middles = [scale.inverse(start + (end - start) * (index + 0.5) / steps) for index in range(steps)]
        rows = [[value] for value in middles] if self.upright else [middles]
        sides = ([0.0, 1.0], edges) if self.upright else (edges, [0.0, 1.0])
        self.ax.add_artist(Cells(rows, *sides, cmap=cmap, norm=norm))
        self.ax.set_xlim(sides[0][0], sides[0][-1])
        self.ax.set_ylim(sides[1][0], sides[1][-1])
        across = self.ax.xaxis if self.upright else self.ax.yaxis
        across.visible = False
        self._axis.set_ticks_position(self.side)

    def set_label(self, label, **style):
        self._axis.set_label_text(label, **style)

    def set_ticks(self, ticks, labels=None, **style):
        if hasattr(ticks, "tick_values"):
            self._axis.set_major_locator(ticks)
        else:
            self._axis.set_ticks(ticks, labels, **style)

    def set_ticklabels(self, labels, **style):
        self._axis.set_ticklabels(labels, **style)

    def get_ticks(self):
        return self._axis.get_ticklocs()

    @property
    def outline(self):
        return self.ax.spines[["left", "right", "top", "bottom"]]

    def __getattr__(self, name):
        raise AttributeError(missing.message(f"Colorbar.{name}"))

    # Its place.

    def _nearer(self):
        """Bars between the axes and this one."""
        beside = [bar for bar in self.parents[0].colorbars if bar.side == self.side]
        return beside[: beside.index(self)]

    def _thickness(self, length):
        return length * self.shrink / self.slimness

    def _outside(self):
        return self.depths[self.side]

    def space_in(self, box):
        """Pixels that the bar takes from the box of its axes."""
        _, _, width, height = box
        length, across = (height, width) if self.upright else (width, height)
        pad = (0.05 if self.upright else 0.12) if self.pad is None else self.pad
        gap = pad * across
        if not self.upright:
            gap = max(gap, self.parents[0].last_depths.get("bottom", 0.0) + 4 * POINT)
        return gap + self._thickness(length) + self._outside()

    def space(self, figure):
        """Pixels that the bar takes at the edge of the figure."""
        width, height = figure.size()
        length = (height if self.upright else width) * 0.77
        return (4 + self._thickness(length) / POINT + 8) * POINT + self._outside()

    def box(self, placed, own_box):
        """(left, top, width, height) of the bar."""
        if self.own:
            return own_box
        boxes = [placed[parent].view.box for parent in self.parents if parent in placed]
        left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
        right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
        depth = max(placed[parent].depths[self.side] for parent in self.parents if parent in placed)
        width, height = right - left, bottom - top
        full = height if self.upright else width
        length = full * self.shrink
        thick = length / self.slimness
        gap = max(
            (0.05 if self.pad is None else self.pad) * (width / len(self.parents) if self.upright else height),
            depth + 4 * POINT,
        )
        gap += sum(bar._thickness(full) + bar._outside() + 6 * POINT for bar in self._nearer())
        across = (width - length) / 2
        along = (height - length) / 2
        return {
            "right": (right + gap, top + along, thick, length),
            "left": (left - gap - thick, top + along, thick, length),
            "bottom": (left + across, bottom + gap, length, thick),
            "top": (left + across, top - gap - thick, length, thick),
        }[self.side]


def mappable_of(given, axes):
    """What a colour bar is for: as given, or the last image or scatter plot."""
    if isinstance(given, ScalarMappable) or given is None:
        return given if given is not None else axes.mappable
    if hasattr(given, "mappable"):
        return given.mappable
    raise TypeError(f"{given!r} has no colors by number to show in a color bar")


__getattr__ = missing.module_attribute("matplotlib.colorbar")
