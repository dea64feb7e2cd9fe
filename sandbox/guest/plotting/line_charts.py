"""Charts of lines, points and areas."""

import math

from . import missing
from .artist import normalized
from .collections import LineCollection, PathCollection
from .colors import is_color_like
from .container import ErrorbarContainer, StemContainer
from .data import NAN, is_sequence, is_text, number, numbers, repeated, same_length, sequence
from .lines import Line2D, parse_format
from .rcsetup import rcParams
from .strokes import stairs


class LineCharts:
    """The part of `Axes` that draws lines, points and areas."""

    def plot(self, *args, scalex=True, scaley=True, data=None, **style):
        """Lines of `y`, of `x, y`, or of `x, y, format`, any number of them in a row."""
        if data is not None:
            args = [data[arg] if is_text(arg) and arg in data else arg for arg in args]
        lines = []
        for x, y, text in groups(list(args)):
            for columns in _columns(x, y):
                lines.append(self._line(*columns, text, style))
        labels = style.get("label")
        if isinstance(labels, (list, tuple)):
            for line, label in zip(lines, labels):
                line.set_label(label)
        return lines

    def _line(self, x, y, text, style):
        xs = self.xaxis.span.convert(range(len(sequence(y))) if x is None else x)
        ys = self.yaxis.span.convert(y)
        same_length(x=xs, y=ys)
        looks = {name: value for name, value in normalized(style).items() if value is not None or name == "marker"}
        if text:
            line, marker, color = parse_format(text)
            named = {"linestyle": line, "marker": marker, "color": color}
            if line is None and marker is not None:
                named["linestyle"] = "none"
            looks = {**{name: value for name, value in named.items() if value is not None}, **looks}
        artist = Line2D(xs, ys)
        cycled = {} if "color" in looks else self.next_line_style()
        artist.set(**{**cycled, **looks})
        return self.add_artist(artist)

    def semilogx(self, *args, base=10, **style):
        self.set_xscale("log", base=base)
        return self.plot(*args, **style)

    def semilogy(self, *args, base=10, **style):
        self.set_yscale("log", base=base)
        return self.plot(*args, **style)

    def loglog(self, *args, base=10, **style):
        self.set_xscale("log", base=base)
        return self.semilogy(*args, base=base, **style)

    def step(self, x, y, *args, where="pre", **style):
        if where not in ("pre", "mid", "post"):
            raise ValueError(f"where={where!r}: a step is at 'pre', 'mid' or 'post'")
        return self.plot(x, y, *args, drawstyle=f"steps-{where}", **style)

    def stairs(self, values, edges=None, *, orientation="vertical", baseline=0, fill=False, **style):
        values = numbers(values)
        edges = numbers(range(len(values) + 1) if edges is None else edges)
        if len(edges) != len(values) + 1:
            raise ValueError(f"{len(values)} values need {len(values) + 1} edges, not {len(edges)}")
        xs, ys = stairs(edges, [*values, values[-1]] if values else [], "post")
        base = number(baseline)
        if fill:
            return self.fill_between(xs, ys, base, **style)
        xs, ys = [xs[0], *xs, xs[-1]], [base, *ys, base]
        return self.plot(*((ys, xs) if orientation == "horizontal" else (xs, ys)), **style)[0]

    def scatter(
        self,
        x,
        y,
        s=None,
        c=None,
        *,
        marker=None,
        cmap=None,
        norm=None,
        vmin=None,
        vmax=None,
        alpha=None,
        linewidths=None,
        edgecolors=None,
        data=None,
        plotnonfinite=False,
        **style,
    ):
        """Points at (x, y) of `s` square points each. `c` are colours, or numbers that `cmap` gives colours."""
        if data is not None:
            x, y, s, c = (data[arg] if is_text(arg) and arg in data else arg for arg in (x, y, s, c))
        xs, ys = self.xaxis.span.convert(x), self.yaxis.span.convert(y)
        same_length(x=xs, y=ys)
        sizes = [36.0 if s is None else number(s)] if not is_sequence(s) else numbers(s)
        if len(sizes) not in (1, len(xs)):
            raise ValueError(f"s has {len(sizes)} sizes for {len(xs)} points")
        looks = {"linewidth": linewidths, "edgecolor": edgecolors, "alpha": alpha, **normalized(style)}
        points = PathCollection(xs, ys, sizes, marker or rcParams["scatter.marker"], cmap=cmap, norm=norm)
        points.set(**{name: value for name, value in looks.items() if value is not None and name != "color"})
        color = c if c is not None else looks.get("color")
        if color is None:
            if points.styled("facecolor") is None:
                points.style["facecolor"] = self.next_patch_color()
        elif _is_colors(color, len(xs)):
            points.style["facecolor"] = color
        else:
            values = numbers(color)
            if len(values) != len(xs):
                raise ValueError(f"c has {len(values)} values for {len(xs)} points")
            points.set_clim(vmin, vmax)
            points.set_array(values)
            self.mappable = points
        return self.add_artist(points)

    def errorbar(
        self,
        x,
        y,
        yerr=None,
        xerr=None,
        fmt="",
        *,
        ecolor=None,
        elinewidth=None,
        capsize=None,
        capthick=None,
        barsabove=False,
        errorevery=1,
        label=None,
        lolims=False,
        uplims=False,
        xlolims=False,
        xuplims=False,
        **style,
    ):
        """A line with bars that show errors: one number, one a point, or two lists of the lower and the upper ones."""
        if any((lolims, uplims, xlolims, xuplims)):
            raise NotImplementedError(missing.message("errorbar with limits"))
        xs, ys = self.xaxis.span.convert(x), self.yaxis.span.convert(y)
        same_length(x=xs, y=ys)
        hidden = isinstance(fmt, str) and fmt.lower() == "none"
        line = self._line(xs, ys, "" if hidden else fmt, style)
        if hidden:
            self.artists.remove(line)
        color = ecolor or line.get_color()
        width = elinewidth or line.styled("linewidth", rcParams["lines.linewidth"])
        size = rcParams["errorbar.capsize"] if capsize is None else number(capsize)
        looks = {"alpha": line.style.get("alpha"), "zorder": line.zorder}
        bars, caps = [], []
        for errors, direction in ((xerr, "x"), (yerr, "y")):
            if errors is None:
                continue
            low, high = _ends(xs if direction == "x" else ys, errors, f"{direction}err")
            keep = range(0, len(xs), errorevery)
            ends = [
                [(low[i], ys[i]), (high[i], ys[i])] if direction == "x" else [(xs[i], low[i]), (xs[i], high[i])]
                for i in keep
            ]
            bars.append(self.add_artist(LineCollection(ends, color=color, linewidth=width, **looks)))
            for side in (0, 1) if size else ():
                caps.append(
                    self.add_artist(
                        Line2D(
                            [pair[side][0] for pair in ends],
                            [pair[side][1] for pair in ends],
                            linestyle="none",
                            marker="|" if direction == "x" else "_",
                            color=color,
                            markersize=2 * size,
                            markeredgewidth=capthick or rcParams["lines.markeredgewidth"],
                            **looks,
                        )
                    )
                )
        if not barsabove:
            line.set_zorder(line.zorder + 0.1)
        container = ErrorbarContainer((None if hidden else line, tuple(caps), tuple(bars)), label)
        return self.add_container(container)

    def stem(self, *args, linefmt=None, markerfmt=None, basefmt=None, bottom=0, label=None, orientation="vertical"):
        """A line from `bottom` to each value, with a marker at its end."""
        heads = [arg for arg in args if not is_text(arg)]
        heads = [range(len(sequence(heads[0]))), heads[0]] if len(heads) == 1 else heads
        texts = [arg for arg in args if is_text(arg)]
        linefmt = linefmt or (texts[0] if texts else "C0-")
        markerfmt = markerfmt or (texts[1] if len(texts) > 1 else None)
        across = orientation == "horizontal"
        spans = (self.yaxis.span, self.xaxis.span) if across else (self.xaxis.span, self.yaxis.span)
        places, values = spans[0].convert(heads[0]), spans[1].convert(heads[1])
        same_length(x=places, y=values)
        line, _, color = parse_format(linefmt)
        color = color or "C0"
        marker_line, marker, marker_color = parse_format(markerfmt or "o")

        def turned(pairs):
            return [(b, a) for a, b in pairs] if across else list(pairs)

        base = number(bottom)
        stems = [turned([(place, base), (place, value)]) for place, value in zip(places, values)]
        ends = turned(zip(places, values))
        foot = turned([(min(places, default=0.0), base), (max(places, default=0.0), base)])
        lines = self.add_artist(LineCollection(stems, color=color, linestyle=line or "-"))
        _, _, base_color = parse_format(basefmt or "C3-")
        baseline = self.add_artist(Line2D([x for x, _ in foot], [y for _, y in foot], color=base_color or "C3"))
        markers = self.add_artist(
            Line2D(
                [x for x, _ in ends],
                [y for _, y in ends],
                linestyle=marker_line or "none",
                marker=marker or "o",
                color=marker_color or color,
            )
        )
        return self.add_container(StemContainer((markers, lines, baseline), label))


