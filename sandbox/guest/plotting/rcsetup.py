"""The settings that figures start from: `matplotlib.rcParams`."""

from contextlib import contextmanager


class Cycler:
    """Properties that a list of lines takes in turn."""

    def __init__(self, properties):
        self._properties = {name: list(values) for name, values in properties.items()}

    def by_key(self):
        return self._properties

    def __iter__(self):
        names = list(self._properties)
        return (dict(zip(names, values)) for values in zip(*self._properties.values()))

    def __len__(self):
        return min(map(len, self._properties.values()), default=0)

    def __add__(self, other):
        return Cycler({**self._properties, **other.by_key()})

    def __repr__(self):
        return f"cycler({self._properties!r})"


def cycler(*args, **properties):
    """`cycler("color", ["r", "g"])` or `cycler(color=["r", "g"])`."""
    if args:
        properties = {args[0]: args[1]} if len(args) == 2 else args[0].by_key()
    return Cycler(properties)


_TAB10 = "#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd #8c564b #e377c2 #7f7f7f #bcbd22 #17becf".split()

DEFAULTS = {
    "axes.axisbelow": "line",
    "axes.edgecolor": "black",
    "axes.facecolor": "white",
    "axes.grid": False,
    "axes.grid.axis": "both",
    "axes.labelcolor": "black",
    "axes.labelpad": 4.0,
    "axes.labelsize": "medium",
    "axes.labelweight": "normal",
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=_TAB10),
    "axes.spines.bottom": True,
    "axes.spines.left": True,
    "axes.spines.right": True,
    "axes.spines.top": True,
    "axes.titlecolor": "auto",
    "axes.titlepad": 6.0,
    "axes.titlesize": "large",
    "axes.titleweight": "normal",
    "axes.unicode_minus": True,
    "axes.xmargin": 0.05,
    "axes.ymargin": 0.05,
    "errorbar.capsize": 0.0,
    "figure.facecolor": "white",
    "figure.figsize": [6.4, 4.8],
    "figure.titlesize": "large",
    "figure.titleweight": "normal",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.serif": ["DejaVu Serif", "Times New Roman"],
    "font.monospace": ["DejaVu Sans Mono", "Courier New"],
    "font.size": 10.0,
    "grid.alpha": 1.0,
    "grid.color": "#b0b0b0",
    "grid.linestyle": "-",
    "grid.linewidth": 0.8,
    "hatch.linewidth": 1.0,
    "hist.bins": 10,
    "image.aspect": "equal",
    "image.cmap": "viridis",
    "image.origin": "upper",
    "legend.edgecolor": "0.8",
    "legend.facecolor": "inherit",
    "legend.fontsize": "medium",
    "legend.framealpha": 0.8,
    "legend.frameon": True,
    "legend.loc": "best",
    "legend.title_fontsize": None,
    "lines.linestyle": "-",
    "lines.linewidth": 1.5,
    "lines.marker": "None",
    "lines.markeredgewidth": 1.0,
    "lines.markersize": 6.0,
    "patch.edgecolor": "black",
    "patch.facecolor": "C0",
    "patch.linewidth": 1.0,
    "savefig.facecolor": "auto",
    "scatter.marker": "o",
    "text.color": "black",
    "xtick.color": "black",
    "xtick.direction": "out",
    "xtick.labelsize": "medium",
    "xtick.major.size": 3.5,
    "xtick.minor.size": 2.0,
    "ytick.color": "black",
    "ytick.direction": "out",
    "ytick.labelsize": "medium",
    "ytick.major.size": 3.5,
    "ytick.minor.size": 2.0,
}

_SIZES = {
    "xx-small": 0.579,
    "x-small": 0.694,
    "small": 0.833,
    "medium": 1.0,
    "large": 1.2,
    "x-large": 1.44,
    "xx-large": 1.728,
    "smaller": 0.833,
    "larger": 1.2,
}


class RcParams(dict):
    """Settings by name. Those that change nothing here are kept all the same."""

    def __missing__(self, key):
        raise KeyError(f"{key} is not a setting of this sandbox's matplotlib")

    def copy(self):
        return RcParams(self)

    def find_all(self, pattern):
        return RcParams({key: value for key, value in self.items() if pattern in key})


rcParamsDefault = RcParams(DEFAULTS)
rcParams = RcParams(DEFAULTS)

_GROUPS = {"lw": "linewidth", "ls": "linestyle", "c": "color", "fc": "facecolor", "ec": "edgecolor"}


def rc(group, **settings):
    """`rc("lines", linewidth=2)` sets `lines.linewidth`."""
    for one in [group] if isinstance(group, str) else group:
        for name, value in settings.items():
            rcParams[f"{one}.{_GROUPS.get(name, name)}"] = value


def rcdefaults():
    rcParams.clear()
    rcParams.update(DEFAULTS)


@contextmanager
def rc_context(rc=None, fname=None):
    """Settings that hold inside a `with` block."""
    saved = dict(rcParams)
    try:
        rcParams.update(rc or {})
        yield
    finally:
        rcParams.clear()
        rcParams.update(saved)


def font_size(size=None):
    """Points of a font size: a number, or a name such as "large"."""
    if size is None:
        size = "medium"
    if isinstance(size, str):
        if size not in _SIZES:
            raise ValueError(f"{size!r} is not a font size: give points, or one of {', '.join(_SIZES)}")
        return rcParams["font.size"] * _SIZES[size]
    return float(size)


def font_families():
    """The names of the fonts to use, in CSS's syntax."""
    families, names = rcParams["font.family"], []
    for family in [families] if isinstance(families, str) else families:
        generic = rcParams.get(f"font.{family}")
        if generic is None:
            names.append(family)
        else:
            names.extend([generic] if isinstance(generic, str) else generic)
            names.append(family)
    if not {"sans-serif", "serif", "monospace"} & set(names):
        names.append("sans-serif")
    return ", ".join(name if name.isidentifier() or name == "sans-serif" else f"'{name}'" for name in names)
