"""Charts of how values are distributed."""

import bisect
import math

from . import missing, patches
from .artist import normalized
from .colors import each
from .data import finite, is_sequence, number, numbers, repeated, sequence
from .lines import Line2D
from .rcsetup import rcParams


class StatisticalCharts:
    """The part of `Axes` that draws histograms and box plots."""

    def hist(
        self,
        x,
        bins=None,
        range=None,
        density=False,
        weights=None,
        cumulative=False,
        bottom=None,
        histtype="bar",
        align="mid",
        orientation="vertical",
        rwidth=None,
        log=False,
        color=None,
        label=None,
        stacked=False,
        *,
        data=None,
        **style,
    ):
        """Bars of how many values are in each of the bins; returns (counts, edges, bars)."""
        if histtype not in ("bar", "barstacked", "step", "stepfilled"):
            raise ValueError(f"histtype={histtype!r}: give 'bar', 'barstacked', 'step' or 'stepfilled'")
        span = self.xaxis.span if orientation == "vertical" else self.yaxis.span
        sets = [finite(span.convert(values)) for values in _data_sets(x)]
        weight_sets = [None] * len(sets) if weights is None else [numbers(row) for row in _data_sets(weights)]
        edges = bin_edges(
            [value for values in sets for value in values], rcParams["hist.bins"] if bins is None else bins, range
        )
        counts = [counts_in(values, edges, given) for values, given in zip(sets, weight_sets)]
        stacked = stacked or histtype == "barstacked"
        counts = [_finished(row, edges, density and not stacked, cumulative) for row in counts]
        if stacked and density:
            total = math.fsum(map(math.fsum, counts)) or 1.0
            counts = [[n / total / (b - a) for n, a, b in zip(row, edges, edges[1:])] for row in counts]
        colors = [self.next_line_style().get("color", "C0") for _ in sets] if color is None else each(color)
        labels = label if isinstance(label, (list, tuple)) else [label] + [None] * (len(sets) - 1)
        bases = repeated(0.0 if bottom is None else number(bottom), len(edges) - 1, "bottom")
        drawn, tops = [], list(bases)
        width = 1.0 if rwidth is None else float(rwidth)
        if rwidth is None and len(sets) > 1 and not stacked:
            width = 0.8
        for index, row in enumerate(counts):
            looks = {"color": colors[index % len(colors)], "label": labels[index], **style}
            lanes = 1 if stacked else len(sets)
            if histtype.startswith("step"):
                drawn.append(self._outline(row, edges, tops, histtype == "stepfilled", orientation, looks))
            else:
                drawn.append(
                    self._bins(
                        row,
                        edges,
                        tops,
                        width / lanes,
                        (index if lanes > 1 else 0) - (lanes - 1) / 2,
                        orientation,
                        looks,
                    )
                )
            if stacked:
                tops = [top + count for top, count in zip(tops, row)]
                counts[index] = list(tops)
        if log:
            (self.set_yscale if orientation == "vertical" else self.set_xscale)("log")
        return (counts[0], edges, drawn[0]) if len(sets) == 1 else (counts, edges, drawn)

    def _bins(self, row, edges, bases, width, lane, orientation, looks):
        places, sizes = [], []
        for left, right in zip(edges, edges[1:]):
            sizes.append((right - left) * width)
            places.append((left + right) / 2 + lane * sizes[-1])
        draw = self.bar if orientation == "vertical" else self.barh
        base = {"bottom" if orientation == "vertical" else "left": bases}
        return draw(places, row, sizes, **base, **{name: value for name, value in looks.items() if value is not None})

    def _outline(self, row, edges, bases, filled, orientation, looks):
        points = [(edges[0], bases[0])]
        for count, base, left, right in zip(row, bases, edges, edges[1:]):
            points.extend([(left, base + count), (right, base + count)])
        points.append((edges[-1], bases[-1]))
        if filled:
            points.extend((edge, base) for edge, base in zip(edges[-2::-1], bases[::-1]))
        if orientation != "vertical":
            points = [(y, x) for x, y in points]
        looks = normalized({name: value for name, value in looks.items() if value is not None})
        if not filled:
            looks = {"facecolor": "none", "edgecolor": looks.pop("color"), **looks}
        shape = patches.Polygon(points, closed=filled, **looks)
        self.add_patch(shape)
        return [shape]

    def boxplot(
        self,
        x,
        notch=None,
        sym=None,
        vert=None,
        whis=1.5,
        positions=None,
        widths=None,
        patch_artist=False,
        labels=None,
        tick_labels=None,
        showmeans=False,
        showcaps=True,
        showbox=True,
        showfliers=True,
        meanline=False,
        boxprops=None,
        flierprops=None,
        medianprops=None,
        meanprops=None,
        whiskerprops=None,
        capprops=None,
        manage_ticks=True,
        orientation="vertical",
        zorder=None,
        label=None,
        *,
        data=None,
        **style,
    ):
        """Boxes from the first to the third quartile with a line at the median; the whiskers reach the last value
        within `whis` times the box, or two percentiles."""
        if notch:
            raise NotImplementedError(missing.message("boxplot(notch=True)"))
        sets = [finite(numbers(values)) for values in _data_sets(x)]
        count = len(sets)
        places = numbers(range(1, count + 1)) if positions is None else numbers(positions)
        spread = max(places) - min(places) if places else 1.0
        sizes = repeated(min(max(0.15 * spread, 0.15), 0.5) if widths is None else widths, count, "widths")
        across = orientation == "horizontal" or vert is False
        names = tick_labels if tick_labels is not None else labels
        parts = {name: [] for name in ("whiskers", "caps", "boxes", "medians", "fliers", "means")}
        flier = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": "black", "linestyle": "none"}
        if sym is not None:
            flier["marker"] = sym[-1:] or "none"
        mean = {"linestyle": "--", "color": "C2"} if meanline else {"marker": "^", "color": "C2", "linestyle": "none"}

        def line(kind, xs, ys, given, **usual):
            points = (ys, xs) if across else (xs, ys)
            artist = Line2D(
                *points, **{"zorder": 2.0 if zorder is None else zorder, **usual, **normalized(given or {})}
            )
            parts[kind].append(self.add_artist(artist))

        for values, place, size in zip(sets, places, sizes):
            if not values:
                continue
            box = box_statistics(values, whis)
            left, right = place - size / 2, place + size / 2
            corners = [(left, box["q1"]), (right, box["q1"]), (right, box["q3"]), (left, box["q3"])]
            if showbox and patch_artist:
                corners = [(y, x) for x, y in corners] if across else corners
                looks = {"facecolor": "C0", "edgecolor": "black", "zorder": 1.0, **normalized(boxprops or {})}
                parts["boxes"].append(self.add_patch(patches.Polygon(corners, **looks)))
            elif showbox:
                closed = [*corners, corners[0]]
                line("boxes", [x for x, _ in closed], [y for _, y in closed], boxprops, color="black", linewidth=1.0)
            for near, far in (("q1", "low"), ("q3", "high")):
                line("whiskers", [place, place], [box[near], box[far]], whiskerprops, color="black", linewidth=1.0)
                if showcaps:
                    ends = [place - size / 4, place + size / 4]
                    line("caps", ends, [box[far], box[far]], capprops, color="black", linewidth=1.0)
            line("medians", [left, right], [box["median"]] * 2, medianprops, color="C1", linewidth=1.0)
            if showmeans:
                at = ([left, right], [box["mean"]] * 2) if meanline else ([place], [box["mean"]])
                line("means", *at, meanprops, **mean)
            if showfliers:
                line("fliers", [place] * len(box["fliers"]), box["fliers"], flierprops, **flier)
        if manage_ticks:
            axis = self.yaxis if across else self.xaxis
            axis.set_ticks(places, None if names is None else repeated(names, count, "tick_labels"))
            if axis.span.low is None or axis.span.low > min(places) - 0.5:
                axis.span.low = min(places) - 0.5
            if axis.span.high is None or axis.span.high < max(places) + 0.5:
                axis.span.high = max(places) + 0.5
        return parts


