"""What axes are dressed with: titles, names, limits, ticks, legend, grid, text."""

from .artist import AXES, DATA, Coordinates, normalized
from .colors import to_rgba
from .data import is_sequence, number, sequence
from .legend import Legend, entries
from .scale import scale
from .text import Annotation, Text, coordinates
from .ticker import AutoMinorLocator, MaxNLocator, ScalarFormatter


class Decorations:
    """The part of `Axes` that sets how it looks."""

    # Text.

    def set_title(self, label, fontdict=None, loc=None, pad=None, *, y=None, **style):
        if loc not in (None, "left", "center", "right"):
            raise ValueError(f"{loc!r} is no place for a title: give 'left', 'center' or 'right'")
        title = self.titles[loc or "center"]
        title.set_text(label)
        title.set(**{**(fontdict or {}), **style})
        if pad is not None:
            self.title_pad = float(pad)
        return title

    def get_title(self, loc="center"):
        return self.titles[loc].get_text()

    @property
    def title(self):
        return self.titles["center"]

    def set_xlabel(self, xlabel, fontdict=None, labelpad=None, *, loc=None, **style):
        return self._set_name(self.xaxis, xlabel, fontdict, labelpad, loc, style)

    def set_ylabel(self, ylabel, fontdict=None, labelpad=None, *, loc=None, **style):
        return self._set_name(self.yaxis, ylabel, fontdict, labelpad, loc, style)

    def _set_name(self, axis, text, fontdict, pad, loc, style):
        position = style.pop("position", None)
        if position is not None:
            loc = {0: "left", 1: "right"}.get(position[0 if axis.direction == "x" else 1], "center")
            loc = {"left": "bottom", "right": "top"}.get(loc, loc) if axis.direction == "y" else loc
        axis.set_label_text(text, **{**(fontdict or {}), **style})
        axis.label_pad = axis.label_pad if pad is None else float(pad)
        axis.label_place = loc or axis.label_place
        return axis.label

    def get_xlabel(self):
        return self.xaxis.get_label_text()

    def get_ylabel(self):
        return self.yaxis.get_label_text()

    def text(self, x, y, s, fontdict=None, **style):
        """Text at a point, in units of the data unless `transform` says otherwise."""
        text = Text(x, y, s, fontdict=fontdict, **style)
        if text.system.x == "data":
            text.x = self.xaxis.span.convert_one(x)
        if text.system.y == "data":
            text.y = self.yaxis.span.convert_one(y)
        return self.add_artist(text)

    def annotate(self, text, xy, xytext=None, xycoords="data", textcoords=None, arrowprops=None, **style):
        """Text about the point `xy`, with an arrow to it if there are `arrowprops`."""
        place = self._converted(xy, coordinates(xycoords))
        near = xytext
        if near is not None and textcoords not in ("offset points", "offset pixels"):
            near = self._converted(near, coordinates(xycoords if textcoords is None else textcoords))
        return self.add_artist(Annotation(text, place, near, xycoords, textcoords, arrowprops, **style))

    def _converted(self, point, system):
        x, y = point
        return (
            self.xaxis.span.convert_one(x) if system.x == "data" else number(x),
            self.yaxis.span.convert_one(y) if system.y == "data" else number(y),
        )

    # Limits, scales and ticks.

    def set_xlim(self, left=None, right=None, *, emit=True, auto=False, xmin=None, xmax=None):
        return self._set_limits(self.xaxis, left, right, xmin, xmax)

    def set_ylim(self, bottom=None, top=None, *, emit=True, auto=False, ymin=None, ymax=None):
        return self._set_limits(self.yaxis, bottom, top, ymin, ymax)

    def _set_limits(self, axis, start, end, low, high):
        if is_sequence(start) and end is None:
            start, end = sequence(start)
        axis.span.set_limits(low if start is None else start, high if end is None else end)
        return tuple(axis.span.limits())

    def get_xlim(self):
        return tuple(self.xaxis.span.limits())

    def get_ylim(self):
        return tuple(self.yaxis.span.limits())

    get_xbound, get_ybound, set_xbound, set_ybound = get_xlim, get_ylim, set_xlim, set_ylim

    def invert_xaxis(self):
        self.xaxis.span.inverted = not self.xaxis.span.inverted

    def invert_yaxis(self):
        self.yaxis.span.inverted = not self.yaxis.span.inverted

    def set_xscale(self, value, **options):
        self.xaxis.span.set_scale(scale(value, **options))

    def set_yscale(self, value, **options):
        self.yaxis.span.set_scale(scale(value, **options))

    def get_xscale(self):
        return self.xaxis.span.scale.name

    def get_yscale(self):
        return self.yaxis.span.scale.name

    def margins(self, *margins, x=None, y=None, tight=True):
        """Shares of the data's range that are left free around it."""
        if margins:
            x, y = margins if len(margins) == 2 else margins * 2
        if x is not None:
            self.set_xmargin(x)
        if y is not None:
            self.set_ymargin(y)
        return self.margin_of("x"), self.margin_of("y")

    def set_xmargin(self, m):
        self.own_margins["x"] = number(m)

    def set_ymargin(self, m):
        self.own_margins["y"] = number(m)

    def autoscale(self, enable=True, axis="both", tight=None):
        """Has the limits follow the data again, or stay as they are."""
        for one in self._named_axes(axis):
            if enable is False:
                one.span.set_limits(*one.span.limits())
            else:
                one.span.release()
            if tight:
                one.span.margin = 0.0

    def autoscale_view(self, tight=None, scalex=True, scaley=True):
        """Limits are taken from the data when they are asked for; nothing is due."""

    def relim(self, visible_only=False):
        """As `autoscale_view`."""

    def set_autoscale_on(self, on):
        self.autoscale(bool(on))

    def get_autoscalex_on(self):
        return self.xaxis.span.low is None

    def get_autoscaley_on(self):
        return self.yaxis.span.low is None

    def set_xticks(self, ticks, labels=None, *, minor=False, **style):
        self.xaxis.set_ticks(ticks, labels, minor=minor, **style)

    def set_yticks(self, ticks, labels=None, *, minor=False, **style):
        self.yaxis.set_ticks(ticks, labels, minor=minor, **style)

    def set_xticklabels(self, labels, *, minor=False, fontdict=None, **style):
        self.xaxis.set_ticklabels(labels, **{**(fontdict or {}), **style})

    def set_yticklabels(self, labels, *, minor=False, fontdict=None, **style):
        self.yaxis.set_ticklabels(labels, **{**(fontdict or {}), **style})

    def get_xticks(self, *, minor=False):
        return self.xaxis.get_ticklocs(minor=minor)

    def get_yticks(self, *, minor=False):
        return self.yaxis.get_ticklocs(minor=minor)

    def get_xticklabels(self, minor=False, which=None):
        return self.xaxis.get_ticklabels()

    def get_yticklabels(self, minor=False, which=None):
        return self.yaxis.get_ticklabels()

    def tick_params(self, axis="both", **params):
        for one in self._named_axes(axis):
            foreign = ("left", "right") if one.direction == "x" else ("top", "bottom")
            own = {name: value for name, value in params.items() if name.removeprefix("label") not in foreign}
            one.set_tick_params(**own)

    def ticklabel_format(
        self, *, axis="both", style=None, scilimits=None, useOffset=None, useLocale=None, useMathText=None
    ):
        for one in self._named_axes(axis):
            formatter = one.span.formatter if isinstance(one.span.formatter, ScalarFormatter) else ScalarFormatter()
            if style is not None:
                formatter.set_scientific(style in ("sci", "scientific"))
            if scilimits is not None:
                formatter.set_powerlimits(scilimits)
            one.set_major_formatter(formatter)

    def locator_params(self, axis="both", tight=None, **params):
        for one in self._named_axes(axis):
            one.set_major_locator(MaxNLocator(**params))

    def minorticks_on(self):
        for axis in (self.xaxis, self.yaxis):
            axis.minor_on = True
            if axis.span.scale.name == "linear":
                axis.set_minor_locator(AutoMinorLocator())

    def minorticks_off(self):
        self.xaxis.minor_on = self.yaxis.minor_on = False

    def _named_axes(self, name):
        axes = {"x": [self.xaxis], "y": [self.yaxis], "both": [self.xaxis, self.yaxis]}
        if name not in axes:
            raise ValueError(f"axis={name!r}: give 'x', 'y' or 'both'")
        return axes[name]

    # The frame.

    def grid(self, visible=None, which="major", axis="both", **style):
        for one in self._named_axes(axis):
            one.grid(visible, which, **style)

    def legend(self, *args, handles=None, labels=None, loc=None, **options):
        """A legend of what has a label, of `handles`, or of `labels` in order."""
        found = entries(self._labelled(), args, handles, labels)
        self.legend_ = Legend(found, loc, **options)
        self.legend_.axes = self
        return self.legend_

    def get_legend(self):
        return self.legend_

    def get_legend_handles_labels(self):
        found = [artist for artist in self._labelled() if artist.in_legend()]
        return found, [artist.label for artist in found]

    def _labelled(self):
        """Artists, then groups of them, in the order in which they came."""
        members = {id(artist) for group in self.containers for artist in group.get_children()}
        alone = [artist for artist in self.artists if id(artist) not in members or artist.in_legend()]
        return [*alone, *self.containers]

    def axis(self, arg=None, **limits):
        """ "off", "on", "equal", "scaled", "tight", "square", "image" or the four limits."""
        if isinstance(arg, str):
            self._axis_option(arg)
        elif isinstance(arg, bool):
            self.axis_on = arg
        elif arg is not None:
            left, right, bottom, top = sequence(arg)
            self.set_xlim(left, right)
            self.set_ylim(bottom, top)
        self.set_xlim(limits.get("xmin"), limits.get("xmax"))
        self.set_ylim(limits.get("ymin"), limits.get("ymax"))
        return (*self.get_xlim(), *self.get_ylim())

    def _axis_option(self, option):
        if option in ("on", "off"):
            self.axis_on = option == "on"
        elif option in ("equal", "scaled", "image", "square"):
            self.autoscale()
            self.set_aspect("equal", adjustable="datalim" if option == "equal" else "box")
            if option == "square":
                self._make_square()
        elif option in ("auto", "tight"):
            self.set_aspect("auto")
            self.autoscale(tight=option == "tight")
        else:
            raise ValueError(
                f"axis({option!r}): give 'on', 'off', 'equal', 'scaled', 'tight', 'auto', 'image' or 'square'"
            )

    def _make_square(self):
        (left, right), (bottom, top) = self.get_xlim(), self.get_ylim()
        side = max(right - left, top - bottom)
        self.set_xlim(left, left + side)
        self.set_ylim(bottom, bottom + side)

    def set_axis_off(self):
        self.axis_on = False

    def set_axis_on(self):
        self.axis_on = True

    def set_axisbelow(self, below):
        self.grid_below = below

    def set_frame_on(self, on):
        for spine in self.spines.values():
            spine.set_visible(on)

    def set_facecolor(self, color):
        self.face = color

    def get_facecolor(self):
        return to_rgba(self.face)

    def set_aspect(self, aspect, adjustable=None, anchor=None, share=False):
        """ "auto", "equal", or how many times as long a unit of y is as one of x."""
        if aspect not in ("auto", "equal") and not number(aspect) > 0:
            raise ValueError(f"{aspect!r} is not an aspect: give 'auto', 'equal' or a positive number")
        self.aspect = {"auto": None, "equal": 1.0}[aspect] if isinstance(aspect, str) else number(aspect)
        if adjustable is not None:
            self.adjustable = adjustable

    def get_aspect(self):
        return "auto" if self.aspect is None else self.aspect

    def set_box_aspect(self, aspect=None):
        self.box_aspect = None if aspect is None else number(aspect)

    def set(self, **properties):
        """Sets properties by name: `set(title="t", xlim=(0, 1))`."""
        for name, value in normalized(properties).items():
            setter = getattr(self, f"set_{name}")
            if name in ("xlim", "ylim", "xticks", "yticks") or not isinstance(value, dict):
                setter(value)
            else:
                setter(**value)

    def get_xaxis_transform(self, which="grid"):
        return Coordinates("data", "axes")

    def get_yaxis_transform(self, which="grid"):
        return Coordinates("axes", "data")

    @property
    def transAxes(self):
        return AXES

    @property
    def transData(self):
        return DATA
