"""Grids that divide a figure among axes."""

from . import missing


class GridSpec:
    """`nrows` times `ncols` cells; a slice of it is where axes go."""

    def __init__(
        self,
        nrows,
        ncols,
        figure=None,
        *,
        left=None,
        bottom=None,
        right=None,
        top=None,
        wspace=None,
        hspace=None,
        width_ratios=None,
        height_ratios=None,
    ):
        for name, count in (("nrows", nrows), ("ncols", ncols)):
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"{name} must be a positive whole number, not {count!r}")
        self.nrows, self.ncols, self.figure = nrows, ncols, figure
        self.spacing = {"left": left, "right": right, "bottom": bottom, "top": top, "wspace": wspace, "hspace": hspace}
        self.widths, self.heights = list(width_ratios or [1] * ncols), list(height_ratios or [1] * nrows)
        for name, ratios, count in (("width_ratios", self.widths, ncols), ("height_ratios", self.heights, nrows)):
            if len(ratios) != count:
                raise ValueError(f"{name} has {len(ratios)} numbers for a grid of {count}")

    def update(self, **spacing):
        self.spacing |= spacing

    def __getitem__(self, key):
        if isinstance(key, tuple):
            rows, columns = key
        elif isinstance(key, int):
            rows, columns = divmod(_index(key, self.nrows * self.ncols), self.ncols)
        else:
            rows, columns = (slice(None), key) if self.nrows == 1 else (key, slice(None))
        return SubplotSpec(self, _range(rows, self.nrows), _range(columns, self.ncols))

    def subplots(self, **options):
        return self.figure.subplots(self.nrows, self.ncols, **options)


class SubplotSpec:
    """The cells of a grid from one row and column up to another, as half-open ranges."""

    def __init__(self, grid, rows, columns):
        self.grid, self.rows, self.columns = grid, rows, columns

    def get_gridspec(self):
        return self.grid

    def subgridspec(self, *args, **options):
        raise NotImplementedError(missing.message("a grid inside a cell of a grid"))


def subplot_spec(args, figure):
    """The place that the arguments of `subplot` name: 221, or rows, columns and number(s)."""
    if not args:
        args = (1, 1, 1)
    if len(args) == 1:
        if isinstance(args[0], SubplotSpec):
            return args[0]
        digits = str(args[0])
        if not (isinstance(args[0], int) and len(digits) == 3):
            raise ValueError(f"subplot({args[0]!r}): give three digits such as 221, or rows, columns and a number")
        args = tuple(int(digit) for digit in digits)
    if len(args) != 3:
        raise TypeError(f"a subplot is named by rows, columns and a number, but {len(args)} arguments were given")
    nrows, ncols, number = args
    grid = figure.grid(nrows, ncols)
    first, last = number if isinstance(number, (tuple, list)) else (number, number)
    if not 1 <= first <= last <= nrows * ncols:
        raise ValueError(f"the number of a subplot is from 1 to {nrows * ncols}, not {number}")
    (r0, c0), (r1, c1) = divmod(first - 1, ncols), divmod(last - 1, ncols)
    return SubplotSpec(grid, (min(r0, r1), max(r0, r1) + 1), (min(c0, c1), max(c0, c1) + 1))


def _index(index, count):
    if not -count <= index < count:
        raise IndexError(f"cell {index} of a grid with {count}")
    return index % count


def _range(key, count):
    if isinstance(key, slice):
        start, stop, _ = key.indices(count)
        if stop <= start:
            raise IndexError("the slice of the grid is empty")
        return start, stop
    start = _index(int(key), count)
    return start, start + 1


GridSpecBase = GridSpec
__getattr__ = missing.module_attribute("matplotlib.gridspec")