def groups(args):
    """(x or None, y, format) of each line in the arguments of `plot`."""
    while args:
        values = [args.pop(0)]
        if is_text(values[0]):
            raise ValueError(f"plot needs values before the format {values[0]!r}")
        if args and not is_text(args[0]):
            values.append(args.pop(0))
        text = args.pop(0) if args and is_text(args[0]) else ""
        yield (values[0] if len(values) == 2 else None), values[-1], text


def _columns(x, y):
    """(x, y) of each line: a matrix holds one line a column."""
    y = sequence(y)
    x = None if x is None else sequence(x)
    if y and is_sequence(y[0]):
        rows = [sequence(row) for row in y]
        many = x is not None and x and is_sequence(x[0])
        for column, ys in enumerate(zip(*rows)):
            yield ([sequence(row)[column] for row in x] if many else x), list(ys)
    else:
        yield x, y


def _is_colors(given, count):
    """Whether the `c` of a scatter plot are colours, not numbers."""
    if isinstance(given, str):
        return True
    values = sequence(given)
    if not values or not is_sequence(given):
        return is_sequence(given)
    if all(is_color_like(value) and (is_text(value) or is_sequence(value)) for value in values):
        return True
    return is_color_like(given) and len(values) != count


def _ends(values, errors, name):
    """(lower ends, upper ends) of error bars."""
    errors = sequence(errors)
    if errors and is_sequence(errors[0]):
        if len(errors) != 2:
            raise ValueError(
                f"{name} has {len(errors)} rows: give one, or one of the lower errors and one of the upper ones"
            )
        low, high = (repeated(row, len(values), name) for row in errors)
    else:
        low = high = repeated(errors, len(values), name)
    low, high = numbers(low), numbers(high)
    if any(error < 0 for error in low + high):
        raise ValueError(f"{name} must not be negative")
    pairs = [(value - a, value + b) for value, a, b in zip(values, low, high)]
    return [a if math.isfinite(a) else NAN for a, _ in pairs], [b if math.isfinite(b) else NAN for _, b in pairs]
