"""One axis of the axes: its ticks, their labels, its name and its grid."""

from . import missing, ticker
from .artist import normalized
from .axis_page import AxisOnPage
from .data import sequence
from .rcsetup import rcParams
from .spines import OPPOSITE
from .text import Text


class TickLabel:
    """The label of a tick; a change to one changes the labels of the whole axis."""

    def __init__(self, axis, text):
        self._axis, self._text = axis, text

    def get_text(self):
        return self._text

    def set(self, **style):
        self._axis.label_style |= normalized(style)

    def __getattr__(self, name):
        if name.startswith("set_"):
            return lambda value: self.set(**{name[4:]: value})
        raise AttributeError(missing.message(f"{name} of a tick label"))


class Axis(AxisOnPage):
    def __init__(self, axes, direction, span):
        self.axes, self.direction, self.span = axes, direction, span
        self.side = "bottom" if direction == "x" else "left"
        self.label = Text(0.5, 0.5, "")
        self.label_pad = None
        # Where the label is along the axis, from 0 to 1.
        self.label_place = "center"
        self.ticks_on = {self.side: True, OPPOSITE[self.side]: False}
        self.labels_on = {self.side: True, OPPOSITE[self.side]: False}
        self.visible = True
        self.minor_on = True
        self.label_style = {}
        self.tick_style = {}
        self.minor_style = {}
        self.grid_style = {} if rcParams["axes.grid"] and rcParams["axes.grid.axis"] in ("both", direction) else None
        self.minor_grid_style = None

    # Where ticks are and how they read.

    def set_major_locator(self, locator):
        self.span.locator = locator

    def set_major_formatter(self, formatter):
        self.span.formatter = ticker.formatter(formatter)

    def set_minor_locator(self, locator):
        self.span.minor_locator = locator

    def set_minor_formatter(self, formatter):
        if not isinstance(formatter, (ticker.NullFormatter, ticker.ScalarFormatter)):
            raise NotImplementedError(missing.message("labels of minor ticks"))

    def get_major_locator(self):
        return self.span.locator or self.span._usual_locator()

    def get_major_formatter(self):
        return self.span.formatter or self.span._usual_formatter()

    def set_ticks(self, ticks, labels=None, *, minor=False, **style):
        places = self.span.convert(ticks)
        if minor:
            self.span.minor_locator = ticker.FixedLocator(places)
            return
        self.span.locator = ticker.FixedLocator(places)
        if self.span.low is None and places and self.span.members:
            # Ticks are seen, even where there is no data.
            low, high = sorted(self.span.limits())
            self.span.set_limits(*((high, low) if self.span.inverted else (low, high)))
            self.span.low, self.span.high = min(low, *places), max(high, *places)
        if labels is not None:
            self.set_ticklabels(labels)
        self.label_style |= normalized(style)

    def set_ticklabels(self, labels, **style):
        texts = [label.get_text() if hasattr(label, "get_text") else str(label) for label in sequence(labels)]
        locator = self.span.locator
        if isinstance(locator, ticker.FixedLocator) and locator.locs and texts and len(texts) != len(locator.locs):
            raise ValueError(f"there are {len(texts)} labels for {len(locator.locs)} ticks")
        if locator is None:
            low, high = sorted(self.span.limits())
            self.span.locator = ticker.FixedLocator(self.span.ticks(low, high, 9)[0])
        self.span.formatter = ticker.FixedFormatter(texts)
        self.label_style |= normalized(style)

    def get_ticklocs(self, *, minor=False):
        low, high = sorted(self.span.limits())
        major = self.span.ticks(low, high, 9)[0]
        return self.span.minor_ticks(low, high, major) if minor else major

    get_majorticklocs = get_ticklocs

    def get_ticklabels(self, minor=False, which=None):
        low, high = sorted(self.span.limits())
        return [TickLabel(self, text) for text in self.span.ticks(low, high, 9)[1]]

    get_majorticklabels = get_ticklabels

    # How they look.

    def set_ticks_position(self, position):
        if position in ("both", "default", "none"):
            both = {"both": (True, True), "none": (False, False)}.get(position, (True, False))
            usual = "bottom" if self.direction == "x" else "left"
            self.ticks_on = {usual: both[0], OPPOSITE[usual]: both[1]}
            return
        self.side = position
        self.ticks_on = {position: True, OPPOSITE[position]: False}
        self.labels_on = {position: self._labels_shown(), OPPOSITE[position]: False}

    def _labels_shown(self):
        return any(self.labels_on.values())

    def tick_top(self):
        self.set_ticks_position("top")

    def tick_bottom(self):
        self.set_ticks_position("bottom")

    def tick_left(self):
        self.set_ticks_position("left")

    def tick_right(self):
        self.set_ticks_position("right")

    def set_label_position(self, position):
        self.side = position

    def set_label_text(self, text, **style):
        self.label.set_text(text)
        self.label.set(**style)

    def set_label_coords(self, x, y):
        """The place of the label follows from the labels of the ticks."""

    def get_label(self):
        return self.label

    def get_label_text(self):
        return self.label.get_text()

    def set_visible(self, visible):
        self.visible = bool(visible)

    def set_inverted(self, inverted):
        self.span.inverted = bool(inverted)

    def get_inverted(self):
        return self.span.inverted

    def grid(self, visible=None, which="major", **style):
        style = normalized(style)
        if which in ("major", "both"):
            on = (self.grid_style is None or bool(style)) if visible is None else visible
            self.grid_style = style if on else None
        if which in ("minor", "both"):
            on = (self.minor_grid_style is None or bool(style)) if visible is None else visible
            self.minor_grid_style = style if on else None

    def set_tick_params(self, which="major", reset=False, **params):
        if reset:
            self.tick_style, self.label_style, self.minor_style = {}, {}, {}
        renamed = {
            "labelsize": "fontsize",
            "labelcolor": "color",
            "labelrotation": "rotation",
            "labelfontfamily": "fontfamily",
        }
        for name, value in normalized(params).items():
            if name in renamed:
                if which != "minor":
                    self.label_style[renamed[name]] = value
            elif name == "colors":
                self.tick_style["color"] = self.label_style["color"] = value
            elif name in self.ticks_on:
                self.ticks_on[name] = bool(value)
            elif name.removeprefix("label") in self.labels_on:
                self.labels_on[name.removeprefix("label")] = bool(value)
            else:
                for kind, style in (("major", self.tick_style), ("minor", self.minor_style)):
                    if which in (kind, "both"):
                        style[name] = value
