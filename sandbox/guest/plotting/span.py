"""The values along an axis: numbers, dates or categories, and from where to where.
Axes that share an axis share its span."""

import math

from . import dates, ticker
from .data import is_date, is_text, number, sequence
from .dates import date2num
from .scale import LinearScale
from .view import Limits

# Beyond it, differences of floats overflow.
_LARGEST = 4e307


class Span:
    def __init__(self, direction):
        self.direction = direction
        # The axes whose artists are to be seen.
        self.members = []
        self.reset()

    def reset(self):
        """Forgets everything but whose span it is."""
        self.scale = LinearScale()
        self.categories = {}
        self.has_dates = False
        self.low = self.high = None
        self.inverted = False
        self.margin = None
        self.locator = self.formatter = self.minor_locator = None

    def convert(self, data):
        """`data` as floats: a date as days, a text as the number of its category."""
        values = sequence(data)
        if any(is_text(value) for value in values):
            return [self._category(value) for value in values]
        if any(is_date(value) for value in values):
            self.has_dates = True
            return [math.nan if value is None else date2num(value) for value in values]
        return [number(value) for value in values]

    def convert_one(self, value):
        return self.convert([value])[0]

    def _category(self, value):
        if value is None:
            return math.nan
        name = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return float(self.categories.setdefault(name, len(self.categories)))

    def set_scale(self, scale):
        self.scale = scale
        self.locator = self.formatter = None

    def set_limits(self, start, end):
        """The values at the ends; None leaves an end as it is."""
        one, two = (None if value is None else self.convert_one(value) for value in (start, end))
        for value in (one, two):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"the limits of an axis must be finite, not {value}")
        if one is not None and two is not None:
            if one == two:
                one, two = _widened(one, two)
            self.inverted = one > two
            self.low, self.high = min(one, two), max(one, two)
            return
        low, high = (two, one) if self.inverted else (one, two)
        self.low = self.low if low is None else low
        self.high = self.high if high is None else high

    def release(self):
        """Has the limits follow the data again."""
        self.low = self.high = None

    def limits(self):
        low, high = self._automatic() if self.low is None or self.high is None else (self.low, self.high)
        low = low if self.low is None else self.low
        high = high if self.high is None else self.high
        if not self.scale.shows(low) or (self.scale.name == "log" and low <= 0):
            low = high / 1000 if self.scale.shows(high) else 1.0
        if not self.scale.shows(high):
            high = low * 10
        low, high = max(low, -_LARGEST), min(high, _LARGEST)
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            low, high = self._around(low, high)
        return Limits(high, low) if self.inverted else Limits(low, high)

    def _automatic(self):
        """The limits that show all artists, with a margin."""
        values, sticky, margins = [], [], []
        index = 0 if self.direction == "x" else 1
        for axes in self.members:
            for artist in axes.artists:
                values.extend(artist.extent()[index])
                sticky.extend(artist.sticky()[index])
            margins.append(axes.margin_of(self.direction))
        values = [value for value in values if self.scale.shows(value)]
        if not values:
            return (1.0, 10.0) if self.scale.name == "log" else (0.0, 1.0)
        low, high = max(min(values), -_LARGEST), min(max(values), _LARGEST)
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            low, high = self._around(low, high)
        forward, inverse = self.scale.forward, self.scale.inverse
        share = max(margins, default=0.05) if self.margin is None else self.margin
        gap = (forward(high) - forward(low)) * share
        tolerance = 1e-9 * (high - low)
        start = low if any(abs(low - edge) <= tolerance for edge in sticky) else inverse(forward(low) - gap)
        end = high if any(abs(high - edge) <= tolerance for edge in sticky) else inverse(forward(high) + gap)
        return start, end

    def _around(self, low, high):
        if self.scale.name == "log":
            # The power of ten below and the one above.
            return 10.0 ** (math.ceil(math.log10(low)) - 1), 10.0 ** (math.floor(math.log10(high)) + 1)
        if self.has_dates:
            return low - 730, high + 730
        return _widened(low, high)

    def ticks(self, low, high, room):
        """(ticks, texts, shared factor) between two values."""
        locator, formatter = self.locator or self._usual_locator(), self.formatter or self._usual_formatter()
        ticks = [tick for tick in locator.tick_values(low, high, room) if self.scale.shows(tick)]
        # A fixed text belongs to its place in the list, in sight or not.
        texts = formatter.format_ticks(ticks)
        slack = 1e-9 * (high - low)
        shown = [(tick, text) for tick, text in zip(ticks, texts) if low - slack <= tick <= high + slack]
        if self.formatter is None and not self.categories:
            texts = formatter.format_ticks([tick for tick, _ in shown])
            shown = [(tick, text) for (tick, _), text in zip(shown, texts)]
        return [tick for tick, _ in shown], [text for _, text in shown], getattr(formatter, "offset", "")

    def minor_ticks(self, low, high, major):
        if self.minor_locator is None:
            if self.scale.name == "log" and self.locator is None and math.log10(high / low) >= 1:
                return [
                    tick for tick in ticker.LogLocator(self.scale.base).minor_values(low, high) if tick not in major
                ]
            return []
        if isinstance(self.minor_locator, ticker.AutoMinorLocator):
            if len(major) < 2:
                return []
            step = (major[1] - major[0]) / (self.minor_locator.n or 5)
            ticks = ticker.multiples(low, high, step, major[0])
        else:
            ticks = self.minor_locator.tick_values(low, high, 50)
        return [tick for tick in ticks if all(abs(tick - one) > 1e-9 * (high - low) for one in major)]

    def adapts(self):
        """Whether fewer ticks can be chosen where there is little room."""
        locator = self.locator or self._usual_locator()
        return isinstance(locator, (ticker.MaxNLocator, ticker.LogLocator, dates.AutoDateLocator))

    def _usual_locator(self):
        if self.categories:
            return ticker.CategoryLocator(self.categories)
        if self.has_dates:
            return dates.AutoDateLocator()
        if self.scale.name == "log":
            return ticker.LogLocator(self.scale.base)
        if self.scale.name == "symlog":
            return ticker.SymmetricalLogLocator(self.scale.linthresh)
        return ticker.AutoLocator()

    def _usual_formatter(self):
        if self.categories:
            names = list(self.categories)
            return ticker.FuncFormatter(
                lambda value, _: names[round(value)] if 0 <= round(value) < len(names) and value == round(value) else ""
            )
        if self.has_dates:
            return dates.AutoDateFormatter()
        if self.scale.name in ("log", "symlog"):
            return ticker.LogFormatter(self.scale.base)
        return ticker.ScalarFormatter()


def _widened(low, high):
    if max(abs(low), abs(high)) < 1e-300:
        return -0.055, 0.055
    gap = 0.05 * max(abs(low), abs(high))
    return low - gap, high + gap
