"""What all things in a figure share: a style, a label, a place in the order of
drawing and a system of coordinates."""

from typing import NamedTuple

from . import missing


class Coordinates(NamedTuple):
    """What x and y count: units of the data, shares of the axes or of the figure."""

    x: str = "data"
    y: str = "data"


DATA, AXES, FIGURE = Coordinates(), Coordinates("axes", "axes"), Coordinates("figure", "figure")

_ALIASES = {
    "aa": "antialiased",
    "antialiaseds": "antialiased",
    "backgroundcolor": "background",
    "c": "color",
    "ec": "edgecolor",
    "edgecolors": "edgecolor",
    "facecolors": "facecolor",
    "fc": "facecolor",
    "family": "fontfamily",
    "fontname": "fontfamily",
    "fontproperties": "font",
    "fontstyle": "style",
    "ha": "horizontalalignment",
    "linestyles": "linestyle",
    "linewidths": "linewidth",
    "ls": "linestyle",
    "lw": "linewidth",
    "ma": "multialignment",
    "mec": "markeredgecolor",
    "mew": "markeredgewidth",
    "mfc": "markerfacecolor",
    "ms": "markersize",
    "name": "fontfamily",
    "size": "fontsize",
    "va": "verticalalignment",
    "weight": "fontweight",
    "ds": "drawstyle",
    "align": "horizontalalignment",
}
# What can be set and read on any artist. What a kind of artist does not use
# changes nothing.
_STYLE = {
    *_ALIASES.values(),
    "alpha",
    "animated",
    "bbox",
    "capstyle",
    "clip_box",
    "clip_on",
    "clip_path",
    "dash_capstyle",
    "dash_joinstyle",
    "fill",
    "fillstyle",
    "font",
    "gid",
    "hatch",
    "in_layout",
    "joinstyle",
    "linespacing",
    "marker",
    "markevery",
    "math_fontfamily",
    "path_effects",
    "picker",
    "rasterized",
    "rotation",
    "rotation_mode",
    "sketch_params",
    "snap",
    "solid_capstyle",
    "solid_joinstyle",
    "url",
    "usetex",
    "wrap",
}


def normalized(style):
    """`style` with the long names of its properties."""
    result = {}
    for name, value in style.items():
        full = _ALIASES.get(name, name)
        if full not in result or value is not None:
            result[full] = value
    return result


class Artist:
    """A thing that is drawn."""

    zorder = 1.0
    clipped = True
    kind = "artist"

    def __init__(self, **style):
        self.axes = self.figure = None
        self.system = DATA
        self.label = ""
        self.visible = True
        self.style = {}
        self.set(**style)

    def set(self, **properties):
        """Sets properties by name; each has a `set_NAME` of its own, too."""
        for name, value in normalized(properties).items():
            setter = getattr(type(self), f"set_{name}", None)
            if setter is not None:
                setter(self, value)
            else:
                self.style[name] = value

    update = set

    def styled(self, name, default=None):
        """A property, or the default if it is not set."""
        value = self.style.get(name)
        return default if value is None else value

    def __getattr__(self, name):
        action, _, rest = name.partition("_")
        prop = _ALIASES.get(rest, rest)
        if prop in _STYLE and action == "set":
            return lambda value=None: self.set(**{prop: value})
        if prop in _STYLE and action == "get":
            return lambda: self.style.get(prop)
        if name.startswith("__") or name == "style":
            raise AttributeError(name)
        raise AttributeError(missing.message(f"{type(self).__name__}.{name}"))

    def set_label(self, label):
        self.label = "" if label is None else str(label)

    def get_label(self):
        return self.label

    def set_visible(self, visible):
        self.visible = bool(visible)

    def get_visible(self):
        return self.visible

    def set_zorder(self, zorder):
        if zorder is not None:
            self.zorder = float(zorder)

    def get_zorder(self):
        return self.zorder

    def set_transform(self, transform):
        if transform is not None:
            if not isinstance(transform, Coordinates):
                raise NotImplementedError(
                    missing.message("a transform other than transData, transAxes and transFigure")
                )
            self.system = transform

    def get_transform(self):
        return self.system

    def remove(self):
        """Takes the artist out of its figure."""
        for owner in (self.axes, self.figure):
            if owner is not None and self in owner.artists:
                owner.artists.remove(self)

    def in_legend(self):
        return bool(self.label) and not self.label.startswith("_")

    def extent(self):
        """(x values, y values) that the axes should show."""
        return [], []

    def sticky(self):
        """(x values, y values) where the axes may end without a margin."""
        return [], []

    def cover(self, view):
        """Pixels that a legend had better leave free."""
        return []

    def draw(self, drawing, view):
        raise NotImplementedError

    def draw_key(self, drawing, box):
        """Draws the artist's sign in a legend."""

    def __repr__(self):
        return f"<{type(self).__name__}{f' {self.label!r}' if self.in_legend() else ''}>"

    def _in_data(self, xs, ys):
        """The values that count units of the data."""
        return (xs if self.system.x == "data" else []), (ys if self.system.y == "data" else [])
