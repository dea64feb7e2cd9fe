"""The functions of `plt`: they draw in the current figure."""

import functools
import inspect

from . import cm, colors, missing, saving, style, ticker
from .artist import normalized
from .axes import Axes
from .cm import colormaps, get_cmap
from .dates import DateFormatter
from .figure import Figure, refuse_projection
from .gridspec import GridSpec, SubplotSpec, subplot_spec
from .image import Cells
from .lines import Line2D
from .patches import Circle, Ellipse, Patch, Polygon, Rectangle, Wedge
from .rcsetup import cycler, rc, rc_context, rcdefaults, rcParams, rcParamsDefault
from .text import Annotation, Text
from .ticker import (
    AutoLocator,
    FixedFormatter,
    FixedLocator,
    FormatStrFormatter,
    Formatter,
    FuncFormatter,
    LinearLocator,
    Locator,
    LogLocator,
    MaxNLocator,
    MultipleLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

# Open figures by number, the current one last.
_figures = {}


def figure(num=None, figsize=None, dpi=None, *, facecolor=None, clear=False, FigureClass=Figure, **options):
    """A new figure, or the open one of that number or name."""
    if isinstance(num, Figure):
        num = num.number
    if num in _figures:
        _figures[num] = _figures.pop(num)
        if clear:
            _figures[num].clear()
        return _figures[num]
    new = Figure(figsize, dpi, facecolor=facecolor, **options)
    new.number = num if num is not None else max((n for n in _figures if isinstance(n, int)), default=0) + 1
    _figures[new.number] = new
    return new


def gcf():
    """The current figure."""
    return next(reversed(_figures.values())) if _figures else figure()


def gca():
    """The current axes."""
    return gcf().gca()


def sca(ax):
    figure(ax.figure.number)
    ax.figure.sca(ax)


def subplots(
    nrows=1,
    ncols=1,
    *,
    sharex=False,
    sharey=False,
    squeeze=True,
    width_ratios=None,
    height_ratios=None,
    subplot_kw=None,
    gridspec_kw=None,
    **options,
):
    """A new figure and its axes."""
    new = figure(**options)
    return new, new.subplots(
        nrows,
        ncols,
        sharex=sharex,
        sharey=sharey,
        squeeze=squeeze,
        width_ratios=width_ratios,
        height_ratios=height_ratios,
        subplot_kw=subplot_kw,
        gridspec_kw=gridspec_kw,
    )


def subplot(*args, projection=None, polar=False, **options):
    """The axes at a place of the current figure's grid."""
    refuse_projection(projection, polar)
    current = gcf()
    spec = subplot_spec(args, current)
    for axes in current.axes:
        if axes.twin_of is None and isinstance(axes.spec, SubplotSpec):
            if (axes.spec.grid, axes.spec.rows, axes.spec.columns) == (spec.grid, spec.rows, spec.columns):
                return current.sca(axes)
    return current.add_subplot(spec, **options)


def subplot2grid(shape, loc, rowspan=1, colspan=1, fig=None, **options):
    current = fig or gcf()
    grid = current.grid(*shape)
    return current.add_subplot(grid[loc[0] : loc[0] + rowspan, loc[1] : loc[1] + colspan], **options)


def subplot_mosaic(mosaic, *, gridspec_kw=None, width_ratios=None, height_ratios=None, empty_sentinel=".", **options):
    new = figure(**options)
    return new, new.subplot_mosaic(
        mosaic,
        gridspec_kw=gridspec_kw,
        width_ratios=width_ratios,
        height_ratios=height_ratios,
        empty_sentinel=empty_sentinel,
    )


def axes(arg=None, **options):
    return gcf().add_subplot(**options) if arg is None else gcf().add_axes(arg, **options)


def delaxes(ax=None):
    gcf().delaxes(ax or gca())


def twinx(ax=None):
    twin = (ax or gca()).twinx()
    return twin.figure.sca(twin)


def twiny(ax=None):
    twin = (ax or gca()).twiny()
    return twin.figure.sca(twin)


def cla():
    gca().cla()


def clf():
    gcf().clear()


def close(fig=None):
    """Closes the current figure, one by number, name or itself, or "all"."""
    if fig == "all":
        _figures.clear()
    elif fig is None:
        if _figures:
            _figures.popitem()
    else:
        _figures.pop(fig.number if isinstance(fig, Figure) else fig, None)


def show(*args, **options):
    """Saves every open figure as `/mnt/data/figure-N.svg` and closes it."""
    for number in sorted(_figures, key=lambda number: (isinstance(number, str), number)):
        saving.show(_figures.pop(number).svg())


def savefig(fname, **options):
    gcf().savefig(fname, **options)


def get_fignums():
    return sorted(number for number in _figures if isinstance(number, int))


def fignum_exists(num):
    return num in _figures


def draw():
    """Figures are drawn when they are shown or saved."""


def ion():
    """As `draw`."""


def ioff():
    """As `draw`."""


def isinteractive():
    return False


def pause(interval):
    """As `draw`."""


def switch_backend(newbackend):
    """There is one way to draw here."""


def xlim(*args, **options):
    ax = gca()
    return ax.set_xlim(*args, **options) if args or options else ax.get_xlim()


def ylim(*args, **options):
    ax = gca()
    return ax.set_ylim(*args, **options) if args or options else ax.get_ylim()


def xticks(ticks=None, labels=None, *, minor=False, **style):
    """Sets ticks and their labels, or how they look; returns both."""
    return _ticks(gca().xaxis, ticks, labels, minor, style)


def yticks(ticks=None, labels=None, *, minor=False, **style):
    return _ticks(gca().yaxis, ticks, labels, minor, style)


def _ticks(axis, ticks, labels, minor, style):
    if ticks is not None:
        axis.set_ticks(ticks, labels, minor=minor)
    elif labels is not None:
        axis.set_ticklabels(labels)
    axis.label_style |= normalized(style)
    return axis.get_ticklocs(), axis.get_ticklabels()


def colorbar(mappable=None, cax=None, ax=None, **options):
    return gcf().colorbar(mappable, cax=cax, ax=ax, **options)


def clim(vmin=None, vmax=None):
    gca().mappable.set_clim(vmin, vmax)


def gci():
    return gca().mappable


def set_cmap(cmap):
    rcParams["image.cmap"] = get_cmap(cmap).name


def imread(fname, format=None):
    raise NotImplementedError(missing.message("plt.imread"))


def box(on=None):
    ax = gca()
    ax.set_frame_on(not all(spine.visible for spine in ax.spines.values()) if on is None else on)


def setp(obj, *args, **properties):
    """Sets properties of artists: `setp(lines, linewidth=2)`."""
    properties |= dict(zip(args[::2], args[1::2]))
    for one in obj if isinstance(obj, (list, tuple)) else [obj]:
        one.set(**properties)


def polar(*args, **options):
    refuse_projection("polar", False)


def _of(method, get):
    """The function that calls a method of the current figure or axes."""

    @functools.wraps(method)
    def call(*args, **options):
        return getattr(get(), method.__name__)(*args, **options)

    signature = inspect.signature(method)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    return call


_AXES = """
    annotate arrow autoscale axhline axhspan axis axline axvline axvspan bar bar_label barh boxplot broken_barh errorbar
    fill fill_between fill_betweenx grid hist hist2d hlines imshow legend locator_params loglog margins matshow
    minorticks_off minorticks_on pcolor pcolormesh pie plot scatter semilogx semilogy stackplot stairs stem step text
    tick_params ticklabel_format vlines
"""
_SETTERS = {
    "title": "set_title",
    "xlabel": "set_xlabel",
    "ylabel": "set_ylabel",
    "xscale": "set_xscale",
    "yscale": "set_yscale",
}
for _name in _AXES.split():
    globals()[_name] = _of(getattr(Axes, _name), gca)
for _name, _method in _SETTERS.items():
    globals()[_name] = _of(getattr(Axes, _method), gca)
for _name in ("subplots_adjust", "suptitle", "supxlabel", "supylabel", "tight_layout"):
    globals()[_name] = _of(getattr(Figure, _name), gcf)
figtext = _of(Figure.text, gcf)
figlegend = _of(Figure.legend, gcf)

__getattr__ = missing.module_attribute("matplotlib.pyplot")
