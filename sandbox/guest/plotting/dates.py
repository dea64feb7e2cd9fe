"""Dates on an axis: days since 1970-01-01, in UTC."""

import datetime
import math

from . import missing
from .ticker import Formatter, Locator

_EPOCH = datetime.datetime(1970, 1, 1)
DAY = datetime.timedelta(days=1)
MO, TU, WE, TH, FR, SA, SU = range(7)


def date2num(value):
    """Days since 1970-01-01 of a date, or the list of those of several."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return (value - _EPOCH) / DAY
    if isinstance(value, datetime.date):
        return float((value - _EPOCH.date()).days)
    if hasattr(value, "__iter__"):
        return [date2num(one) for one in value]
    return float(value)


def num2date(days, tz=None):
    """The `datetime` of a number of days since 1970-01-01, or a list of them."""
    if hasattr(days, "__iter__"):
        return [num2date(one, tz) for one in days]
    try:
        return _EPOCH + datetime.timedelta(microseconds=round(days * 86_400_000_000))
    except OverflowError:
        raise ValueError(f"{days:g} days since 1970-01-01 is no date between the years 1 and 9999") from None


# Each unit with its steps, the seconds that one takes, and how its ticks read.
_UNITS = (
    ("year", (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000), 365.2425 * 86400, "%Y"),
    ("month", (1, 2, 3, 4, 6), 30.436875 * 86400, "%Y-%m"),
    ("day", (1, 2, 4, 7, 10, 14), 86400.0, "%Y-%m-%d"),
    ("hour", (1, 2, 3, 4, 6, 12), 3600.0, "%m-%d %H:%M"),
    ("minute", (1, 2, 5, 10, 15, 30), 60.0, "%H:%M"),
    ("second", (1, 2, 5, 10, 15, 30), 1.0, "%H:%M:%S"),
    ("microsecond", tuple(m * 10**k for k in range(6) for m in (1, 2, 5)), 1e-6, "%H:%M:%S.%f"),
)
_FIELDS = [name for name, *_ in _UNITS]


class DateLocator(Locator):
    """Ticks every `interval` of a unit, at round dates."""

    def __init__(self, unit, interval=1):
        self.unit, self.interval = unit, max(int(interval), 1)

    def tick_values(self, low, high, room=9):
        seconds = next(seconds for name, _, seconds, _ in _UNITS if name == self.unit)
        if (high - low) * 86400 / seconds / self.interval > 1000:
            raise ValueError(f"a tick every {self.interval} {self.unit}(s) would be more than 1000 ticks")
        moment, ticks = self._floor(num2date(low)), []
        while moment is not None and date2num(moment) <= high + 1e-9:
            if date2num(moment) >= low - 1e-9:
                ticks.append(date2num(moment))
            moment = self._after(moment)
        return ticks

    def _floor(self, moment):
        keep = _FIELDS.index(self.unit)
        blank = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0}
        moment = moment.replace(**{name: blank[name] for name in _FIELDS[keep + 1 :]})
        if self.unit == "year":
            return moment.replace(year=max(moment.year // self.interval * self.interval, 1))
        if self.unit == "month":
            return moment.replace(month=(moment.month - 1) // self.interval * self.interval + 1)
        if self.unit == "day":
            # Weeks start on Mondays; other steps start with the month.
            back = moment.weekday() if self.interval % 7 == 0 else (moment.day - 1) % self.interval
            return moment - datetime.timedelta(days=min(back, (moment - datetime.datetime.min).days))
        value = getattr(moment, self.unit)
        return moment.replace(**{self.unit: value // self.interval * self.interval})

    def _after(self, moment):
        try:
            if self.unit == "year":
                return moment.replace(year=moment.year // self.interval * self.interval + self.interval)
            if self.unit == "month":
                months = moment.month - 1 + self.interval
                return moment.replace(year=moment.year + months // 12, month=months % 12 + 1)
            if self.unit == "day" and self.interval % 7:
                after = moment + datetime.timedelta(days=self.interval)
                first = (after.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
                # No tick just before the first of a month, where the count restarts.
                if after.month != moment.month or (first - after).days < self.interval / 2 and self.interval > 1:
                    return first if after.month == moment.month else after.replace(day=1)
                return after
            return moment + datetime.timedelta(**{f"{self.unit}s": self.interval})
        except (OverflowError, ValueError):
            return None


class AutoDateLocator(Locator):
    """As many ticks as there is room for, in the unit that fits."""

    def __init__(self, tz=None, minticks=3, maxticks=None):
        self.maxticks = maxticks if isinstance(maxticks, int) else None

    def choose(self, low, high, room):
        """The locator of the smallest step that leaves no more ticks than `room`."""
        room = max(min(room, self.maxticks or room), 2)
        length = max(high - low, 1e-9) * 86400
        for name, steps, seconds, _ in reversed(_UNITS):
            for step in steps:
                if length / (seconds * step) <= room:
                    return DateLocator(name, step)
        return DateLocator("year", 10 ** math.ceil(math.log10(length / _UNITS[0][2] / room)))

    def tick_values(self, low, high, room=7):
        return self.choose(low, high, room).tick_values(low, high)


class YearLocator(DateLocator):
    def __init__(self, base=1, month=1, day=1, tz=None):
        super().__init__("year", base)


class MonthLocator(DateLocator):
    def __init__(self, bymonth=None, bymonthday=1, interval=1, tz=None):
        super().__init__("month", interval)
        self._months = None if bymonth is None else {bymonth} if isinstance(bymonth, int) else set(bymonth)

    def tick_values(self, low, high, room=9):
        ticks = super().tick_values(low, high)
        return [tick for tick in ticks if self._months is None or num2date(tick).month in self._months]


class DayLocator(DateLocator):
    def __init__(self, bymonthday=None, interval=1, tz=None):
        super().__init__("day", interval)


class WeekdayLocator(DateLocator):
    def __init__(self, byweekday=MO, interval=1, tz=None):
        super().__init__("day", 7 * interval)
        self._day = byweekday if isinstance(byweekday, int) else MO

    def _floor(self, moment):
        return super()._floor(moment) + datetime.timedelta(days=self._day - 7)


class HourLocator(DateLocator):
    def __init__(self, byhour=None, interval=1, tz=None):
        super().__init__("hour", interval)


class MinuteLocator(DateLocator):
    def __init__(self, byminute=None, interval=1, tz=None):
        super().__init__("minute", interval)


class SecondLocator(DateLocator):
    def __init__(self, bysecond=None, interval=1, tz=None):
        super().__init__("second", interval)


class DateFormatter(Formatter):
    """Dates by a format of `strftime`."""

    def __init__(self, fmt, tz=None, *, usetex=None):
        self.fmt = fmt

    def __call__(self, value, pos=None):
        return num2date(value).strftime(self.fmt)


class AutoDateFormatter(Formatter):
    """As much of the date as tells its ticks apart."""

    def __init__(self, locator=None, tz=None, defaultfmt="%Y-%m-%d"):
        self._fmt = defaultfmt

    def format_ticks(self, values):
        dates = [num2date(value) for value in values]
        starts = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0}
        finest = "year"
        for name, blank in starts.items():
            if any(getattr(date, name) != blank for date in dates):
                finest = name
        self._fmt = next(fmt for name, _, _, fmt in _UNITS if name == finest)
        if finest in ("hour", "minute"):
            self._fmt = "%H:%M" if len({date.date() for date in dates}) == 1 else "%m-%d %H:%M"
        texts = [date.strftime(self._fmt) for date in dates]
        if finest == "microsecond":
            while all(text.endswith("0") for text in texts):
                texts = [text[:-1] for text in texts]
        return texts

    def __call__(self, value, pos=None):
        return num2date(value).strftime(self._fmt)


ConciseDateFormatter = AutoDateFormatter

__getattr__ = missing.module_attribute("matplotlib.dates")
