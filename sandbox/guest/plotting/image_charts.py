"""Charts of matrices, and shapes of one's own."""

from . import image
from .artist import Artist
from .data import matrix
from .image import Cells
from .rcsetup import rcParams
from .statistical_charts import counts_in, bin_edges


class ImageCharts:
    """The part of `Axes` that draws matrices and takes shapes."""

    def imshow(
        self,
        X,
        cmap=None,
        norm=None,
        *,
        aspect=None,
        interpolation=None,
        alpha=None,
        vmin=None,
        vmax=None,
        origin=None,
        extent=None,
        **style,
    ):
        """The cells of a matrix, or the pixels of an image of (red, green, blue)."""
        cells = image.image(X, origin, extent, cmap=cmap, norm=norm, vmin=vmin, vmax=vmax, alpha=alpha)
        self.set_aspect(rcParams["image.aspect"] if aspect is None else aspect)
        if cells.ys[0] < cells.ys[-1] and (origin or rcParams["image.origin"]) == "upper" and extent is None:
            self.yaxis.span.inverted = True
        self.mappable = cells
        self.grid_below = True
        return self.add_artist(cells)

    def matshow(self, Z, **style):
        """As `imshow`, with the columns named above."""
        shown = self.imshow(Z, **style)
        self.xaxis.tick_top()
        return shown

    def pcolormesh(
        self, *args, cmap=None, norm=None, vmin=None, vmax=None, alpha=None, edgecolors=None, shading=None, **style
    ):
        """The cells of a matrix between the given edges, or around the given centres."""
        rows = matrix(args[-1])
        xs, ys = args[:2] if len(args) == 3 else (range(len(rows[0]) + 1), range(len(rows) + 1))
        cells = Cells(
            rows,
            image.edges(_axis(xs, 0), len(rows[0]), "X"),
            image.edges(_axis(ys, 1), len(rows), "Y"),
            cmap=cmap,
            norm=norm,
            vmin=vmin,
            vmax=vmax,
            alpha=alpha,
            edgecolor=edgecolors,
        )
        self.mappable = cells
        return self.add_artist(cells)

    pcolor = pcolormesh

    def hist2d(self, x, y, bins=10, range=None, *, cmap=None, **style):
        """How many points are in each cell; returns (counts, x edges, y edges, cells)."""
        xs, ys = self.xaxis.span.convert(x), self.yaxis.span.convert(y)
        x_bins, y_bins = bins if isinstance(bins, (list, tuple)) and len(bins) == 2 else (bins, bins)
        x_limits, y_limits = range if range is not None else (None, None)
        x_edges, y_edges = bin_edges(xs, x_bins, x_limits), bin_edges(ys, y_bins, y_limits)
        counts = []
        for left, right in zip(x_edges, x_edges[1:]):
            last = right == x_edges[-1]
            column = [b for a, b in zip(xs, ys) if left <= a < right or (last and a == right)]
            counts.append(counts_in(column, y_edges, None))
        cells = self.pcolormesh(x_edges, y_edges, [list(row) for row in zip(*counts)], cmap=cmap, **style)
        return counts, x_edges, y_edges, cells

    def add_patch(self, patch):
        return self.add_artist(patch)

    def add_line(self, line):
        return self.add_artist(line)

    def add_collection(self, collection, autolim=True):
        return self.add_artist(collection)

    def add_artist(self, artist):
        """Takes an artist in, to be drawn with the others."""
        if not isinstance(artist, Artist):
            raise TypeError(f"{artist!r} cannot be drawn")
        artist.axes = self
        self.artists.append(artist)
        return artist

    def add_container(self, container):
        self.containers.append(container)
        return container


def _axis(values, direction):
    """The coordinates along one direction, also of a mesh that repeats them."""
    rows = list(values)
    if rows and hasattr(rows[0], "__iter__") and not isinstance(rows[0], str):
        return list(rows[0]) if direction == 0 else [list(row)[0] for row in rows]
    return rows
