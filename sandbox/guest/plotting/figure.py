"""Figures."""

from . import gridspec, layout, missing, saving, typeset
from .artist import FIGURE
from .axes import Axes
from .colorbar import Colorbar, mappable_of
from .colors import paint, to_hex
from .data import is_sequence, number, sequence
from .grids import AxesArray
from .legend import Legend, entries
from .rcsetup import font_families, font_size, rc_context, rcParams
from .span import Span
from .svg import Drawing
from .text import Text
from .typeset import POINT
from .view import View

DPI = 100
# Inches: more is a mistake, and a document that no viewer opens.
_LARGEST = 200.0


class Figure:
    def __init__(
        self,
        figsize=None,
        dpi=None,
        *,
        facecolor=None,
        layout=None,
        constrained_layout=None,
        tight_layout=None,
        **style,
    ):
        self.number = None
        self.set_size_inches(figsize or rcParams["figure.figsize"])
        self.face = rcParams["figure.facecolor"] if facecolor is None else facecolor
        self.tight = layout in ("tight", "constrained", "compressed") or bool(constrained_layout or tight_layout)
        self.spacing = {}
        self.clear()

    def clear(self, keep_observers=False):
        """Takes everything out."""
        self.axes, self.artists, self.legends = [], [], []
        self._grids = {}
        self._current = None
        self.headings = {}

    clf = clear

    def set_size_inches(self, w, h=None, forward=True):
        width, height = (number(side) for side in (sequence(w) if h is None else (w, h)))
        if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
            raise ValueError(
                f"a figure of {width:g} by {height:g} inches cannot be drawn: give up to {_LARGEST:g} by {_LARGEST:g}"
            )
        self._inches = [width, height]

    def get_size_inches(self):
        return list(self._inches)

    def set_figwidth(self, val, forward=True):
        self.set_size_inches(val, self._inches[1])

    def set_figheight(self, val, forward=True):
        self.set_size_inches(self._inches[0], val)

    def size(self):
        """(width, height) in pixels."""
        return self._inches[0] * DPI, self._inches[1] * DPI

    def set_dpi(self, val):
        """A drawing has no dots; its size is 100 pixels an inch."""

    def get_dpi(self):
        return DPI

    dpi = property(get_dpi)

    def set_facecolor(self, color):
        self.face = color

    # Axes.

    def take(self, axes):
        self.axes.append(axes)
        return axes

    def grid(self, nrows, ncols):
        """The grid that subplots of so many rows and columns share."""
        if (nrows, ncols) not in self._grids:
            self._grids[nrows, ncols] = gridspec.GridSpec(nrows, ncols, self)
        return self._grids[nrows, ncols]

    def add_subplot(self, *args, projection=None, polar=False, sharex=None, sharey=None, **options):
        refuse_projection(projection, polar)
        spec = gridspec.subplot_spec(args, self)
        axes = Axes(self, spec, sharex and sharex.xaxis.span, sharey and sharey.yaxis.span)
        axes.set(**options)
        return self.sca(self.take(axes))

    def add_axes(self, rect, projection=None, polar=False, **options):
        refuse_projection(projection, polar)
        axes = rect if isinstance(rect, Axes) else Axes(self, tuple(number(side) for side in rect))
        axes.set(**options)
        return self.sca(self.take(axes) if axes not in self.axes else axes)

    def subplots(
        self,
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
    ):
        """A grid of axes; one alone is not in a list."""
        ratios = {"width_ratios": width_ratios, "height_ratios": height_ratios, **(gridspec_kw or {})}
        grid = gridspec.GridSpec(nrows, ncols, self, **ratios)
        shared = {"x": _sharing(sharex), "y": _sharing(sharey)}
        spans, rows = {}, []
        for row in range(nrows):
            rows.append([])
            for column in range(ncols):
                keys = {name: {"all": 0, "row": row, "col": column}.get(how) for name, how in shared.items()}
                x_span = None if keys["x"] is None else spans.setdefault(("x", keys["x"]), Span("x"))
                y_span = None if keys["y"] is None else spans.setdefault(("y", keys["y"]), Span("y"))
                options = dict(subplot_kw or {})
                refuse_projection(options.pop("projection", None), options.pop("polar", False))
                axes = self.take(Axes(self, grid[row, column], x_span, y_span))
                axes.set(**options)
                axes.xaxis.labels_on["bottom"] = shared["x"] not in ("all", "col") or row == nrows - 1
                axes.yaxis.labels_on["left"] = shared["y"] not in ("all", "row") or column == 0
                rows[-1].append(axes)
        self.sca(rows[0][0])
        array = AxesArray(rows)
        return array.squeezed() if squeeze else array

    def subplot_mosaic(self, mosaic, **options):
        """Axes by name, where a name's cells in the mosaic are."""
        rows = (
            [list(row.strip()) for row in mosaic.strip().replace(";", "\n").splitlines()]
            if isinstance(mosaic, str)
            else mosaic
        )
        kept = {name: options.get(name) for name in ("width_ratios", "height_ratios")}
        grid = gridspec.GridSpec(len(rows), len(rows[0]), self, **{**kept, **(options.get("gridspec_kw") or {})})
        places = {}
        for r, row in enumerate(rows):
            for c, name in enumerate(row):
                if name != options.get("empty_sentinel", "."):
                    places.setdefault(name, []).append((r, c))
        result = {}
        for name, cells in places.items():
            lines, columns = [r for r, _ in cells], [c for _, c in cells]
            result[name] = self.add_subplot(grid[min(lines) : max(lines) + 1, min(columns) : max(columns) + 1])
        return result

    def add_gridspec(self, nrows=1, ncols=1, **options):
        return gridspec.GridSpec(nrows, ncols, self, **options)

    def delaxes(self, axes):
        self.axes.remove(axes)
        for one in (axes.xaxis, axes.yaxis):
            one.span.members.remove(axes)
        if self._current is axes:
            self._current = None

    def sca(self, axes):
        self._current = axes
        return axes

    def gca(self):
        if self._current is None or self._current not in self.axes:
            plain = [axes for axes in self.axes if axes.colorbar is None]
            self._current = plain[-1] if plain else self.add_subplot()
        return self._current

    def get_axes(self):
        return self.axes

    # What belongs to no axes.

    def suptitle(self, t, **style):
        return self._heading("top", t, style)

    def supxlabel(self, t, **style):
        return self._heading("bottom", t, style)

    def supylabel(self, t, **style):
        return self._heading("left", t, style)

    def _heading(self, side, text, style):
        heading = Text(style.pop("x", 0.5), style.pop("y", 0.5), text, **style)
        self.headings[side] = heading
        return heading

    def text(self, x, y, s, fontdict=None, **style):
        text = Text(x, y, s, fontdict=fontdict, **{"transform": FIGURE, **style})
        text.figure = self
        self.artists.append(text)
        return text

    def add_artist(self, artist, clip=False):
        artist.figure = self
        self.artists.append(artist)
        return artist

    def legend(self, *args, handles=None, labels=None, loc="upper right", **options):
        found = [artist for axes in self.axes for artist in axes._labelled()]
        legend = Legend(entries(found, args, handles, labels), loc, **options)
        self.legends.append(legend)
        return legend

    def colorbar(self, mappable=None, cax=None, ax=None, **options):
        """A colour bar for an image or a scatter plot, beside its axes."""
        mappable = mappable_of(mappable, self.gca())
        parents = getattr(mappable, "axes", None) or self.gca() if ax is None else ax
        parents = (
            list(parents.flat)
            if isinstance(parents, AxesArray)
            else sequence(parents)
            if is_sequence(parents)
            else [parents]
        )
        return Colorbar(self, mappable, parents, cax, **options)

    # Spacing.

    def tight_layout(self, *, pad=1.08, h_pad=None, w_pad=None, rect=None):
        """Has the axes take all the room that their labels leave."""
        self.tight = True
        if rect is not None:
            self.spacing |= dict(zip(("left", "bottom", "right", "top"), rect))

    def set_layout_engine(self, layout=None, **options):
        self.tight = layout in ("tight", "constrained", "compressed")

    def set_tight_layout(self, tight):
        self.tight = bool(tight)

    set_constrained_layout = set_tight_layout

    def subplots_adjust(self, left=None, bottom=None, right=None, top=None, wspace=None, hspace=None):
        given = {"left": left, "bottom": bottom, "right": right, "top": top, "wspace": wspace, "hspace": hspace}
        self.spacing |= {name: number(value) for name, value in given.items() if value is not None}

    def autofmt_xdate(self, bottom=0.2, rotation=30, ha="right", which="major"):
        """Leaning labels on the lowest x axes, none on the others."""
        for axes in self.axes:
            axes.xaxis.label_style["rotation"] = rotation
            if hasattr(axes.spec, "grid") and axes.spec.rows[1] < axes.spec.grid.nrows:
                axes.xaxis.labels_on["bottom"] = False

    def align_labels(self, axs=None):
        """Labels of one column or row are not aligned with each other."""

    align_xlabels = align_ylabels = align_labels

    # Out.

    def svg(self, transparent=False, facecolor=None):
        """The figure as an SVG document."""
        width, height = size = self.size()
        drawing = Drawing(width, height, font_families())
        face = facecolor if facecolor not in (None, "auto") else self.face
        if not transparent:
            drawing.element("rect", width=width, height=height, **paint("fill", face))
        header, room = self._heading_height(), width - 16
        for placed in layout.arrange(self, size, header):
            with drawing.group(class_="axes"), rc_context(placed.axes.settings):
                placed.axes.draw(drawing, placed.view, placed.ticks, placed.title_room)
        page = View((0.0, 0.0, width, height), Span("x"), Span("y"), (0, 1), (0, 1), size)
        for side, heading in self.headings.items():
            self._draw_heading(drawing, side, heading, room)
        for artist in self.artists:
            artist.draw(drawing, page)
        for legend in self.legends:
            legend.draw_in(drawing, legend.box(page, []), to_hex(face))
        return drawing.text()

    def _heading_size(self, heading):
        return font_size(heading.style.get("fontsize", rcParams["figure.titlesize"])) * POINT

    def _heading_height(self):
        heading = self.headings.get("top")
        if heading is None or not heading.text:
            return 0.0
        size = self._heading_size(heading)
        return typeset.height(typeset.wrapped(heading.text, size, self.size()[0] - 16), size) + 6.0

    def _draw_heading(self, drawing, side, heading, room):
        width, height = self.size()
        size = self._heading_size(heading)
        look = heading.look() | {"size": size}
        look["bold"] = look["bold"] or rcParams["figure.titleweight"] == "bold"
        if side == "top":
            text = typeset.wrapped(heading.text, size, room)
            typeset.draw(drawing, heading.x * width, 8.0, text, class_="suptitle", align="center", valign="top", **look)
        elif side == "bottom":
            typeset.draw(drawing, width / 2, height - 4.0, heading.text, align="center", valign="bottom", **look)
        else:
            typeset.draw(
                drawing, 4.0, height / 2, heading.text, align="center", valign="top", **look | {"rotation": 90}
            )

    def savefig(self, fname, *, format=None, transparent=False, facecolor=None, **options):
        saving.save(self.svg(transparent, facecolor), fname, format)

    def show(self, warn=True):
        saving.show(self.svg())

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(missing.message(f"Figure.{name}"))

    def __repr__(self):
        width, height = self.size()
        return f"<Figure of {width:g} x {height:g} pixels with {len(self.axes)} axes>"

    transFigure = FIGURE


def refuse_projection(projection, polar):
    if polar or projection not in (None, "rectilinear"):
        raise NotImplementedError(missing.message(f"a {'polar' if polar else projection} plot"))


def _sharing(how):
    known = {True: "all", False: None, "all": "all", "none": None, "row": "row", "col": "col"}
    if how not in known:
        raise ValueError(f"{how!r}: axes are shared by 'all', 'row', 'col' or 'none'")
    return known[how]


__getattr__ = missing.module_attribute("matplotlib.figure")