def percentile(ordered, share):
    """The value below which `share` (0 to 1) of sorted values are, between two of them if need be."""
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def box_statistics(values, whis):
    """Median, mean, quartiles, ends of the whiskers, and the values beyond them."""
    ordered = sorted(values)
    q1, median, q3 = (percentile(ordered, share) for share in (0.25, 0.5, 0.75))
    if is_sequence(whis):
        low_limit, high_limit = (percentile(ordered, number(share) / 100) for share in sequence(whis))
    else:
        low_limit, high_limit = q1 - whis * (q3 - q1), q3 + whis * (q3 - q1)
    inside = [value for value in ordered if low_limit <= value <= high_limit]
    low, high = min([q1, *inside[:1]]), max([q3, *inside[-1:]])
    return {
        "q1": q1,
        "median": median,
        "q3": q3,
        "mean": math.fsum(ordered) / len(ordered),
        "low": low,
        "high": high,
        "fliers": [value for value in ordered if value < low or value > high],
    }


def bin_edges(values, bins, limits=None):
    """The edges of bins: as given, or so many of one size, or as many as a rule says."""
    if is_sequence(bins):
        edges = numbers(bins)
        if len(edges) < 2 or any(b <= a for a, b in zip(edges, edges[1:])):
            raise ValueError("the edges of bins must be at least two numbers in increasing order")
        return edges
    low, high = numbers(limits) if limits is not None else (min(values, default=0.0), max(values, default=1.0))
    if low == high:
        low, high = low - 0.5, high + 0.5
    inside = [value for value in values if low <= value <= high]
    count = _bin_count(inside, bins, high - low) if isinstance(bins, str) else int(bins)
    if count < 1:
        raise ValueError(f"a histogram needs at least one bin, not {bins!r}")
    return [low + (high - low) * index / count for index in range(count)] + [high]


