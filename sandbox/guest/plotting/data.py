"""What may be plotted, as lists of floats."""

import datetime
import math
from collections.abc import Mapping

from .dates import DAY, date2num

NAN = math.nan


def is_text(value):
    return isinstance(value, (str, bytes))


def is_date(value):
    return isinstance(value, (datetime.date, datetime.datetime))


def is_sequence(data):
    """Whether `data` holds several values."""
    return not is_text(data) and hasattr(data, "__iter__")


def sequence(data):
    """What `data` holds, as a list; a single value is a list of one."""
    if hasattr(data, "tolist"):
        data = data.tolist()
    if not is_sequence(data):
        return [data]
    if isinstance(data, Mapping):
        raise TypeError("a dict cannot be plotted: pass its keys() and values()")
    return list(data)


def number(value):
    """`value` as a float; None, which stands for a gap, is nan, and a `timedelta` counts in days."""
    if value is None:
        return NAN
    if isinstance(value, datetime.timedelta):
        return value / DAY
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number is too large to plot: more than 1.8e308") from None
    except (TypeError, ValueError):
        raise TypeError(f"cannot plot {_shown(value)}: not a real number") from None


def as_given(values):
    """The floats of a list, or its whole numbers as such if it has no others: texts
    made of them read as the caller expects."""
    if all(isinstance(value, int) for value in values):
        return [int(value) for value in values]
    return [number(value) for value in values]


def numbers(data):
    """A flat list of floats of numbers and dates."""
    return [date2num(value) if is_date(value) else number(value) for value in sequence(data)]


def matrix(data):
    """Rows of equal length of whatever `data` holds."""
    rows = [sequence(row) for row in sequence(data)]
    if not rows or not rows[0]:
        raise ValueError("the matrix is empty")
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {index} has {len(row)} values, and row 0 has {len(rows[0])}")
    return rows


def same_length(**columns):
    """Fails unless the named lists have one length."""
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise ValueError(f"{' and '.join(columns)} must have the same length, but {said}")


def repeated(value, count, name):
    """`value` for each of `count` things: itself if it is a list, which must fit."""
    if not is_sequence(value):
        return [value] * count
    values = sequence(value)
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} values for {count} points")
    return values


def finite(values):
    return [value for value in values if math.isfinite(value)]


def _shown(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
