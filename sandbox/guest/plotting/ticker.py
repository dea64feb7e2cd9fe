"""Where the ticks of an axis are, and how they read."""

import math

from . import missing
from .rcsetup import rcParams
from .scale import LogScale

_STEPS = (1, 2, 2.5, 5, 10)


def minus(text):
    """With a proper minus sign for a hyphen."""
    return text.replace("-", "\N{MINUS SIGN}") if rcParams["axes.unicode_minus"] else text


def multiples(low, high, step, offset=0.0):
    """The multiples of `step` from `low` to `high`."""
    if (high - low) / step > 1000:
        raise ValueError(f"a tick every {step:g} would be more than 1000 ticks")
    slack = 1e-10 * max(abs(low), abs(high), step) / step
    first, last = math.ceil((low - offset) / step - slack), math.floor((high - offset) / step + slack)
    return [round(index * step + offset, 15 - math.floor(math.log10(step))) for index in range(first, last + 1)]


class Locator:
    """Finds ticks: `tick_values(low, high, room)`, where `room` is the largest
    number of ticks whose labels fit."""

    def set_params(self, **options):
        for name, value in options.items():
            setattr(self, name, value)


class MaxNLocator(Locator):
    """At most `nbins` steps of 1, 2, 2.5 or 5 times a power of ten."""

    def __init__(self, nbins=None, *, integer=False, steps=None, prune=None, min_n_ticks=2, symmetric=False):
        self.nbins, self.integer, self.prune = nbins, integer, prune
        self.steps = sorted({*(steps or _STEPS), 1, 10})

    def tick_values(self, low, high, room=9):
        count = room if self.nbins in (None, "auto") else int(self.nbins)
        ticks = multiples(low, high, self._step(low, high, max(count, 1)))
        if self.prune in ("lower", "both"):
            ticks = ticks[1:]
        if self.prune in ("upper", "both"):
            ticks = ticks[:-1]
        return ticks

    def _step(self, low, high, count):
        power = 10.0 ** math.floor(math.log10((high - low) / count))
        steps = [step * factor for factor in (power / 10, power, power * 10) for step in self.steps[:-1]]
        if self.integer:
            steps = [step for step in steps if step >= 1 and step == round(step)] or [1.0]
        fitting = [step for step in steps if (high - low) / step <= count * (1 + 1e-9)]
        return fitting[0] if fitting else steps[-1] * 2


class AutoLocator(MaxNLocator):
    def __init__(self):
        super().__init__("auto")


class MultipleLocator(Locator):
    """The multiples of `base`."""

    def __init__(self, base=1.0, offset=0.0):
        if not base > 0:
            raise ValueError(f"ticks must be a positive distance apart, not {base}")
        self.base, self.offset = float(base), float(offset)

    def tick_values(self, low, high, room=9):
        return multiples(low, high, self.base, self.offset)


class FixedLocator(Locator):
    """The given ticks."""

    def __init__(self, locs, nbins=None):
        self.locs = list(locs)

    def tick_values(self, low, high, room=9):
        return list(self.locs)


class NullLocator(FixedLocator):
    """No ticks."""

    def __init__(self):
        super().__init__([])


class LinearLocator(Locator):
    """`numticks` ticks, the first and last at the ends."""

    def __init__(self, numticks=11, presets=None):
        self.numticks = max(int(numticks or 11), 1)

    def tick_values(self, low, high, room=9):
        steps = max(self.numticks - 1, 1)
        return [low + (high - low) * index / steps for index in range(self.numticks)]


class CategoryLocator(Locator):
    """One tick a category, or as many as there is room for."""

    def __init__(self, categories):
        self.categories = categories

    def tick_values(self, low, high, room=9):
        return [float(index) for index in range(len(self.categories)) if low <= index <= high]


class LogLocator(Locator):
    """Powers of `base`, or their multiples where less than two powers are in sight."""

    def __init__(self, base=10.0, subs=(1.0,), numticks=None, numdecs=None):
        self.base, self.subs = float(base), subs

    def tick_values(self, low, high, room=9):
        scale = LogScale(self.base)
        start, end = scale.forward(low), scale.forward(high)
        first, last = math.ceil(start - 1e-9), math.floor(end + 1e-9)
        if end - start < 1:
            return MaxNLocator("auto").tick_values(low, high, room)
        stride = max(math.ceil((last - first) / max(min(room, 9), 1)), 1)
        powers = [exponent for exponent in range(first, last + 1) if exponent % stride == 0]
        return [self.base**exponent for exponent in powers]

    def minor_values(self, low, high):
        """The multiples between the powers, where those are close enough."""
        scale = LogScale(self.base)
        first, last = math.floor(scale.forward(low)), math.ceil(scale.forward(high))
        if last - first > 10 or self.base != 10:
            return []
        ticks = [factor * 10.0**exponent for exponent in range(first, last + 1) for factor in range(2, 10)]
        return [tick for tick in ticks if low <= tick <= high]


class SymmetricalLogLocator(Locator):
    """Zero and the powers of ten on both sides of it."""

    def __init__(self, linthresh=2.0):
        self._first = math.ceil(math.log10(linthresh) - 1e-9)

    def tick_values(self, low, high, room=9):
        last = math.floor(math.log10(max(abs(low), abs(high), 1e-300)) + 1e-9)
        stride = max(math.ceil(2 * (last - self._first + 1) / max(room - 1, 1)), 1)
        powers = [10.0**exponent for exponent in range(self._first, last + 1, stride)]
        return [tick for tick in (*(-power for power in reversed(powers)), 0.0, *powers) if low <= tick <= high]