def _bin_count(values, rule, length):
    """See D. Freedman and P. Diaconis 1981, H. Sturges 1926 and D. Scott 1979."""
    n = max(len(values), 1)
    ordered = sorted(values) or [0.0]
    mean = math.fsum(ordered) / len(ordered)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / len(ordered))
    width = {
        "sturges": length / (math.log2(n) + 1),
        "sqrt": length / math.sqrt(n),
        "rice": length / (2 * n ** (1 / 3)),
        "scott": (24 * math.sqrt(math.pi) / n) ** (1 / 3) * deviation,
        "fd": 2 * (percentile(ordered, 0.75) - percentile(ordered, 0.25)) / n ** (1 / 3),
    }
    if rule == "auto":
        chosen = min(width["fd"], width["sturges"]) if width["fd"] else width["sturges"]
    elif rule in width:
        chosen = width[rule]
    else:
        raise ValueError(f"bins={rule!r}: give a number, edges, or one of auto, {', '.join(width)}")
    return max(math.ceil(length / chosen), 1) if chosen else 1


def counts_in(values, edges, weights):
    if weights is not None and len(weights) != len(values):
        raise ValueError(f"weights has {len(weights)} values for {len(values)} points")
    counts = [0.0] * (len(edges) - 1)
    for index, value in enumerate(values):
        if edges[0] <= value <= edges[-1]:
            counts[min(bisect.bisect_right(edges, value), len(edges) - 1) - 1] += (
                1.0 if weights is None else weights[index]
            )
    return counts


def _finished(counts, edges, density, cumulative):
    if density:
        total = math.fsum(counts) or 1.0
        counts = [count / total / (b - a) for count, a, b in zip(counts, edges, edges[1:])]
    if not cumulative:
        return counts
    widths = [b - a if density else 1.0 for a, b in zip(edges, edges[1:])]
    backwards = isinstance(cumulative, (int, float)) and cumulative < 0
    sums, total = [], 0.0
    pairs = list(zip(counts, widths))
    for count, width in pairs[::-1] if backwards else pairs:
        total += count * width
        sums.append(total)
    return sums[::-1] if backwards else sums


def _data_sets(x):
    """One list of values a data set."""
    values = sequence(x)
    return [sequence(row) for row in values] if values and is_sequence(values[0]) else [values]
