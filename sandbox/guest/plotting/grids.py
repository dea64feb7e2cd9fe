"""The axes of `subplots`."""


class AxesArray:
    """Rows of axes, or one row of them; as much of an array as axes are used with."""

    def __init__(self, rows):
        self._items = rows

    @property
    def ndim(self):
        return 2 if self._items and isinstance(self._items[0], list) else 1

    @property
    def shape(self):
        return (len(self._items), len(self._items[0])) if self.ndim == 2 else (len(self._items),)

    @property
    def size(self):
        return len(self.flatten())

    def squeezed(self):
        """Without the directions in which there is only one."""
        rows, columns = self.shape
        if rows == columns == 1:
            return self._items[0][0]
        if 1 in (rows, columns):
            return self.flatten()
        return self

    def flatten(self, order="C"):
        return AxesArray([axes for row in self._items for axes in row] if self.ndim == 2 else list(self._items))

    ravel = flatten

    @property
    def flat(self):
        return self.flatten()

    @property
    def T(self):
        return AxesArray([list(column) for column in zip(*self._items)]) if self.ndim == 2 else self

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        flat = self.flatten()._items
        if len(shape) == 1:
            return AxesArray(flat)
        rows, columns = shape
        columns = len(flat) // rows if columns == -1 else columns
        rows = len(flat) // columns if rows == -1 else rows
        if rows * columns != len(flat):
            raise ValueError(f"{len(flat)} axes are no {rows} rows of {columns}")
        return AxesArray([flat[start : start + columns] for start in range(0, len(flat), columns)])

    def tolist(self):
        return [list(row) for row in self._items] if self.ndim == 2 else list(self._items)

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        return (AxesArray(item) if isinstance(item, list) else item for item in self._items)

    def __getitem__(self, key):
        if not isinstance(key, tuple):
            found = self._items[key]
            return AxesArray(found) if isinstance(found, list) else found
        if self.ndim == 1 or len(key) != 2:
            raise IndexError(f"{len(key)} indices for axes in {self.ndim} direction(s)")
        rows, columns = key
        if isinstance(rows, slice):
            return AxesArray([row[columns] for row in self._items[rows]])
        found = self._items[rows][columns]
        return AxesArray(found) if isinstance(found, list) else found

    def __repr__(self):
        return f"<axes {' x '.join(map(str, self.shape))}>"
