"""Scales of an axis: from values to positions along it, and back."""

import math


class LinearScale:
    name = "linear"

    def forward(self, value):
        return value

    def inverse(self, position):
        return position

    def shows(self, value):
        """Whether the value has a position."""
        return math.isfinite(value)


class LogScale(LinearScale):
    name = "log"

    def __init__(self, base=10.0):
        if not base > 1:
            raise ValueError(f"the base of a logarithm must be more than 1, not {base}")
        self.base = float(base)

    def forward(self, value):
        return math.log10(value) if self.base == 10 else math.log(value, self.base)

    def inverse(self, position):
        return self.base**position

    def shows(self, value):
        return value > 0 and math.isfinite(value)


class SymmetricalLogScale(LinearScale):
    """Logarithmic away from zero and linear up to `linthresh` on both sides."""

    name = "symlog"

    def __init__(self, base=10.0, linthresh=2.0):
        self.base, self.linthresh = float(base), float(linthresh)

    def forward(self, value):
        share = abs(value) / self.linthresh
        position = share if share <= 1 else 1 + math.log(share, self.base)
        return math.copysign(position, value)

    def inverse(self, position):
        distance = abs(position)
        value = distance if distance <= 1 else self.base ** (distance - 1)
        return math.copysign(value * self.linthresh, position)


class FunctionScale(LinearScale):
    """A function and its inverse."""

    name = "function"

    def __init__(self, functions):
        self.forward, self.inverse = functions


_SCALES = {"linear": LinearScale, "log": LogScale, "symlog": SymmetricalLogScale}


def scale(name, **options):
    """The scale called `name`."""
    if name == "function":
        return FunctionScale(options["functions"])
    if name not in _SCALES:
        raise ValueError(f"{name!r} is not a scale: give one of {', '.join([*_SCALES, 'function'])}")
    known = {"linear": (), "log": ("base",), "symlog": ("base", "linthresh")}[name]
    return _SCALES[name](**{key: value for key, value in options.items() if key in known})