class AutoMinorLocator(Locator):
    """Four ticks between two major ones."""

    def __init__(self, n=None):
        self.n = n if isinstance(n, int) else None


class Formatter:
    """Reads ticks: `format_ticks(values)`; `offset` is a factor that all share."""

    offset = ""

    def format_ticks(self, values):
        return [self(value, index) for index, value in enumerate(values)]

    def __call__(self, value, pos=None):
        raise NotImplementedError


def _decimals(values, factor):
    """Decimals that the values need in units of 10 to the power of `factor`."""
    scaled = [value / 10.0**factor for value in values]
    tolerance = max(map(abs, scaled), default=1.0) * 1e-9 or 1e-9
    for count in range(16):
        if all(abs(value - round(value, count)) < tolerance for value in scaled):
            return count
    return 15


class ScalarFormatter(Formatter):
    """Plain numbers with the decimals they need, and a shared power of ten where
    they are very large or small."""

    def __init__(self, useOffset=None, useMathText=None, useLocale=None):
        self.limits, self.scientific, self._decimals, self._factor = (-5, 6), True, 0, 0

    def set_scientific(self, on):
        self.scientific = bool(on)

    def set_powerlimits(self, limits):
        self.limits = tuple(limits)

    def set_useOffset(self, on):
        """Ticks never share a summand here, so there is nothing to turn off."""

    def format_ticks(self, values):
        largest = max(map(abs, values), default=0.0)
        exponent = math.floor(math.log10(largest) + 1e-12) if largest else 0
        shared = self.scientific and (exponent <= self.limits[0] or exponent >= self.limits[1])
        self._factor = exponent if shared and largest else 0
        self.offset = minus(f"1e{self._factor}") if self._factor else ""
        self._decimals = _decimals(values, self._factor)
        if self._factor > 0 and self._decimals > 5:
            # Nothing is won where the numbers stay long.
            self._factor, self.offset, self._decimals = 0, "", _decimals(values, 0)
        return [self(value) for value in values]

    def __call__(self, value, pos=None):
        text = f"{value / 10.0**self._factor:.{self._decimals}f}"
        return minus("0" if float(text) == 0 and self._decimals == 0 else text)


class LogFormatter(ScalarFormatter):
    """Powers as powers, everything else as plain numbers."""

    def __init__(self, base=10.0, labelOnlyBase=False, **options):
        super().__init__()
        self._base = float(base)

    def format_ticks(self, values):
        exponents = [math.log(abs(value), self._base) if value else 0.0 for value in values]
        if any(abs(exponent - round(exponent)) > 1e-6 for exponent in exponents):
            return super().format_ticks(values)
        return [self._power(value, round(exponent)) for value, exponent in zip(values, exponents)]

    def _power(self, value, exponent):
        if not value:
            return "0"
        sign = minus("-") if value < 0 else ""
        return f"{sign}$\\mathdefault{{{self._base:g}^{{{minus(str(exponent))}}}}}$"


LogFormatterMathtext = LogFormatterSciNotation = LogFormatter


class FixedFormatter(Formatter):
    """The given texts, one a tick."""

    def __init__(self, seq):
        self.seq = [str(text) for text in seq]

    def __call__(self, value, pos=None):
        return self.seq[pos] if pos is not None and 0 <= pos < len(self.seq) else ""


class NullFormatter(Formatter):
    """No texts."""

    def __call__(self, value, pos=None):
        return ""


class FuncFormatter(Formatter):
    """What a function of (value, position) returns."""

    def __init__(self, func):
        self.func = func

    def __call__(self, value, pos=None):
        return str(self.func(value, pos))


class FormatStrFormatter(Formatter):
    """By a format such as "%.2f"."""

    def __init__(self, fmt):
        self.fmt = fmt

    def __call__(self, value, pos=None):
        return self.fmt % value


class StrMethodFormatter(Formatter):
    """By a format such as "{x:,.0f}"."""

    def __init__(self, fmt):
        self.fmt = fmt

    def __call__(self, value, pos=None):
        return minus(self.fmt.format(x=value, pos=pos))


class PercentFormatter(Formatter):
    """As a percentage of `xmax`."""

    def __init__(self, xmax=100, decimals=None, symbol="%", is_latex=False):
        self.xmax, self.decimals, self.symbol = xmax, decimals, symbol or ""

    def format_ticks(self, values):
        plain = ScalarFormatter()
        plain.set_scientific(False)
        if self.decimals is None:
            return [text + self.symbol for text in plain.format_ticks([100 * v / self.xmax for v in values])]
        return [self(value) for value in values]

    def __call__(self, value, pos=None):
        decimals = 0 if self.decimals is None else self.decimals
        return minus(f"{100 * value / self.xmax:.{decimals}f}") + self.symbol


class EngFormatter(Formatter):
    """With the prefixes of SI units."""

    def __init__(self, unit="", places=None, sep=" "):
        self.unit, self.places, self.sep = unit, places, sep

    def __call__(self, value, pos=None):
        exponent = math.floor(math.log10(abs(value)) / 3 + 1e-12) * 3 if value else 0
        exponent = min(max(exponent, -24), 24)
        number = value / 10.0**exponent
        text = f"{number:g}" if self.places is None else f"{number:.{self.places}f}"
        suffix = "yzafpnµm kMGTPEZY"[exponent // 3 + 8].strip() + self.unit
        return minus(text) + (self.sep + suffix if suffix else "")


def formatter(given):
    """A formatter of a format string, of a function, or as it is."""
    if isinstance(given, str):
        return StrMethodFormatter(given)
    return given if isinstance(given, Formatter) else FuncFormatter(given)


__getattr__ = missing.module_attribute("matplotlib.ticker")
