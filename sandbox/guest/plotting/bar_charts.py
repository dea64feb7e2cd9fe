"""Charts of bars and sectors."""

import math

from . import patches
from .artist import Coordinates, normalized
from .colors import each
from .container import BarContainer
from .data import as_given, is_sequence, is_text, number, numbers, repeated, same_length, sequence
from .text import Text


class BarCharts:
    """The part of `Axes` that draws bars and sectors."""

    def bar(self, x, height, width=0.8, bottom=None, *, align="center", data=None, **style):
        if data is not None:
            x, height = (data[arg] if is_text(arg) and arg in data else arg for arg in (x, height))
        return self._bars(x, height, width, bottom, align, style, across=False)

    def barh(self, y, width, height=0.8, left=None, *, align="center", data=None, **style):
        if data is not None:
            y, width = (data[arg] if is_text(arg) and arg in data else arg for arg in (y, width))
        return self._bars(y, width, height, left, align, style, across=True)

    def _bars(self, places, lengths, thickness, base, align, style, across):
        """Bars at `places`, `thickness` wide, from `base` on; `across` if they lie."""
        along, upward = (self.yaxis.span, self.xaxis.span) if across else (self.xaxis.span, self.yaxis.span)
        given = sequence(lengths)
        places, lengths = along.convert(places), upward.convert(given)
        if len(lengths) == 1:
            lengths = lengths * len(places)
        places = places * len(lengths) if len(places) == 1 else places
        same_length(**({"y": places, "width": lengths} if across else {"x": places, "height": lengths}))
        count = len(places)
        if align not in ("center", "edge"):
            raise ValueError(f"align={align!r}: give 'center' or 'edge'")
        thick = numbers(repeated(thickness, count, "height" if across else "width"))
        bases = (
            [0.0] * count
            if base is None
            else numbers(repeated(upward.convert(base), count, "left" if across else "bottom"))
        )
        style = normalized({**style, "align": align})
        style.pop("horizontalalignment")
        errors = {name: style.pop(name, None) for name in ("xerr", "yerr", "ecolor", "capsize", "error_kw")}
        if style.pop("log", False):
            (self.set_xscale if across else self.set_yscale)("log")
        label = style.pop("label", None)
        labels = sequence(label) if is_sequence(label) else None
        tick_labels = style.pop("tick_label", None)
        color = style.pop("color", None)
        face = color if color is not None else style.pop("facecolor", None)
        style.pop("facecolor", None)
        faces = [self.next_patch_color()] if face is None else each(face) or ["none"]
        looks = {
            name: [value] if not isinstance(value, list) else value
            for name, value in style.items()
            if value is not None
        }
        shown = as_given(given) if not (upward.categories or upward.has_dates) else lengths
        lengths = shown * count if len(shown) == 1 else shown
        bars = []
        for index in range(count):
            start = places[index] - (thick[index] / 2 if align == "center" else 0)
            corner = (bases[index], start) if across else (start, bases[index])
            size = (lengths[index], thick[index]) if across else (thick[index], lengths[index])
            bar = patches.Bar(corner, *size, facecolor=faces[index % len(faces)])
            bar.set(**{name: values[index % len(values)] for name, values in looks.items() if values})
            bar.ends_at = ("x",) if across else ("y",)
            bar.label = labels[index] if labels else ""
            bars.append(self.add_patch(bar))
        if tick_labels is not None:
            (self.set_yticks if across else self.set_xticks)(places, repeated(tick_labels, count, "tick_label"))
        tips = [
            (base + length, place) if across else (place, base + length)
            for base, length, place in zip(bases, lengths, places)
        ]
        return self.add_container(
            BarContainer(
                bars,
                None if labels else label,
                orientation="horizontal" if across else "vertical",
                errorbar=self._bar_errors(tips, errors),
            )
        )

    def _bar_errors(self, tips, errors):
        if errors["xerr"] is None and errors["yerr"] is None:
            return None
        looks = {"ecolor": errors["ecolor"] or "black", "capsize": errors["capsize"], **(errors["error_kw"] or {})}
        drawn = self.errorbar(
            [x for x, _ in tips], [y for _, y in tips], yerr=errors["yerr"], xerr=errors["xerr"], fmt="none", **looks
        )
        for artist in drawn.get_children():
            artist.set_zorder(2.0)
        return drawn

    def bar_label(self, container, labels=None, *, fmt="%g", label_type="edge", padding=0, **style):
        """Texts at the ends of bars, or in their middles with `label_type="center"`."""
        if label_type not in ("edge", "center"):
            raise ValueError(f"label_type={label_type!r}: give 'edge' or 'center'")
        across = container.orientation == "horizontal"
        texts = []
        for index, bar in enumerate(container.patches):
            length = bar.get_width() if across else bar.get_height()
            text = labels[index] if labels is not None and index < len(labels) else _formatted(fmt, length)
            start = bar.get_x() if across else bar.get_y()
            middle = bar.get_y() + bar.get_height() / 2 if across else bar.get_x() + bar.get_width() / 2
            at = start + (length / 2 if label_type == "center" else length)
            sign = -1 if length < 0 else 1
            away = 0.0 if label_type == "center" else sign * (padding + 2)
            place, align = ((at, middle), ("left", "center")) if across else ((middle, at), ("center", "bottom"))
            if sign < 0:
                align = ("right", "center") if across else ("center", "top")
            if label_type == "center":
                align = ("center", "center")
            if container.errorbar is not None and label_type == "edge":
                place = container.errorbar.tip(index, across, sign)
            note = Text(*place, text, **{"ha": align[0], "va": align[1], **style})
            note.shift = (away, 0.0) if across else (0.0, away)
            texts.append(self.add_artist(note))
        return texts

    def broken_barh(self, xranges, yrange, **style):
        """Bars of (start, length) at one height, as in a Gantt chart."""
        low, height = (self.yaxis.span.convert_one(yrange[0]), number(yrange[1]))
        style = normalized(style)
        colors = each(style.pop("facecolor", None) or style.pop("color", None) or self.next_patch_color())
        label = style.pop("label", None)
        bars = []
        for index, (start, length) in enumerate(xranges):
            corner = (self.xaxis.span.convert_one(start), low)
            bars.append(
                self.add_patch(patches.Bar(corner, length, height, facecolor=colors[index % len(colors)], **style))
            )
        return self.add_container(BarContainer(bars, label, orientation="horizontal"))

    def axhspan(self, ymin, ymax, xmin=0, xmax=1, **style):
        """A band between two heights."""
        low, high = self.yaxis.span.convert([ymin, ymax])
        return self._band((xmin, low), xmax - xmin, high - low, Coordinates("axes", "data"), style)

    def axvspan(self, xmin, xmax, ymin=0, ymax=1, **style):
        """A band between two places along x."""
        low, high = self.xaxis.span.convert([xmin, xmax])
        return self._band((low, ymin), high - low, ymax - ymin, Coordinates("data", "axes"), style)

    def _band(self, corner, width, height, system, style):
        style = normalized(style)
        if "color" not in style and "facecolor" not in style:
            style["facecolor"] = self.next_patch_color()
        return self.add_patch(patches.Rectangle(corner, width, height, **{**style, "transform": system}))

    def pie(
        self,
        x,
        explode=None,
        labels=None,
        colors=None,
        autopct=None,
        pctdistance=0.6,
        shadow=False,
        labeldistance=1.1,
        startangle=0,
        radius=1,
        counterclock=True,
        wedgeprops=None,
        textprops=None,
        center=(0, 0),
        frame=False,
        rotatelabels=False,
        *,
        normalize=True,
        hatch=None,
        data=None,
    ):
        """Sectors with areas in proportion to `x`."""
        sizes = numbers(x)
        if any(not size >= 0 for size in sizes):
            raise ValueError("the sizes of a pie's sectors must not be negative")
        total = math.fsum(sizes) if normalize else 1.0
        if total == 0:
            raise ValueError("the sizes of a pie's sectors are all zero")
        count = len(sizes)
        offsets = numbers(repeated(0.0 if explode is None else explode, count, "explode"))
        names = [""] * count if labels is None else [str(label) for label in repeated(list(labels), count, "labels")]
        chosen = each(colors) if colors is not None else self.pie_colors()
        wedges, texts, shares = [], [], []
        angle = float(startangle)
        for index, size in enumerate(sizes):
            share = size / total
            end = angle + 360 * share * (1 if counterclock else -1)
            middle = math.radians((angle + end) / 2)
            away = (math.cos(middle), math.sin(middle))
            at = tuple(c + offsets[index] * part for c, part in zip(center, away))
            wedge = patches.Wedge(at, radius, angle, end, facecolor=chosen[index % len(chosen)], label=names[index])
            wedge.set(**(wedgeprops or {}))
            wedges.append(self.add_patch(wedge))
            if labeldistance is not None:
                side = "left" if away[0] >= 0 else "right"
                spot = [c + labeldistance * radius * part for c, part in zip(at, away)]
                texts.append(Text(*spot, names[index], **{"ha": side, "va": "center", **(textprops or {})}))
            if autopct is not None:
                spot = [c + pctdistance * radius * part for c, part in zip(at, away)]
                said = _formatted(autopct, 100 * share)
                shares.append(Text(*spot, said, **{"ha": "center", "va": "center", **(textprops or {})}))
            angle = end
        for text in (*texts, *shares):
            self.add_artist(text)
        if not frame:
            self.set_frame_on(False)
            self.set_xticks([])
            self.set_yticks([])
            self.set_xlim(center[0] - 1.25 * radius, center[0] + 1.25 * radius)
            self.set_ylim(center[1] - 1.25 * radius, center[1] + 1.25 * radius)
        self.set_aspect("equal")
        return (wedges, texts) if autopct is None else (wedges, texts, shares)


def _formatted(fmt, value):
    if callable(fmt):
        return fmt(value)
    return fmt.format(value) if "{" in fmt else fmt % value
